/**
 * Batches, made ahead of their use by worker threads and the same for any number of them (docs/decisions/0011).
 *
 * At most `prefetch` batches are in the making or waiting. An image that cannot be used is named and counted in `skipped`;
 * in training the next usable image of the source takes its place, in evaluation its batch is one smaller. Both depend on
 * the files alone, so they do not disturb the reproducibility of a run.
 */
import { availableParallelism } from 'node:os';
import { VggError } from '@vgg/core';
import type { Batch, BatchLoader, SkippedImage } from '../batch';
import { epochOrder } from '../order';
import type { ImageSource } from '../source';
import { checkTransform, type EvaluationTransform, type TrainTransform } from '../transform';
import { Epoch } from './epoch';
import type { Preparation } from './job';
import { createPool, type Pool } from './pool';

/** What both kinds of loader take. */
export interface LoaderOptions {
  /** Images in a batch. */
  readonly batchSize: number;
  /**
   * Worker threads; 0 does the work in this thread. Unless given, one less than the machine has processors, from 1 to 4.
   * Beyond 4, set the environment variable UV_THREADPOOL_SIZE to as many.
   */
  readonly workers?: number;
  /** Batches made ahead, at least 1; 2 unless given. Each takes `batchSize * crop * crop * 12` bytes. */
  readonly prefetch?: number;
  /** Fail at the first image that cannot be used; false unless given. */
  readonly strict?: boolean;
}

export interface TrainingLoaderOptions extends LoaderOptions {
  readonly transform: TrainTransform;
  /** The run's seed: it determines the order and the augmentation of every epoch. */
  readonly seed: number;
}

export interface EvaluationLoaderOptions extends LoaderOptions {
  readonly transform: EvaluationTransform;
}

/**
 * Training batches: each epoch visits the source in an order of its own, each image is augmented anew. The last images of
 * an epoch that do not fill a batch are left to other epochs.
 * @throws VggError `VGG_ARGUMENT` for options out of range, or a batch larger than the source.
 */
export function createBatches(source: ImageSource, options: TrainingLoaderOptions): BatchLoader {
  const { batchSize, transform, seed } = options;
  checkOptions(options);
  if (batchSize > source.length) {
    throw new VggError(
      'argument',
      `a batch of ${batchSize} needs as many images, ${source.name} has ${source.length}: lower the batch size`,
    );
  }
  return new Loader(source, options, {
    batches: Math.floor(source.length / batchSize),
    order: (epoch) => epochOrder(seed, epoch, source.length),
    preparation: (epoch) => ({ kind: 'training', transform, seed, epoch }),
  });
}

/**
 * Evaluation batches: every image once, in the source's order, its centre cropped; the last batch may be smaller.
 * @throws VggError `VGG_ARGUMENT` for options out of range.
 */
export function createEvaluationBatches(source: ImageSource, options: EvaluationLoaderOptions): BatchLoader {
  const { transform, batchSize } = options;
  checkOptions(options);
  return new Loader(source, options, {
    batches: Math.ceil(source.length / batchSize),
    order: () => Uint32Array.from({ length: source.length }, (_, i) => i),
    preparation: () => ({ kind: 'evaluation', transform }),
  });
}

function checkOptions({
  batchSize,
  workers,
  prefetch,
  transform,
}: TrainingLoaderOptions | EvaluationLoaderOptions): void {
  checkTransform(transform);
  checkCount(batchSize, 1, 'the batch size');
  checkCount(workers ?? 0, 0, 'the number of workers');
  checkCount(prefetch ?? 1, 1, 'the number of prefetched batches');
}

function checkCount(value: number, least: number, what: string): void {
  if (!Number.isInteger(value) || value < least) {
    throw new VggError('argument', `${what} must be an integer of at least ${least}, got ${value}`);
  }
}

/** One less than the machine has processors, from 1 to 4. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(4, availableParallelism() - 1));
}

/** What tells training from evaluation. */
export interface Plan {
  readonly batches: number;
  order(epoch: number): Uint32Array;
  preparation(epoch: number): Preparation;
}

class Loader implements BatchLoader {
  readonly batchesPerEpoch: number;
  readonly #source: ImageSource;
  readonly #options: LoaderOptions;
  readonly #plan: Plan;
  readonly #pool: Pool;
  readonly #bad = new Map<number, SkippedImage>();
  #current: Epoch | undefined;
  #jobs = 0;
  #failure: VggError | undefined;

  constructor(source: ImageSource, options: LoaderOptions, plan: Plan) {
    this.#source = source;
    this.#options = options;
    this.#plan = plan;
    this.batchesPerEpoch = plan.batches;
    this.#pool = createPool(options.workers ?? defaultWorkers(), {
      report: (report) => this.#current?.report(report),
      failed: (error) => this.#fail(error),
    });
  }

  get skipped(): readonly SkippedImage[] {
    return [...this.#bad.values()].sort((a, b) => a.index - b.index);
  }

  epoch(epoch: number, start = 0): AsyncIterableIterator<Batch> {
    if (this.#failure) throw this.#failure;
    checkCount(epoch, 0, 'the epoch');
    checkCount(start, 0, 'the first batch');
    this.#current?.end();
    const { batchSize, prefetch = 2, strict = false } = this.#options;
    this.#current = new Epoch({
      source: this.#source,
      bad: this.#bad,
      order: this.#plan.order(epoch),
      preparation: this.#plan.preparation(epoch),
      epoch,
      start,
      batches: this.batchesPerEpoch,
      batchSize,
      prefetch,
      strict,
      post: (job) => this.#pool.post(job),
      awaited: (yes) => this.#pool.awaited(yes),
      nextJob: () => this.#jobs++,
    });
    return this.#current;
  }

  async close(): Promise<void> {
    this.#fail(new VggError('state', 'the batch loader is closed'));
    await this.#pool.close();
  }

  #fail(error: VggError): void {
    this.#failure ??= error;
    this.#current?.fail(error);
  }
}
