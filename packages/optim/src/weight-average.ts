/** Exponential moving average of a net's weights over the steps of training. It is not in the paper. */
import { add, keep, mul, type Tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import { requireInteger, VggError } from '@vgg/core';
import { checkOneName } from './optimiser';

/**
 * Averages named variables, including batch norm's running statistics: average ← d·average + (1 − d)·variable after
 * each step. After n earlier updates d is min(decay, (1 + n)/(10 + n)), so that the random initial weights do not
 * dominate the average of a short run. The first update copies the variables.
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

  /** Averages by variable, for a checkpoint. This object owns them. Empty before the first update. */
  get averages(): ReadonlyMap<string, Tensor> {
    return this.#averages;
  }

  /**
   * Adds the variables of one more step to the averages.
   *
   * @throws VggError `VGG_ARGUMENT` for a variable with two names: `swap` would exchange it twice.
   */
  update(variables: ReadonlyMap<string, Variable>): void {
    checkOneName(variables);
    const n = this.#updates;
    const decay = n === 0 ? 0 : Math.min(this.decay, (1 + n) / (10 + n));
    for (const [name, variable] of variables) {
      const before = this.#averages.get(name);
      // The first is multiplied by 1: a clone would share the memory of the variable.
      const after = tidy(() =>
        before === undefined ? mul(variable, 1) : add(mul(before, decay), mul(variable, 1 - decay)),
      );
      this.#averages.set(name, keep(after));
      before?.dispose();
    }
    this.#updates = n + 1;
  }

  /**
   * Replaces the averages by copies of saved ones.
   *
   * @param updates number of updates of the saved averages, at least 1.
   * @throws VggError `VGG_ARGUMENT` for another number of updates.
   */
  load(averages: ReadonlyMap<string, Tensor>, updates: number): void {
    requireInteger('the updates of saved averages', updates, 1);
    this.dispose();
    for (const [name, average] of averages) this.#averages.set(name, keep(tidy(() => mul(average, 1))));
    this.#updates = updates;
  }

  /**
   * Exchanges the values of the variables and the averages; a second call exchanges them again. Neither may be updated
   * between the two calls. Does nothing before the first update.
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

  /** Disposes the averages. The next update copies the variables. */
  dispose(): void {
    for (const average of this.#averages.values()) average.dispose();
    this.#averages.clear();
    this.#updates = 0;
  }
}
