/** Errors of a study's nets, alone and fused, with standard errors: over the images, and over the random seeds if there are several. */
import { type Comparison, compareErrors, type ErrorEstimate, errorOf, type Outcomes } from '@vgg/eval';
import type { StudyNet } from './nets';
import { type Measure, type NetScores, wrongPredictions } from './scores';

/** One net, or the fusion of several, under one measure. */
export interface Variant {
  /** Names of the nets without the random seed. */
  readonly ids: readonly string[];
  readonly measure: Measure;
}

/** Error of a variant. */
export interface VariantResult {
  readonly images: number;
  readonly seeds: number;
  readonly top1: ErrorEstimate;
  readonly top5: ErrorEstimate;
}

/** Returns the smallest of some numbers; 0 if there are none. */
export function smallest(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((low, value) => Math.min(low, value));
}

/** Results of a study, computed from the posteriors of its nets. */
export class StudyResults {
  readonly nets: readonly StudyNet[];
  readonly #scores: ReadonlyMap<string, NetScores>;
  readonly #runs = new Map<string, { top1: Outcomes; top5: Outcomes }[]>();

  /** @param scores posteriors of each trained net, by its name. */
  constructor(nets: readonly StudyNet[], scores: ReadonlyMap<string, NetScores>) {
    this.nets = nets.filter(({ name }) => scores.has(name));
    this.#scores = scores;
  }

  /** Returns the wrong predictions of a variant for each random seed of which all its nets are there. */
  #runsOf(variant: Variant): { top1: Outcomes; top5: Outcomes }[] {
    const key = JSON.stringify(variant);
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const { ids, measure } = variant;
    const seeds = [...new Set(this.nets.map(({ seed }) => seed))];
    const runs = seeds
      .map((seed) => ids.map((id) => this.nets.find((net) => net.id === id && net.seed === seed)))
      .filter((nets) => nets.every((net) => net !== undefined))
      .map((nets) =>
        wrongPredictions(
          nets.map(({ name }) => this.#scores.get(name)!),
          measure,
        ),
      )
      .filter(({ top1 }) => top1.length > 0);
    this.#runs.set(key, runs);
    return runs;
  }

  /** Returns the error of a variant on the images that all its runs have; undefined if it was not measured. */
  result(variant: Variant): VariantResult | undefined {
    const runs = this.#runsOf(variant);
    if (runs.length === 0) return undefined;
    const images = smallest(runs.map(({ top1 }) => top1.length));
    const first = (kind: 'top1' | 'top5') => runs.map((run) => run[kind].subarray(0, images));
    return { images, seeds: runs.length, top1: errorOf(first('top1')), top5: errorOf(first('top5')) };
  }

  /** Compares the top-1 errors of two variants on the images that both have; undefined if one was not measured. */
  compare(before: Variant, after: Variant): Comparison | undefined {
    const runs = [this.#runsOf(before), this.#runsOf(after)];
    if (runs.some(({ length }) => length === 0)) return undefined;
    const images = smallest(runs.flat().map(({ top1 }) => top1.length));
    const [first, second] = runs.map((some) => some.map(({ top1 }) => top1.subarray(0, images)));
    return compareErrors(first!, second!);
  }
}
