/** Batches of images, and the micro-batches in which they are computed (section 3.3). */
import { requireInteger, VggError } from '@vgg/core';

/** Preprocessed images and their labels. */
export interface ImageBatch {
  /** [size, height, width, 3], row-major. */
  images: Float32Array;
  /** [size], class indices. */
  labels: Int32Array;
  size: number;
  height: number;
  width: number;
}

/** Part of a batch and its index in it, which addresses the random numbers of dropout. */
export interface MicroBatch extends ImageBatch {
  index: number;
}

/**
 * Throws VggError `VGG_SHAPE` if the lengths of the arrays do not match size, height and width, or there is no image.
 */
export function checkBatch({ images, labels, size, height, width }: ImageBatch): void {
  if (!(size >= 1) || images.length !== size * height * width * 3 || labels.length !== size) {
    throw new VggError(
      'shape',
      `expected a batch of at least one image with ${size}·${height}·${width}·3 numbers and ${size} labels, ` +
        `got ${images.length} numbers and ${labels.length} labels`,
    );
  }
}

/** Returns the number of micro-batches of `size` images. */
export function microBatchCount(size: number, microBatch: number): number {
  return Math.ceil(size / microBatch);
}

/**
 * Returns the micro-batches of a batch, as views of it. All have `microBatch` images, except for a shorter last one.
 *
 * @throws VggError `VGG_ARGUMENT` unless `microBatch` is an integer of at least 1.
 */
export function splitBatch(batch: ImageBatch, microBatch: number): MicroBatch[] {
  requireInteger('microBatch', microBatch, 1);
  checkBatch(batch);
  const { images, labels, size, height, width } = batch;
  const pixels = height * width * 3;
  return Array.from({ length: microBatchCount(size, microBatch) }, (_, index) => {
    const from = index * microBatch;
    const to = Math.min(from + microBatch, size);
    return {
      images: images.subarray(from * pixels, to * pixels),
      labels: labels.subarray(from, to),
      size: to - from,
      height,
      width,
      index,
    };
  });
}
