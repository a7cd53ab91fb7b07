/** Batches of images, and the fixed-size micro-batches that a batch is computed in (section 3.3). */
import { VggError } from '@vgg/core';

/** `size` preprocessed images and their labels. */
export interface ImageBatch {
  /** [size, height, width, 3], row-major. */
  images: Float32Array;
  /** [size], class indices. */
  labels: Int32Array;
  size: number;
  height: number;
  width: number;
}

/** Part of a batch, with its place in it: dropout is addressed by the place. */
export interface MicroBatch extends ImageBatch {
  index: number;
}

/** @throws VggError `VGG_SHAPE` when the arrays are not as long as size, height and width say, or there is no image. */
export function checkBatch({ images, labels, size, height, width }: ImageBatch): void {
  if (!(size >= 1) || images.length !== size * height * width * 3 || labels.length !== size) {
    throw new VggError(
      'shape',
      `expected a batch of at least one image with ${size}·${height}·${width}·3 numbers and ${size} labels, ` +
        `got ${images.length} numbers and ${labels.length} labels`,
    );
  }
}

/** How many micro-batches `size` images make. */
export function microBatchCount(size: number, microBatch: number): number {
  return Math.ceil(size / microBatch);
}

/**
 * The micro-batches of a batch, as views of it: all of `microBatch` images, except for a shorter last one.
 * @throws VggError `VGG_ARGUMENT` unless `microBatch` is an integer of at least 1.
 */
export function splitBatch(batch: ImageBatch, microBatch: number): MicroBatch[] {
  if (!Number.isInteger(microBatch) || microBatch < 1) {
    throw new VggError('argument', `expected a micro-batch of at least 1 image, got ${microBatch}`);
  }
  checkBatch(batch);
  const { images, labels, size, height, width } = batch;
  const pixels = height * width * 3;
  return Array.from({ length: microBatchCount(size, microBatch) }, (_, index) => {
    const [from, to] = [index * microBatch, Math.min((index + 1) * microBatch, size)];
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
