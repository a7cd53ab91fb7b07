/** Sum of the gradients of a batch over its micro-batches (section 3.3). */
import { add, keep, mul, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { requireInteger, VggError } from '@vgg/core';

/**
 * Sums gradients of *summed* losses (`reduction: 'sum'`) and counts samples. The sum divided by the count is the
 * gradient of the mean loss, in which each sample has the same weight, in a full micro-batch and in a short last one.
 * Sums and counts of several devices can be added too.
 */
export class GradientAccumulator {
  readonly #sums = new Map<string, Tensor>();
  #samples = 0;

  /** Number of samples added since the last reset. */
  get samples(): number {
    return this.#samples;
  }

  /** Sums by variable; the accumulator owns them. */
  get sums(): ReadonlyMap<string, Tensor> {
    return this.#sums;
  }

  /**
   * Adds the gradients of the summed loss of one micro-batch. Takes ownership of them: do not dispose them.
   *
   * @throws VggError `VGG_ARGUMENT` unless `samples` is an integer of at least 1, `VGG_SHAPE` if names or shapes differ
   *   from those of earlier micro-batches.
   */
  add(gradients: ReadonlyMap<string, Tensor>, samples: number): void {
    requireInteger('samples', samples, 1);
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
      const expected = this.#sums.get(name)?.shape;
      const got = gradients.get(name)?.shape;
      if (expected?.join() !== got?.join()) {
        const describe = (shape?: number[]) => (shape === undefined ? 'none' : `shape [${shape}]`);
        throw new VggError('shape', `gradient of ${name}: expected ${describe(expected)}, got ${describe(got)}`);
      }
    }
  }

  /**
   * Returns the gradient of the mean loss over all added samples. The caller disposes it.
   *
   * @throws VggError `VGG_STATE` if nothing was added.
   */
  average(): Map<string, Tensor> {
    if (this.#samples === 0) throw new VggError('state', 'expected at least one micro-batch before the average');
    const scale = 1 / this.#samples;
    return new Map([...this.#sums].map(([name, sum]) => [name, tidy(() => mul(sum, scale))]));
  }

  /** Disposes the sums and starts at zero. */
  reset(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    this.#sums.clear();
    this.#samples = 0;
  }
}
