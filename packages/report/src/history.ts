/** Course of a run, read from its metrics. Memory is bounded: a run has some thousand points, however many steps it has. */
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Curves, Headline, TimeSpent } from './data';

/** Loss and errors in %. */
export interface Measures {
  readonly loss: number;
  readonly top1?: number | undefined;
  readonly top5?: number | undefined;
}

/** Measures of the validation images, and the number of these. */
export interface ValidationMeasures extends Measures {
  readonly samples?: number | undefined;
}

/** Line of `metrics.jsonl` for one training step. */
export interface StepEntry {
  readonly type: 'step';
  /** Epoch and batch within it, counted from 0. */
  readonly epoch: number;
  readonly batch: number;
  readonly metrics: Measures;
  /** Learning rate. */
  readonly rate?: number | undefined;
  /** Images of the step, and the time that it took in seconds. */
  readonly samples?: number | undefined;
  readonly seconds?: number | undefined;
  /** Part of `seconds` in which the step waited for images. */
  readonly waiting?: number | undefined;
  /** Seconds spent on checkpoints since the step before. */
  readonly saving?: number | undefined;
  /** Time in which rank 0 of a job waited for the others, by the rank that came last. */
  readonly peers?: { readonly byRank: readonly number[] } | undefined;
}

/** Line of `metrics.jsonl` for one epoch. */
export interface EpochEntry {
  readonly type: 'epoch';
  /** Epoch, counted from 0. */
  readonly epoch: number;
  readonly training: Measures;
  readonly validation?: ValidationMeasures | undefined;
  /** True if this is the best epoch so far. */
  readonly best?: boolean | undefined;
  /** Seconds of the validation. */
  readonly validating?: number | undefined;
}

export type MetricsEntry = StepEntry | EpochEntry;

/** Sums over the steps that one point stands for. */
interface Bucket {
  steps: number;
  epoch: number;
  loss: number;
  top1: number;
  top5: number;
  rate: number;
  samples: number;
  seconds: number;
}

/** Number of points after neighbours were merged. They are merged at twice as many. */
const POINTS = 600;
/** Number of steps from which the recent speed is measured. */
const RECENT = 20;

function mergeBuckets(a: Bucket, b: Bucket): Bucket {
  return {
    steps: a.steps + b.steps,
    epoch: b.epoch,
    loss: a.loss + b.loss,
    top1: a.top1 + b.top1,
    top5: a.top5 + b.top5,
    rate: b.rate,
    samples: a.samples + b.samples,
    seconds: a.seconds + b.seconds,
  };
}

function mergePairs<T>(values: readonly T[], merge: (a: T, b: T) => T): T[] {
  const pairs: T[] = [];
  for (let i = 0; i < values.length; i += 2) {
    pairs.push(i + 1 < values.length ? merge(values[i]!, values[i + 1]!) : values[i]!);
  }
  return pairs;
}

