/** Limits of the memory that evaluation uses. */
import { VggError } from '@vgg/core';
import { type RawImage, rescaledSize } from '@vgg/data';

/** Default of the largest number of pixels in one forward pass. */
export const BATCH_PIXELS = 2 ** 20;
/** Default of the largest number of pixels of a rescaled image: 32:1, the longest image that is read, at Q = 512. */
export const MAX_IMAGE_PIXELS = 2 ** 23;

/** Returns the largest of some scales. */
export function largestOf(scales: readonly number[]): number {
  return scales.reduce((largest, scale) => Math.max(largest, scale), 0);
}

/**
 * Checks the area of the rescaled image, with which memory grows: one extremely long image must not end the program.
 * @throws VggError `VGG_IMAGE` when the image has more than `limit` pixels at the largest scale.
 */
export function checkArea(key: string, image: RawImage, scales: readonly number[], limit: number): void {
  const largest = largestOf(scales);
  const { width, height } = rescaledSize(image, largest);
  if (width * height <= limit) return;
  throw new VggError(
    'image',
    `${key} of ${image.width}x${image.height} is ${width}x${height} at Q = ${largest}, above the limit of ${limit} pixels: crop it, or raise the limit (maxImagePixels, --max-pixels)`,
  );
}
