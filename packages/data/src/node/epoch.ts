/** One pass over the batches of an epoch. Some batches are made ahead of the consumer. */
import { isVggError, type TermRange, VggError } from '@vgg/core';
import type { Batch } from '../batch';
import { cropSides } from '../crop';
import {
  type Fault,
  faultOf,
  type Job,
  newJob,
  type Place,
  type Preparation,
  placeOf,
  type Report,
  type Sample,
  sampleOf,
} from './job';
import type { Pool } from './pool';
import type { UsableImages } from './usable-images';

export interface EpochOptions {
  readonly epoch: number;
  /** First batch to make. */
  readonly start: number;
  /** End of the batches to make: the number of the last one plus 1. */
  readonly end: number;
  /** Slots of each batch to prepare. Default all. */
  readonly share?: TermRange | undefined;
  /** Source indices in the order of the epoch. */
  readonly order: Uint32Array;
  readonly preparation: Preparation;
  readonly batchSize: number;
  /** Number of batches made ahead. */
  readonly prefetch: number;
  /** True to fail at the first unusable image. */
  readonly strict: boolean;
}

/** A batch that is being made. */
interface PendingBatch {
  readonly index: number;
  readonly images: Float32Array;
  /** Source index of the image in each slot; -1 where evaluation leaves one out. */
  readonly indices: Int32Array;
  /** Number of samples that no worker has reported yet. */
  open: number;
  readonly jobs: Job[];
}

