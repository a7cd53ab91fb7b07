/** Adding up the gradient of a batch over its micro-batches (section 3.3). */
import { add, keep, mul, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/**
 * Sums gradients of *summed* losses (`reduction: 'sum'`) and counts samples; the sum divided by the count is the gradient
 * of the mean loss, with each sample weighing the same in a full micro-batch and in a short last one. On one device or
 * many, the sums and counts are what is added up.
 */
export class GradientAccumulator {
  readonly #sums = new Map<string, Tensor>();
  #samples = 0;

  /** The samples added since the last reset. */
  get samples(): number {
    return this.#samples;
  }

  /** The sums, owned by the accumulator. */
  get sums(): ReadonlyMap<string, Tensor> {
    return this.#sums;
  }

  /**
   * Adds the gradients of one micro-batch's summed loss and takes them over: do not dispose them.
   * @throws VggError `VGG_ARGUMENT` when `samples` is not a positive integer, `VGG_SHAPE` when the gradients are not those
   *   of the earlier micro-batches in name and shape.
   */
  add(gradients: ReadonlyMap<string, Tensor>, samples: number): void {
    if (!Number.isInteger(samples) || samples < 1) {
      throw new VggError('argument', `expected a micro-batch of at least one sample, got ${samples}`);
    }
    if (this.#samples > 0) this.#checkSame(gradients);
    for (const [name, gradient] of gradients) {
      const sum = this.#sums.get(name);
      this.#sums.set(name, keep(sum === undefined ? gradient : add(sum, gradient)));
      if (sum !== undefined) {
        sum.dispose();
        gradient.dispose();
      }
    }
    this.#samples += samples;
  }

  #checkSame(gradients: ReadonlyMap<string, Tensor>): void {
    for (const name of new Set([...this.#sums.keys(), ...gradients.keys()])) {
      const [expected, got] = [this.#sums.get(name)?.shape, gradients.get(name)?.shape];
      if (expected?.join() !== got?.join()) {
        const describe = (shape?: number[]) => (shape === undefined ? 'none' : `shape [${shape}]`);
        throw new VggError('shape', `gradient of ${name}: expected ${describe(expected)}, got ${describe(got)}`);
      }
    }
  }

  /**
   * The gradient of the mean loss over all samples added; the caller disposes it.
   * @throws VggError `VGG_STATE` when nothing was added.
   */
  average(): Map<string, Tensor> {
    if (this.#samples === 0) throw new VggError('state', 'expected at least one micro-batch before the average');
    const scale = 1 / this.#samples;
    return new Map([...this.#sums].map(([name, sum]) => [name, tidy(() => mul(sum, scale))]));
  }

  /** Forgets and frees the sums. */
  reset(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    this.#sums.clear();
    this.#samples = 0;
  }
}
