/** The exponential moving average of a net's weights over the steps of training: not in the paper, off in its recipes. */
import { add, keep, mul, type Tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/**
 * Averages named variables, batch norm's running statistics among them: average ← d·average + (1 − d)·variable after each
 * step. After n earlier updates d is min(decay, (1 + n)/(10 + n)), so that the first weights, which know nothing, do not
 * linger in a short run; the first update takes the variables as they are.
 *
 * It owns one tensor per variable; `dispose` frees them.
 */
export class WeightAverage {
  readonly decay: number;
  #updates = 0;
  readonly #averages = new Map<string, Tensor>();

  /**
   * @param decay d in (0, 1): about 1/(1 − d) steps are averaged.
   * @throws VggError `VGG_ARGUMENT` for another decay.
   */
  constructor(decay: number) {
    if (!(decay > 0 && decay < 1)) {
      throw new VggError('argument', `expected a decay of the averaged weights above 0 and below 1, got ${decay}`);
    }
    this.decay = decay;
  }

  /** The averages by variable, for a checkpoint; this object keeps owning them. Empty before the first update. */
  get averages(): ReadonlyMap<string, Tensor> {
    return this.#averages;
  }

  /** Takes the variables of one more step in. */
  update(variables: ReadonlyMap<string, Variable>): void {
    const n = this.#updates;
    const decay = n === 0 ? 0 : Math.min(this.decay, (1 + n) / (10 + n));
    for (const [name, variable] of variables) {
      const before = this.#averages.get(name);
      // A product even for the first: an identity would share the variable's memory.
      const after = tidy(() =>
        before === undefined ? mul(variable, 1) : add(mul(before, decay), mul(variable, 1 - decay)),
      );
      this.#averages.set(name, keep(after));
      before?.dispose();
    }
    this.#updates = n + 1;
  }

  /**
   * Takes copies of saved averages in place of its own.
   * @param updates how many updates they have had, ≥ 1.
   * @throws VggError `VGG_ARGUMENT` for another number of updates.
   */
  load(averages: ReadonlyMap<string, Tensor>, updates: number): void {
    if (!Number.isSafeInteger(updates) || updates < 1) {
      throw new VggError('argument', `expected averages of at least 1 update, got ${updates}`);
    }
    this.dispose();
    for (const [name, average] of averages) this.#averages.set(name, keep(tidy(() => mul(average, 1))));
    this.#updates = updates;
  }

  /**
   * Exchanges the values of the variables and the averages; a second call undoes it. Between the two, nothing may update
   * either. Before the first update there is nothing to exchange.
   */
  swap(variables: ReadonlyMap<string, Variable>): void {
    for (const [name, variable] of variables) {
      const average = this.#averages.get(name);
      if (average === undefined) continue;
      this.#averages.set(name, keep(tidy(() => variable.clone())));
      variable.assign(average);
      average.dispose();
    }
  }

  /** Frees the averages; the next update takes the variables as they are. */
  dispose(): void {
    for (const average of this.#averages.values()) average.dispose();
    this.#averages.clear();
    this.#updates = 0;
  }
}
