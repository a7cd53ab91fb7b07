/** The course of a run from its metrics, in bounded memory: whole runs are a thousand points, whatever their steps. */
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { TrainEvent } from '@vgg/train';
import type { Curves, Headline, TimeSpent } from './data';

type Of<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>;

/** A line of `metrics.jsonl`: an event and where the time before it went, in seconds. */
export type StepEntry = Of<'step'> & { waiting?: number; saving?: number };
export type EpochEntry = Of<'epoch'> & { validating?: number };
export type MetricsEntry = StepEntry | EpochEntry;

/** Steps that one point stands for, added up. */
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

/** When there are twice as many points, neighbours are merged. */
const POINTS = 600;

function merged(a: Bucket, b: Bucket): Bucket {
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

function inPairs<T>(values: readonly T[], merge: (a: T, b: T) => T): T[] {
  const pairs: T[] = [];
  for (let i = 0; i < values.length; i += 2) {
    pairs.push(i + 1 < values.length ? merge(values[i]!, values[i + 1]!) : values[i]!);
  }
  return pairs;
}

/** Five significant digits: what a chart can show. */
function short(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(5)) : null;
}

interface Measured {
  epoch: number;
  loss: number;
  top1: number;
  top5: number;
}

export class History {
  readonly #batchesPerEpoch: number;
  #buckets: Bucket[] = [];
  /** Steps that fill one bucket. */
  #fill = 1;
  #validation: Measured[] = [];
  #best: Headline['best'] = null;
  #epoch = 0;
  #time = { computing: 0, waiting: 0, validating: 0, saving: 0 };
  #recent: { samples: number; seconds: number }[] = [];

  constructor(batchesPerEpoch: number) {
    this.#batchesPerEpoch = Math.max(1, batchesPerEpoch);
  }

  add(entry: MetricsEntry): void {
    if (entry.type === 'step') this.#addStep(entry);
    else this.#addEpoch(entry);
  }

  #addStep({ epoch, batch, metrics, rate, samples, seconds, waiting = 0, saving = 0 }: StepEntry): void {
    const step = { ...metrics, steps: 1, epoch: epoch + (batch + 1) / this.#batchesPerEpoch, rate, samples, seconds };
    const last = this.#buckets.at(-1);
    if (last !== undefined && last.steps < this.#fill) this.#buckets[this.#buckets.length - 1] = merged(last, step);
    else this.#buckets.push(step);
    if (this.#buckets.length >= 2 * POINTS) {
      this.#buckets = inPairs(this.#buckets, merged);
      this.#fill *= 2;
    }
    this.#time.computing += seconds - waiting;
    this.#time.waiting += waiting;
    this.#time.saving += saving;
    this.#recent.push({ samples, seconds });
    if (this.#recent.length > 20) this.#recent.shift();
  }

  #addEpoch({ epoch, training, validation, best, validating = 0 }: EpochEntry): void {
    this.#epoch = epoch + 1;
    this.#time.validating += validating;
    if (validation !== undefined) this.#validation.push({ ...validation, epoch: epoch + 1 });
    // Two neighbours become the later one: the curve keeps true values.
    if (this.#validation.length >= 2 * POINTS) this.#validation = inPairs(this.#validation, (_, later) => later);
    const { top1 } = validation ?? training;
    if (best) this.#best = { top1, epoch: epoch + 1, validation: validation !== undefined };
  }

  get epoch(): number {
    return this.#epoch;
  }

  get best(): Headline['best'] {
    return this.#best;
  }

  get time(): TimeSpent {
    return this.#time;
  }

  /** Of the last steps; null before the first. */
  get imagesPerSecond(): number | null {
    const seconds = this.#recent.reduce((sum, step) => sum + step.seconds, 0);
    return seconds > 0 ? this.#recent.reduce((sum, step) => sum + step.samples, 0) / seconds : null;
  }

  /** Of all steps; null before the first. */
  get meanImagesPerSecond(): number | null {
    const seconds = this.#buckets.reduce((sum, bucket) => sum + bucket.seconds, 0);
    return seconds > 0 ? this.#buckets.reduce((sum, bucket) => sum + bucket.samples, 0) / seconds : null;
  }

  get curves(): Curves {
    const column = (value: (bucket: Bucket) => number) => this.#buckets.map((bucket) => short(value(bucket)));
    const measured = (value: (one: Measured) => number) => this.#validation.map((one) => short(value(one)));
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
        epoch: measured(({ epoch }) => epoch),
        loss: measured(({ loss }) => loss),
        top1: measured(({ top1 }) => top1),
        top5: measured(({ top5 }) => top5),
      },
    };
  }
}

/** A line as an entry; undefined for other kinds of lines and for one that a kill cut short. */
function entryOf(line: string): MetricsEntry | undefined {
  try {
    const entry = JSON.parse(line) as MetricsEntry;
    if (entry.type === 'step' && Number.isFinite(entry.metrics?.loss)) return entry;
    return entry.type === 'epoch' && entry.training ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** The history that `metrics.jsonl` tells; an empty one when there is no such file. */
export async function readHistory(path: string, batchesPerEpoch: number): Promise<History> {
  const history = new History(batchesPerEpoch);
  if (!existsSync(path)) return history;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const entry = entryOf(line);
    if (entry !== undefined) history.add(entry);
  }
  return history;
}