export class Epoch implements AsyncIterableIterator<Batch> {
  readonly #images: UsableImages;
  readonly #pool: Pool;
  readonly #options: EpochOptions;
  readonly #pending: PendingBatch[] = [];
  readonly #jobs = new Map<number, { pending: PendingBatch; job: Job }>();
  /** Memory of batches that were returned, for reuse. */
  readonly #spare: Float32Array[] = [];
  #next: number;
  #failure: VggError | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(images: UsableImages, pool: Pool, options: EpochOptions) {
    this.#images = images;
    this.#pool = pool;
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
        await this.#nextReport();
        continue;
      }
      this.#pending.shift();
      const batch = this.#toBatch(first);
      this.#spare.push(first.images);
      this.#fill();
      if (batch.size > 0 || batch.part !== undefined) return { value: batch, done: false };
    }
  }

  async return(): Promise<IteratorResult<Batch>> {
    this.end();
    return { value: undefined, done: true };
  }

  /** Cancels all samples that no worker has taken. Samples that a worker has taken are finished, and their results dropped. */
  end(): void {
    this.#ended = true;
    for (const { job } of this.#jobs.values()) Atomics.store(job.next, 0, job.samples.length);
    this.#jobs.clear();
    this.#pending.length = 0;
    this.#spare.length = 0;
    this.#wake?.();
  }

  /** Ends the epoch. The next call of `next` throws `error`. */
  fail(error: VggError): void {
    if (this.#ended) return;
    this.#failure ??= error;
    this.end();
  }

  /** Handles a worker's report of its part of a job. */
  report({ id, completed, failures }: Report): void {
    const entry = this.#jobs.get(id);
    if (!entry) return;
    const { pending, job } = entry;
    pending.open -= completed;
    for (const failure of failures) {
      if (!this.#skip(pending, job.samples[failure.sample]!, failure)) return;
    }
    this.#checkDone(pending);
  }

  /** Replaces an image that cannot be used. Returns false if the fault ends the epoch. */
  #skip(pending: PendingBatch, { slot, index, place, name }: Place, { fault, reason }: Fault): boolean {
    if (fault !== 'image' || this.#options.strict) {
      this.fail(new VggError(fault, reason, { details: { image: name } }));
      return false;
    }
    this.#images.skip(index, reason);
    pending.indices[slot] = -1;
    this.#replace(pending, slot, place);
    return true;
  }

  #checkDone(pending: PendingBatch): void {
    if (pending.open > 0) return;
    for (const { id: finished } of pending.jobs) this.#jobs.delete(finished);
    this.#wake?.();
  }

  /** Waits until a batch is complete or the epoch ends. The process stays alive meanwhile. */
  async #nextReport(): Promise<void> {
    this.#pool.ref();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#pool.unref();
  }

  /** Slots of a batch that are prepared. */
  get #share(): { first: number; length: number } {
    const { share, batchSize } = this.#options;
    return share === undefined
      ? { first: 0, length: batchSize }
      : { first: share.first, length: share.end - share.first };
  }

  /** Starts batches until `prefetch` of them are pending. */
  #fill(): void {
    const { end, prefetch, order, preparation } = this.#options;
    const { first, length } = this.#share;
    const { width, height } = cropSides(preparation.transform.crop);
    while (!this.#ended && this.#pending.length < prefetch && this.#next < end) {
      const index = this.#next++;
      const images = this.#spare.pop() ?? sharedFloats(length * width * height * 3);
      const start = index * this.#options.batchSize;
      const batchOrder = order.subarray(start, start + this.#options.batchSize).subarray(first, first + length);
      const indices = new Int32Array(batchOrder.length).fill(-1);
      const pending: PendingBatch = { index, images, indices, open: 0, jobs: [] };
      this.#pending.push(pending);
      const places: Place[] = [];
      batchOrder.forEach((image, slot) => {
        const usable = this.#usable(image);
        if (usable !== undefined) places.push(placeOf(this.#images.source, slot, usable, image));
      });
      this.#prepare(pending, places);
    }
  }

  /** Prepares the images of some slots, as soon as their source has located them. */
  #prepare(pending: PendingBatch, places: readonly Place[]): void {
    for (const { slot, index } of places) pending.indices[slot] = index;
    pending.open += places.length;
    const samples = places.map((place) => sampleOf(this.#images.source, place));
    const known = samples.filter((sample): sample is Sample => !(sample instanceof Promise));
    if (known.length === samples.length) this.#post(pending, known);
    else void this.#postLater(pending, places, samples);
  }

  /** Waits for the locations of images. An image that its source cannot locate is skipped, or ends the epoch. */
  async #postLater(
    pending: PendingBatch,
    places: readonly Place[],
    samples: readonly (Sample | Promise<Sample>)[],
  ): Promise<void> {
    const results = await Promise.allSettled(samples);
    if (this.#ended) return;
    this.#post(
      pending,
      results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    );
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') continue;
      pending.open -= 1;
      if (!this.#skip(pending, places[i]!, faultOf(places[i]!.name, result.reason))) return;
    }
    this.#checkDone(pending);
  }

  #post(pending: PendingBatch, samples: readonly Sample[]): void {
    if (samples.length === 0) return;
    const { preparation } = this.#options;
    const job = newJob(samples, { kind: 'batch', preparation, images: pending.images });
    pending.jobs.push(job);
    this.#jobs.set(job.id, { pending, job });
    this.#pool.post(job);
  }

  /** Fills `slot`, whose image in the order is `place`, with another image. Evaluation leaves the slot out. */
  #replace(pending: PendingBatch, slot: number, place: number): void {
    const image = this.#usable(place);
    if (image !== undefined) this.#prepare(pending, [placeOf(this.#images.source, slot, image, place)]);
  }

  /**
   * Returns the image to use for `index`: itself if it is usable; otherwise in training another image of its class, in
   * evaluation `undefined`. Fails the epoch if training has no usable image of the class.
   */
  #usable(index: number): number | undefined {
    const { preparation } = this.#options;
    if (preparation.kind === 'evaluation') return this.#images.has(index) ? index : undefined;
    try {
      return this.#images.inPlaceOf(index, preparation);
    } catch (error) {
      if (!isVggError(error)) throw error;
      this.fail(error);
      return undefined;
    }
  }

  /** Copies a batch for the consumer, without the slots that are left out. */
  #toBatch({ index, images, indices }: PendingBatch): Batch {
    const { preparation, epoch, share, batchSize } = this.#options;
    const { width, height } = cropSides(preparation.transform.crop);
    const { source } = this.#images;
    const pixels = width * height * 3;
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
      height,
      width,
      epoch,
      index,
      part: share === undefined ? undefined : { first: share.first, total: batchSize },
    };
  }
}

function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * 4));
}
