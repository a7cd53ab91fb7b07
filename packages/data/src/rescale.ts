/** Rescales images to a smallest side: S in training (section 3.1), Q in testing (section 3.2). */
import { VggError } from '@vgg/core';
import type { FloatImage, RawImage, Size } from './image';
import { resample } from './resample';

/**
 * Returns the size of an image after it is rescaled so that its smallest side is `smallestSide`. The other side is
 * `floor(smallestSide * longest / shortest)`, as in torchvision.
 * @throws VggError `VGG_ARGUMENT` if `smallestSide` is not a positive integer.
 */
export function rescaledSize({ width, height }: Size, smallestSide: number): Size {
  if (!Number.isInteger(smallestSide) || smallestSide < 1) {
    throw new VggError('argument', `the smallest side must be a positive integer, got ${smallestSide}`);
  }
  return width <= height
    ? { width: smallestSide, height: Math.floor((smallestSide * height) / width) }
    : { width: Math.floor((smallestSide * width) / height), height: smallestSide };
}

/** Rescales an image so that its smallest side is `smallestSide`, by the antialiased triangle filter. */
export function rescale(image: RawImage | FloatImage, smallestSide: number): FloatImage {
  return resample(image, rescaledSize(image, smallestSide));
}
