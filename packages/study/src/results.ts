/** Errors of a study's nets, alone and fused, with standard errors: over the images, and over the random seeds if there are several. */
import { type Comparison, compareErrors, type ErrorEstimate, errorOf } from '@vgg/eval';
import type { StudyNet } from './nets';
import { type Measure, type NetScores, type Wrong, wrongPredictions } from './scores';

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
  /** Number of classes; 0 without a trained net. */
  readonly classes: number;
  readonly #scores: ReadonlyMap<string, NetScores>;
  readonly #runs = new Map<string, ReadonlyMap<number, Wrong>>();

  /** @param scores posteriors of each trained net, by its name. */
  constructor(nets: readonly StudyNet[], scores: ReadonlyMap<string, NetScores>) {
    this.nets = nets.filter(({ name }) => scores.has(name));
    this.classes = [...scores.values()][0]?.classes ?? 0;
    this.#scores = scores;
  }

  /** Returns the wrong predictions of a variant by random seed: of the seeds of which all its nets are there. */
  #runsOf(variant: Variant): ReadonlyMap<number, Wrong> {
    const key = JSON.stringify(variant);
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const { ids, measure } = variant;
    const runs = new Map<number, Wrong>();
    for (const seed of new Set(this.nets.map((net) => net.seed))) {
      const nets = this.nets.filter((net) => net.seed === seed && ids.includes(net.id));
      if (nets.length < ids.length) continue;
      const wrong = wrongPredictions(
        nets.map(({ name }) => this.#scores.get(name)!),
        measure,
      );
      if (wrong.top1.length > 0) runs.set(seed, wrong);
    }
    this.#runs.set(key, runs);
    return runs;
  }

  /** Returns the error of a variant on the images that all its runs have; undefined if it was not measured. */
  result(variant: Variant): VariantResult | undefined {
    const runs = [...this.#runsOf(variant).values()];
    if (runs.length === 0) return undefined;
    const images = smallest(runs.map(({ top1 }) => top1.length));
    const first = (kind: 'top1' | 'top5') => runs.map((run) => run[kind].subarray(0, images));
    return { images, seeds: runs.length, top1: errorOf(first('top1')), top5: errorOf(first('top5')) };
  }

  /** Compares the top-1 errors of two variants on the images and seeds that both have; undefined if there are none. */
  compare(before: Variant, after: Variant): Comparison | undefined {
    const [first, second] = [this.#runsOf(before), this.#runsOf(after)];
    const seeds = [...first.keys()].filter((seed) => second.has(seed));
    if (seeds.length === 0) return undefined;
    const outcomes = (runs: ReadonlyMap<number, Wrong>) => seeds.map((seed) => runs.get(seed)!.top1);
    const images = smallest([...outcomes(first), ...outcomes(second)].map(({ length }) => length));
    const shared = (runs: ReadonlyMap<number, Wrong>) => outcomes(runs).map((run) => run.subarray(0, images));
    return compareErrors(shared(first), shared(second));
  }
}
