/**
 * Loaders make batches ahead of their use in worker threads. The batches do not depend on the number of workers
 * (docs/decisions/0011).
 *
 * At most `prefetch` batches are being made or wait to be taken. An unusable image is listed in `skipped`. Training takes
 * another image of the same class in its place, drawn from a stream addressed by (seed, epoch, image); evaluation makes the batch
 * one image smaller. Both depend only on the files, so a run stays reproducible.
 */
import { availableParallelism } from 'node:os';
import { type TermRange, VggError } from '@vgg/core';
import type { Batch, BatchLoader, SkippedImage } from '../batch';
import { type ImagePreprocessing, preprocessingOf } from '../net-transform';
import { checkKeys } from '../normalise';
import { epochOrder } from '../order';
import { type AsyncImageSource, checkSource } from '../source';
import { checkTransform, type EvaluationTransform, type TrainTransform } from '../transform';
import { type Augment, augmentMessage } from './augment';
import { Epoch } from './epoch';
import type { Preparation } from './job';
import { createPool, type Pool } from './pool';
import { UsableImages } from './usable-images';

/** Options of both kinds of loader. */
export interface LoaderOptions {
  /** Number of images in a batch. */
  readonly batchSize: number;
  /**
   * Number of worker threads; 0 does the work in the calling thread. Default: one less than the number of processors, at
   * least 1 and at most 4. For more than 4, set the environment variable UV_THREADPOOL_SIZE to that number.
   */
  readonly workers?: number | undefined;
  /** Number of batches made ahead, at least 1. Each takes `batchSize * height * width * 12` bytes of the crop. Default 2. */
  readonly prefetch?: number | undefined;
  /** True to fail at the first unusable image. Default false. */
  readonly strict?: boolean | undefined;
}

export interface TrainingLoaderOptions extends LoaderOptions {
  readonly transform: TrainTransform;
  /** Random seed of the order and the augmentation of every epoch. */
  readonly seed: number;
  /**
   * Returns the source indices of an epoch in the order in which they are used; as many as the source has images. Default
   * `epochOrder`, a random permutation.
   */
  readonly order?: ((epoch: number) => Uint32Array) | undefined;
  /** Function of one's own that changes the pixels of each image, in the workers. Default none. */
  readonly augment?: Augment | undefined;
  /**
   * Images of each batch that are prepared, from `first` up to but not including `end`: the share of one process, which may
   * be empty. Default all.
   */
  readonly share?: TermRange | undefined;
}

export interface EvaluationLoaderOptions extends LoaderOptions {
  readonly transform: EvaluationTransform;
}

/**
 * Creates a loader of training batches. Each epoch visits the source in another random order and augments each image again. The
 * last images of an epoch that do not fill a batch are not used in that epoch.
 * @throws VggError `VGG_ARGUMENT` for options out of range, or a batch larger than the source.
 */
export function createBatches(source: AsyncImageSource, options: TrainingLoaderOptions): BatchLoader {
  const { batchSize, transform, seed } = options;
  const { order = (epoch: number) => epochOrder(seed, epoch, source.length) } = options;
  checkOptions(source, options, 'training');
  const augment = options.augment && augmentMessage(options.augment);
  if (batchSize > source.length) {
    throw new VggError(
      'argument',
      `a batch of ${batchSize} needs as many images, ${source.name} has ${source.length}: lower the batch size`,
    );
  }
  return new Loader(source, options, {
    batches: Math.floor(source.length / batchSize),
    order,
    preparation: (epoch) => ({ kind: 'training', transform, seed, epoch, augment }),
    preprocessing: preprocessingOf(transform),
    share: options.share,
  });
}

/**
 * Creates a loader of evaluation batches: every image once, in the source's order, its centre cropped. The last batch may be
 * smaller.
 * @throws VggError `VGG_ARGUMENT` for options out of range.
 */
export function createEvaluationBatches(source: AsyncImageSource, options: EvaluationLoaderOptions): BatchLoader {
  const { transform, batchSize } = options;
  checkOptions(source, options, 'evaluation');
  return new Loader(source, options, {
    batches: Math.ceil(source.length / batchSize),
    order: () => Uint32Array.from({ length: source.length }, (_, i) => i),
    preparation: () => ({ kind: 'evaluation', transform }),
    preprocessing: preprocessingOf(transform),
  });
}

const OPTION_KEYS = ['batchSize', 'workers', 'prefetch', 'strict', 'transform'] as const;

function checkOptions(
  source: AsyncImageSource,
  options: TrainingLoaderOptions | EvaluationLoaderOptions,
  kind: 'training' | 'evaluation',
): void {
  checkSource(source);
  const known = kind === 'training' ? [...OPTION_KEYS, 'seed', 'order', 'augment', 'share'] : OPTION_KEYS;
  checkKeys(options, known, `the options of batches for ${kind}`);
  const { batchSize, workers, prefetch, transform } = options;
  checkTransform(transform, kind);
  checkCount(batchSize, 1, 'the batch size');
  checkCount(workers ?? 0, 0, 'the number of workers');
  checkCount(prefetch ?? 1, 1, 'the number of prefetched batches');
}

function checkCount(value: number, least: number, what: string): void {
  if (!Number.isInteger(value) || value < least) {
    throw new VggError('argument', `${what} must be an integer of at least ${least}, got ${value}`);
  }
}

/** Returns one less than the number of processors, at least 1 and at most 4. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(4, availableParallelism() - 1));
}

/** Batches, order and preparation, which differ between training and evaluation. */
interface Plan {
  readonly batches: number;
  order(epoch: number): Uint32Array;
  preparation(epoch: number): Preparation;
  readonly preprocessing: ImagePreprocessing;
  readonly share?: TermRange | undefined;
}

class Loader implements BatchLoader {
  readonly batchesPerEpoch: number;
  readonly preprocessing: ImagePreprocessing;
  readonly #images: UsableImages;
  readonly #options: LoaderOptions;
  readonly #plan: Plan;
  readonly #pool: Pool;
  #current: Epoch | undefined;
  #failure: VggError | undefined;

  constructor(source: AsyncImageSource, options: LoaderOptions, plan: Plan) {
    this.#images = new UsableImages(source);
    this.#options = options;
    this.#plan = plan;
    this.batchesPerEpoch = plan.batches;
    this.preprocessing = plan.preprocessing;
    this.#pool = createPool(options.workers ?? defaultWorkers(), {
      report: (report) => this.#current?.report(report),
      failed: (error) => this.#fail(error),
    });
  }

  get skipped(): readonly SkippedImage[] {
    return this.#images.skipped;
  }

  epoch(epoch: number, start = 0, end = this.batchesPerEpoch): AsyncIterableIterator<Batch> {
    if (this.#failure) throw this.#failure;
    checkCount(epoch, 0, 'the epoch');
    checkCount(start, 0, 'the first batch');
    this.#current?.end();
    const { batchSize, prefetch = 2, strict = false } = this.#options;
    this.#current = new Epoch(this.#images, this.#pool, {
      epoch,
      start,
      end: Math.min(end, this.batchesPerEpoch),
      share: this.#plan.share,
      order: this.#plan.order(epoch),
      preparation: this.#plan.preparation(epoch),
      batchSize,
      prefetch,
      strict,
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
