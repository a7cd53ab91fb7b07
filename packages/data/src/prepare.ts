/** Prepares images as input of a net in the same way as the framework that trained the net. */
import { VggError } from '@vgg/core';
import { type CropSize, centreWindow, cropSides, cropText } from './crop';
import type { FloatImage, RawImage, Size, Window } from './image';
import {
  type Complete,
  checkPreparation,
  leastScale,
  type Normalisation,
  normaliseInto,
  type Resizing,
  resizedSize,
} from './normalise';
import { type PillowFilter, resampleAsPillow } from './pillow';
import { resample } from './resample';
import { rescaledSize } from './rescale';

/** Preparation of a net's images, with every value. Plain JSON: it is saved with the net's weights. */
export interface ImageTransform extends Complete<Resizing>, Complete<Normalisation> {
  /** Smallest side after resizing, in pixels. */
  readonly scale: number;
  /** Size that is cut from the centre after resizing: the side of a square in pixels, or height and width. */
  readonly crop: CropSize;
}

/** Pillow's filters by the names of transforms. */
export const PILLOW_FILTERS = {
  'pillow-bilinear': 'bilinear',
  'pillow-bicubic': 'bicubic',
  'pillow-nearest': 'nearest',
} as const satisfies Record<string, PillowFilter>;

const KEYS = ['resize', 'scale', 'interpolation', 'crop', 'channels', 'range', 'mean', 'std'] as const;

/**
 * Checks a transform.
 * @throws VggError `VGG_ARGUMENT` for a missing value, an unknown choice, a scale that does not cover the crop, a mean that is not
 *   finite, or a deviation that is not positive.
 */
export function checkImageTransform(transform: ImageTransform): void {
  const missing = KEYS.find((key) => transform[key] === undefined);
  if (missing !== undefined)
    throw new VggError('argument', `a transform needs ${KEYS.join(', ')}: ${missing} is missing`);
  checkPreparation(transform);
  const { crop, scale } = transform;
  const least = leastScale(transform);
  if (Number.isInteger(scale) && scale >= least) return;
  const bounds = typeof crop === 'number' ? 'integers 1 ≤ crop ≤ scale' : `an integer scale of at least ${least}`;
  throw new VggError('argument', `a transform needs ${bounds}, got crop ${cropText(crop)} and scale ${scale}`);
}

/** True if two transforms give the same result for every image. */
export function sameTransform(a: ImageTransform, b: ImageTransform): boolean {
  const text = (transform: ImageTransform, key: (typeof KEYS)[number]) =>
    JSON.stringify(key === 'crop' ? cropSides(transform.crop) : transform[key]);
  return KEYS.every((key) => text(a, key) === text(b, key));
}

/** Resizes an image to `size` and returns a window of the result. */
function resizeBy(
  image: RawImage,
  size: Size,
  window: Window,
  interpolation: ImageTransform['interpolation'],
): RawImage | FloatImage {
  if (interpolation === 'antialiased') return resample(image, size, window);
  return resampleAsPillow(image, size, window, PILLOW_FILTERS[interpolation]);
}

function normalised({ data: pixels, width, height }: RawImage | FloatImage, transform: ImageTransform): FloatImage {
  const data = new Float32Array(pixels.length);
  normaliseInto(data, pixels, transform);
  return { data, width, height };
}

/**
 * Returns an image as input of a net: resized, its centre cropped, its values normalised in float32.
 * @throws VggError `VGG_ARGUMENT` for an invalid transform; `VGG_SHAPE` if the image's data does not match its sides.
 */
export function prepareImage(image: RawImage, transform: ImageTransform): FloatImage {
  checkImageTransform(transform);
  const size = resizedSize(image, transform.scale, transform);
  return normalised(resizeBy(image, size, centreWindow(size, transform.crop), transform.interpolation), transform);
}

/**
 * Returns a whole image as input of a net's dense view, its features or a loss: resized in proportion by the net's filter, not
 * cropped, its values normalised in float32.
 * @param smallestSide smallest side of the result in pixels. Default the transform's `scale`, but at least the longer side of its
 *   crop.
 * @throws VggError as {@link prepareImage}.
 */
export function prepareWhole(image: RawImage, transform: ImageTransform, smallestSide?: number): FloatImage {
  checkImageTransform(transform);
  const least = leastScale({ crop: transform.crop });
  const size = rescaledSize(image, smallestSide ?? Math.max(least, transform.scale));
  return normalised(resizeBy(image, size, { left: 0, top: 0, ...size }, transform.interpolation), transform);
}

/**
 * Returns the image that a net's input shows: the normalisation of {@link prepareImage} and {@link prepareWhole} reversed, and
 * rounded to 8 bits.
 * @throws VggError `VGG_ARGUMENT` for an invalid transform; `VGG_SHAPE` if the data does not match the sides.
 */
export function restoreImage(
  { data, width, height }: Size & { readonly data: ArrayLike<number> },
  transform: ImageTransform,
): RawImage {
  checkImageTransform(transform);
  if (data.length !== width * height * 3) {
    throw new VggError('shape', `an input of ${width}x${height} has ${width * height * 3} values, got ${data.length}`);
  }
  const { mean, std, range, channels } = transform;
  const pixels = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i++) {
    const channel = i % 3;
    const to = channels === 'RGB' ? channel : 2 - channel;
    pixels[i - channel + to] = ((data[i]! * std[channel]! + mean[channel]!) * 255) / range;
  }
  return { data: new Uint8Array(pixels.buffer), width, height };
}