/** Rounds to five significant digits, which is more than a chart can show; null for a value that is not finite. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(5)) : null;
}

interface ValidationPoint {
  epoch: number;
  loss: number;
  top1: number;
  top5: number;
}

export class History {
  readonly #batchesPerEpoch: number;
  #buckets: Bucket[] = [];
  /** Steps of one full bucket. */
  #bucketSize = 1;
  #validation: ValidationPoint[] = [];
  #best: Headline['best'] = null;
  #epoch = 0;
  #time = { computing: 0, waiting: 0, validating: 0, saving: 0 };
  /** Seconds in which rank 0 waited for each rank. */
  readonly #late: number[] = [];
  #recent: { samples: number; seconds: number }[] = [];

  constructor(batchesPerEpoch: number) {
    this.#batchesPerEpoch = Math.max(1, batchesPerEpoch);
  }

  add(entry: MetricsEntry): void {
    if (entry.type === 'step') this.#addStep(entry);
    else this.#addEpoch(entry);
  }

  #addStep(entry: StepEntry): void {
    const { epoch, batch, metrics, rate, samples = 0, seconds = 0, waiting = 0, saving = 0, peers } = entry;
    const step: Bucket = {
      steps: 1,
      epoch: epoch + (batch + 1) / this.#batchesPerEpoch,
      loss: metrics.loss,
      top1: metrics.top1 ?? Number.NaN,
      top5: metrics.top5 ?? Number.NaN,
      rate: rate ?? Number.NaN,
      samples,
      seconds,
    };
    const last = this.#buckets.at(-1);
    if (last !== undefined && last.steps < this.#bucketSize) {
      this.#buckets[this.#buckets.length - 1] = mergeBuckets(last, step);
    } else {
      this.#buckets.push(step);
    }
    if (this.#buckets.length >= 2 * POINTS) {
      this.#buckets = mergePairs(this.#buckets, mergeBuckets);
      this.#bucketSize *= 2;
    }
    this.#time.computing += seconds - waiting;
    this.#time.waiting += waiting;
    this.#time.saving += saving;
    for (const [rank, late] of (peers?.byRank ?? []).entries()) this.#late[rank] = (this.#late[rank] ?? 0) + late;
    this.#recent.push({ samples, seconds });
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  #addEpoch({ epoch, training, validation, best = false, validating = 0 }: EpochEntry): void {
    this.#epoch = epoch + 1;
    this.#time.validating += validating;
    if (validation !== undefined) {
      const { loss, top1 = Number.NaN, top5 = Number.NaN } = validation;
      this.#validation.push({ epoch: epoch + 1, loss, top1, top5 });
    }
    // The later one of two neighbours is kept, so that the curve shows measured values only.
    if (this.#validation.length >= 2 * POINTS) this.#validation = mergePairs(this.#validation, (_, later) => later);
    const { top1 } = validation ?? training;
    if (best && top1 !== undefined) this.#best = { top1, epoch: epoch + 1, validation: validation !== undefined };
  }

  /** Epochs finished. */
  get epoch(): number {
    return this.#epoch;
  }

  get best(): Headline['best'] {
    return this.#best;
  }

  get time(): TimeSpent {
    const seconds = this.#late.reduce((sum, each) => sum + each, 0);
    if (seconds === 0) return this.#time;
    const longest = this.#late.reduce((most, each) => Math.max(most, each), 0);
    return { ...this.#time, ranks: { seconds, slowest: { rank: this.#late.indexOf(longest), seconds: longest } } };
  }

  /** Speed of the last steps; null before the first. */
  get imagesPerSecond(): number | null {
    const seconds = this.#recent.reduce((sum, step) => sum + step.seconds, 0);
    return seconds > 0 ? this.#recent.reduce((sum, step) => sum + step.samples, 0) / seconds : null;
  }

  /** Speed of all steps; null before the first. */
  get meanImagesPerSecond(): number | null {
    const seconds = this.#buckets.reduce((sum, bucket) => sum + bucket.seconds, 0);
    return seconds > 0 ? this.#buckets.reduce((sum, bucket) => sum + bucket.samples, 0) / seconds : null;
  }

  get curves(): Curves {
    const column = (value: (bucket: Bucket) => number) => this.#buckets.map((bucket) => rounded(value(bucket)));
    const validation = (value: (point: ValidationPoint) => number) =>
      this.#validation.map((point) => rounded(value(point)));
    return {
      steps: {
        epoch: column(({ epoch }) => epoch),
        loss: column(({ loss, steps }) => loss / steps),
        top1: column(({ top1, steps }) => top1 / steps),
        top5: column(({ top5, steps }) => top5 / steps),
        rate: column(({ rate }) => rate),
        imagesPerSecond: column(({ samples, seconds }) => samples / seconds),
      },
      validation: {
        epoch: validation(({ epoch }) => epoch),
        loss: validation(({ loss }) => loss),
        top1: validation(({ top1 }) => top1),
        top5: validation(({ top5 }) => top5),
      },
    };
  }
}

/** Parses a line; undefined for other kinds of lines and for one that a killed process left incomplete. */
export function parseEntry(line: string): MetricsEntry | undefined {
  try {
    const entry = JSON.parse(line) as MetricsEntry;
    if (entry.type === 'step' && Number.isFinite(entry.metrics?.loss)) return entry;
    return entry.type === 'epoch' && entry.training ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the history in `metrics.jsonl`; an empty one if there is no such file. */
export async function readHistory(path: string, batchesPerEpoch: number): Promise<History> {
  const history = new History(batchesPerEpoch);
  if (!existsSync(path)) return history;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const entry = parseEntry(line);
    if (entry !== undefined) history.add(entry);
  }
  return history;
}
