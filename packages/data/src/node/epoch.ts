/** One pass over an epoch's batches, some of them in the making ahead of the consumer. */
import { VggError } from '@vgg/core';
import type { Batch, SkippedImage } from '../batch';
import type { ImageSource } from '../source';
import { type Job, type Preparation, type Report, type Sample, sampleOf, untaken } from './job';

export interface EpochOptions {
  readonly source: ImageSource;
  /** The images known to be unusable; this pass adds to it. */
  readonly bad: Map<number, SkippedImage>;
  /** Source indices in the order of the epoch. */
  readonly order: Uint32Array;
  readonly preparation: Preparation;
  readonly epoch: number;
  readonly start: number;
  readonly batches: number;
  readonly batchSize: number;
  readonly prefetch: number;
  readonly strict: boolean;
  post(job: Job): void;
  /** Told when the consumer begins and ends to wait. */
  awaited(yes: boolean): void;
  nextJob(): number;
}

/** A batch in the making. */
interface Pending {
  readonly index: number;
  readonly images: Float32Array;
  /** For each slot the image that fills it; -1 where evaluation leaves it out. */
  readonly indices: Int32Array;
  /** Samples whose fate is open. */
  open: number;
  readonly jobs: Job[];
}

export class Epoch implements AsyncIterableIterator<Batch> {
  readonly #options: EpochOptions;
  readonly #pending: Pending[] = [];
  readonly #owners = new Map<number, { pending: Pending; job: Job }>();
  /** Memory of batches handed out, to be used again. */
  readonly #spare: Float32Array[] = [];
  #next: number;
  #failure: VggError | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: EpochOptions) {
    this.#options = options;
    this.#next = options.start;
    this.#fill();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Batch>> {
    for (;;) {
      if (this.#failure) throw this.#failure;
      const first = this.#pending[0];
      if (this.#ended || !first) return this.return();
      if (first.open > 0) {
        this.#options.awaited(true);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#options.awaited(false);
        continue;
      }
      this.#pending.shift();
      const batch = this.#finish(first);
      this.#spare.push(first.images);
      this.#fill();
      if (batch.size > 0) return { value: batch, done: false };
    }
  }

  async return(): Promise<IteratorResult<Batch>> {
    this.end();
    return { value: undefined, done: true };
  }

  /** Stops the work that nobody has begun; what workers have in hand is finished and dropped. */
  end(): void {
    this.#ended = true;
    for (const { job } of this.#owners.values()) Atomics.store(job.next, 0, job.samples.length);
    this.#owners.clear();
    this.#pending.length = 0;
    this.#spare.length = 0;
    this.#wake?.();
  }

  fail(error: VggError): void {
    if (this.#ended) return;
    this.#failure ??= error;
    this.end();
  }

  /** Takes a worker's account of its part of a job. */
  report({ id, completed, failures }: Report): void {
    const owner = this.#owners.get(id);
    if (!owner) return;
    const { pending, job } = owner;
    pending.open -= completed;
    for (const { sample, reason, fault } of failures) {
      const { slot, index, name } = job.samples[sample]!;
      if (fault !== 'image' || this.#options.strict) {
        this.fail(new VggError(fault, reason, { details: { image: name } }));
        return;
      }
      this.#options.bad.set(index, { index, key: this.#options.source.key(index), reason });
      pending.indices[slot] = -1;
      this.#replace(pending, slot, index);
    }
    if (pending.open === 0) {
      for (const { id: done } of pending.jobs) this.#owners.delete(done);
      this.#wake?.();
    }
  }

  #fill(): void {
    const { batches, prefetch, batchSize, order, source, preparation } = this.#options;
    const { crop } = preparation.transform;
    while (!this.#ended && this.#pending.length < prefetch && this.#next < batches) {
      const index = this.#next++;
      const images = this.#spare.pop() ?? sharedFloats(batchSize * crop * crop * 3);
      const chosen = order.subarray(index * batchSize, (index + 1) * batchSize);
      const pending: Pending = { index, images, indices: new Int32Array(chosen.length).fill(-1), open: 0, jobs: [] };
      this.#pending.push(pending);
      const samples: Sample[] = [];
      chosen.forEach((image, slot) => {
        const used = this.#usable(image);
        if (used !== undefined) samples.push(sampleOf(source, slot, used));
      });
      this.#post(pending, samples);
    }
  }

  #post(pending: Pending, samples: Sample[]): void {
    const { preparation, nextJob, post } = this.#options;
    for (const { slot, index } of samples) pending.indices[slot] = index;
    if (samples.length === 0) return;
    pending.open += samples.length;
    const task = { kind: 'batch', preparation, images: pending.images } as const;
    const job: Job = { id: nextJob(), samples, task, next: untaken() };
    pending.jobs.push(job);
    this.#owners.set(job.id, { pending, job });
    post(job);
  }

  #replace(pending: Pending, slot: number, index: number): void {
    const image = this.#usable(index);
    if (image !== undefined) this.#post(pending, [sampleOf(this.#options.source, slot, image)]);
  }

  /**
   * The image to use for `index`: itself, or where it is known to be bad the next of the source that is not, in training;
   * none in evaluation.
   */
  #usable(index: number): number | undefined {
    const { bad, source, preparation } = this.#options;
    if (!bad.has(index)) return index;
    if (preparation.kind === 'evaluation') return undefined;
    if (bad.size === source.length) {
      const { reason } = bad.get(index)!;
      this.fail(
        new VggError('dataset', `none of the ${source.length} images of ${source.name} can be used: ${reason}`),
      );
      return undefined;
    }
    let other = index;
    while (bad.has(other)) other = (other + 1) % source.length;
    return other;
  }

  /** The consumer's own copy of a batch, without the slots that are left out. */
  #finish({ index, images, indices }: Pending): Batch {
    const { preparation, source, epoch } = this.#options;
    const { crop } = preparation.transform;
    const pixels = crop * crop * 3;
    const slots = [...indices.keys()].filter((slot) => indices[slot]! >= 0);
    const copy = images.slice(0, slots.length * pixels);
    slots.forEach((slot, to) => {
      if (slot !== to) copy.set(images.subarray(slot * pixels, (slot + 1) * pixels), to * pixels);
    });
    return {
      images: copy,
      labels: Int32Array.from(slots, (slot) => source.label(indices[slot]!)),
      indices: Uint32Array.from(slots, (slot) => indices[slot]!),
      size: slots.length,
      height: crop,
      width: crop,
      epoch,
      index,
    };
  }
}

function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * 4));
}
