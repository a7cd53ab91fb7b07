/** Batches of images, and the micro-batches in which they are computed (section 3.3). */
import { type Communicator, requireInteger, shareOf, type TermRange, VggError } from '@vgg/core';

/** Preprocessed images and their labels or other targets. */
export interface ImageBatch {
  /** [size, height, width, channels], row-major. */
  images: Float32Array;
  /** [size], class indices. Losses of other targets need none. */
  labels?: Int32Array | undefined;
  /** [size, outputs], row-major: targets of a loss without classes, one for each output of the net. */
  targets?: Float32Array | undefined;
  size: number;
  height: number;
  width: number;
  /** Number of channels of the images. Default 3. */
  channels?: number | undefined;
  /**
   * Place of these images if they are only a part of a batch: the share of one process, which may be empty. Default
   * all images of the batch.
   */
  part?: BatchPart | undefined;
}

/** Place of consecutive images in a batch. */
export interface BatchPart {
  /** Index of the first image in the batch, a multiple of the micro-batch. */
  first: number;
  /** Number of images of the whole batch. */
  total: number;
}

/** Part of a batch and its index in it, which addresses the random numbers of dropout. */
export interface MicroBatch extends ImageBatch {
  index: number;
}

/**
 * Throws VggError `VGG_SHAPE` if the lengths of the arrays do not match size, height and width, or there is no image.
 */
export function checkBatch({ images, labels, targets, size, height, width, channels = 3, part }: ImageBatch): void {
  const wrongTargets = labels === undefined ? targets === undefined : labels.length !== size;
  if (
    !(size >= (part === undefined ? 1 : 0)) ||
    images.length !== size * height * width * channels ||
    wrongTargets ||
    (targets !== undefined && targets.length % Math.max(size, 1) !== 0)
  ) {
    const own = images.length / (size * height * width);
    const hint = Number.isInteger(own) && own > 0 && own !== channels ? `: set its channels to ${own}` : '';
    const got =
      labels === undefined && targets !== undefined ? `${targets.length} targets` : `${labels?.length ?? 'no'} labels`;
    throw new VggError(
      'shape',
      `expected a batch of at least one image with ${size}·${height}·${width}·${channels} numbers and ${size} labels, ` +
        `got ${images.length} numbers and ${got}${hint}`,
    );
  }
}

/** Returns the shape of a batch's images. */
export function imageShape({ size, height, width, channels = 3 }: ImageBatch): [number, number, number, number] {
  return [size, height, width, channels];
}

/** Returns the number of micro-batches of `size` images. */
export function microBatchCount(size: number, microBatch: number): number {
  return Math.ceil(size / microBatch);
}

/**
 * Returns the images of each batch that a process computes: those of its share of the micro-batches.
 *
 * @param size number of images of the batch.
 */
export function imageShare(
  size: number,
  microBatch: number,
  { rank, size: ranks }: Pick<Communicator, 'rank' | 'size'>,
): TermRange {
  const { first, end } = shareOf(microBatchCount(size, microBatch), rank, ranks);
  return { first: Math.min(first * microBatch, size), end: Math.min(end * microBatch, size) };
}

/**
 * Returns the micro-batches of a batch, as views of it. All have `microBatch` images, except for a shorter last one.
 *
 * @throws VggError `VGG_ARGUMENT` unless `microBatch` is an integer of at least 1 and a part of a batch starts with a
 *   micro-batch.
 */
export function splitBatch(batch: ImageBatch, microBatch: number): MicroBatch[] {
  requireInteger('microBatch', microBatch, 1);
  checkBatch(batch);
  const { images, labels, targets, size, height, width, channels = 3 } = batch;
  const first = (batch.part?.first ?? 0) / microBatch;
  if (size > 0 && !Number.isInteger(first)) {
    throw new VggError(
      'argument',
      `expected a part of a batch to start at a multiple of ${microBatch} images, got ${batch.part?.first}: use imageShare`,
    );
  }
  const pixels = height * width * channels;
  const outputs = targets === undefined ? 0 : targets.length / size;
  return Array.from({ length: microBatchCount(size, microBatch) }, (_, i) => {
    const from = i * microBatch;
    const to = Math.min(from + microBatch, size);
    return {
      images: images.subarray(from * pixels, to * pixels),
      labels: labels?.subarray(from, to),
      targets: targets?.subarray(from * outputs, to * outputs),
      size: to - from,
      height,
      width,
      channels,
      index: first + i,
    };
  });
}
