/** Sum of the gradients of a batch over its micro-batches (section 3.3). */
import { add, keep, mul, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { requireInteger, TreeSum, VggError } from '@vgg/core';

type Tensors = Map<string, Tensor>;

/** Returns the sums by name and disposes both. A name that only `right` has was added to it already. */
function addAll(left: Tensors, right: Tensors): Tensors {
  for (const [name, value] of left) {
    const other = right.get(name)!;
    right.set(name, keep(add(value, other)));
    value.dispose();
    other.dispose();
  }
  return right;
}

/**
 * Sums gradients of *summed* losses (`reduction: 'sum'`) and counts samples. The sum divided by the count is the
 * gradient of the mean loss, in which each sample has the same weight, in a full micro-batch and in a short last one.
 *
 * Micro-batches are added in a tree over their index (see `TreeSum` of `@vgg/core`), so that the sums have the same bits
 * on one process and on many.
 */
export class GradientAccumulator {
  readonly #count: number;
  readonly #first: number;
  readonly #shapes = new Map<string, readonly number[]>();
  #tree: TreeSum<Tensors>;
  #added = 0;
  #samples = 0;

  /**
   * @param count number of micro-batches of the whole batch.
   * @param first index of the first micro-batch that is added. Default 0.
   */
  constructor(count: number, first = 0) {
    requireInteger('count', count, 1);
    this.#count = count;
    this.#first = first;
    this.#tree = new TreeSum(count, first, addAll);
  }

  /** Number of samples added since the last reset. */
  get samples(): number {
    return this.#samples;
  }

  /** Partial sums by variable; the accumulator owns them. One, once all micro-batches of the batch were added. */
  get parts(): readonly ReadonlyMap<string, Tensor>[] {
    return this.#tree.parts;
  }

  /**
   * Adds the sums so far to the next micro-batch's gradient of one variable, as far as the order of the tree allows.
   * As the last argument of {@link lossAndGradients}, it does so during the backward pass: the sum of a variable is
   * ready, and the memory of its terms free, before the gradients of earlier layers are computed. The gradients
   * must then be passed to `add`; if the backward pass fails, the accumulator must be reset.
   *
   * @throws VggError `VGG_STATE` if all micro-batches were added.
   */
  readonly addSums = (name: string, gradient: Tensor): Tensor => {
    this.#checkNotFull();
    let sum = gradient;
    for (const sums of [...this.#tree.next].reverse()) {
      const value = sums.get(name);
      if (value === undefined) continue;
      sum = add(value, sum);
      value.dispose();
      sums.delete(name);
    }
    return sum;
  };

  /**
   * Adds the gradients of the summed loss of the next micro-batch. Takes ownership of them: do not dispose them.
   *
   * @throws VggError `VGG_ARGUMENT` unless `samples` is an integer of at least 1, `VGG_SHAPE` if names or shapes differ
   *   from those of earlier micro-batches, `VGG_STATE` if all micro-batches were added.
   */
  add(gradients: ReadonlyMap<string, Tensor>, samples: number): void {
    requireInteger('samples', samples, 1);
    this.#checkNotFull();
    this.#checkSame(gradients);
    for (const gradient of gradients.values()) keep(gradient);
    this.#tree.push(new Map(gradients));
    this.#added += 1;
    this.#samples += samples;
  }

  #checkNotFull(): void {
    if (this.#first + this.#added < this.#count) return;
    throw new VggError('state', `expected ${this.#count} micro-batches, got one more: call reset() after a batch`);
  }

  #checkSame(gradients: ReadonlyMap<string, Tensor>): void {
    if (this.#added === 0) for (const [name, { shape }] of gradients) this.#shapes.set(name, shape);
    for (const name of new Set([...this.#shapes.keys(), ...gradients.keys()])) {
      const expected = this.#shapes.get(name);
      const got = gradients.get(name)?.shape;
      if (expected?.join() !== got?.join()) {
        const describe = (shape?: readonly number[]) => (shape === undefined ? 'none' : `shape [${shape}]`);
        throw new VggError('shape', `gradient of ${name}: expected ${describe(expected)}, got ${describe(got)}`);
      }
    }
  }

  /**
   * Returns the gradient of the mean loss over all samples. The caller disposes it.
   *
   * @throws VggError `VGG_STATE` unless all micro-batches were added.
   */
  average(): Map<string, Tensor> {
    if (this.#first > 0 || this.#added < this.#count) {
      throw new VggError('state', `expected ${this.#count} micro-batches before the average, got ${this.#added}`);
    }
    const scale = 1 / this.#samples;
    return new Map([...this.parts[0]!].map(([name, sum]) => [name, tidy(() => mul(sum, scale))]));
  }

  /** Disposes the sums and starts again. */
  reset(): void {
    for (const sums of this.parts) for (const sum of sums.values()) sum.dispose();
    this.#tree = new TreeSum(this.#count, this.#first, addAll);
    this.#shapes.clear();
    this.#added = 0;
    this.#samples = 0;
  }
}
