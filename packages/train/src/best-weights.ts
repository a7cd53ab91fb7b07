/** Weights of the best epoch of a run, in memory. */
import { dispose, keep, mul, type Tensor, tidy, type Variable } from '@tensorflow/tfjs-core';

/** Copies of the net's variables, one tensor for each; `dispose` frees them. */
export class BestWeights {
  readonly #weights = new Map<string, Tensor>();

  /** Copies by variable, for a checkpoint. This object owns them. Empty before the first epoch. */
  get weights(): ReadonlyMap<string, Tensor> {
    return this.#weights;
  }

  /** Replaces the weights by copies of tensors. */
  take(tensors: ReadonlyMap<string, Tensor>): void {
    this.dispose();
    // Multiplied by 1: a clone would share the memory of a variable.
    for (const [name, value] of tensors) this.#weights.set(name, keep(tidy(() => mul(value, 1))));
  }

  /** Assigns the weights to the variables. Does nothing before the first epoch. */
  restore(variables: ReadonlyMap<string, Variable>): void {
    for (const [name, value] of this.#weights) variables.get(name)!.assign(value);
  }

  dispose(): void {
    dispose([...this.#weights.values()]);
    this.#weights.clear();
  }
}
