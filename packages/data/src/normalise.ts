/** Resizing and normalisation of a net's images, as the framework that trained the net did them. */
import { didYouMean, VggError } from '@vgg/core';
import { type CropSize, cropSides, longerSide } from './crop';
import type { Rgb, Size } from './image';
import { rescaledSize } from './rescale';

/** Resizing of an image before its crop. */
export interface Resizing {
  /**
   * `shortest`: the smallest side becomes the scale, the other side in proportion. `stretch`: the image takes the shape of the
   * crop, and its smallest side becomes the scale; both sides for a square. Default `shortest`.
   */
  readonly resize?: 'shortest' | 'stretch' | undefined;
  /**
   * Filter: `antialiased` is this project's bilinear filter in float32. `pillow-…` are Pillow's filters, which round to 8 bits.
   * torchvision, timm and Keras use those. Default `antialiased`.
   */
  readonly interpolation?: 'antialiased' | 'pillow-bilinear' | 'pillow-bicubic' | 'pillow-nearest' | undefined;
}

/** Normalisation of the pixels: the input of a net is `(pixel - mean) / std`. */
export interface Normalisation {
  /** Mean of the training set, on the scale of `range` and in the order of `channels`. */
  readonly mean: Rgb;
  /** Standard deviation, on the same scale and in the same order. Default [1, 1, 1]. */
  readonly std?: Rgb | undefined;
  /** Value of white: pixels have values from 0 to this. Default 255. */
  readonly range?: 1 | 255 | undefined;
  /** Order of the net's input channels. Default `RGB`. */
  readonly channels?: 'RGB' | 'BGR' | undefined;
}

/** An object with every value. */
export type Complete<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

/** Fills in the defaults of a normalisation. */
export function completeNormalisation({
  mean,
  std = [1, 1, 1],
  range = 255,
  channels = 'RGB',
}: Normalisation): Complete<Normalisation> {
  return { mean, std, range, channels };
}

/** True if the input of a net is RGB from 0 to 255 minus the mean. */
export function isPlain({ std = [1, 1, 1], range = 255, channels = 'RGB' }: Normalisation): boolean {
  return range === 255 && channels === 'RGB' && std.every((value) => value === 1);
}

/** Resizing of an image, and the crop that is cut from the result. */
export interface Framing extends Resizing {
  readonly crop: CropSize;
}

/** Returns the size of an image after it is resized to `scale`. */
export function resizedSize(size: Size, scale: number, { resize = 'shortest', crop }: Framing): Size {
  if (resize === 'shortest') return rescaledSize(size, scale);
  const { width, height } = cropSides(crop);
  const shortest = Math.min(width, height);
  return { width: Math.round((scale * width) / shortest), height: Math.round((scale * height) / shortest) };
}

/**
 * Returns the smallest scale at which every image covers the crop. An image may be as high as wide, so this is the longer side of the
 * crop; the shorter one if images take the shape of the crop.
 */
export function leastScale({ resize = 'shortest', crop }: Framing): number {
  if (resize === 'shortest') return longerSide(crop);
  const { width, height } = cropSides(crop);
  return Math.min(width, height);
}

/**
 * Normalises pixels from 0 to 255, interleaved RGB, in float32.
 * @param out receives the result; may be `pixels`.
 */
export function normaliseInto(
  out: Float32Array,
  pixels: Float32Array | Uint8Array,
  { mean, std, range, channels }: Complete<Normalisation>,
): void {
  const means = Float32Array.from(mean);
  const deviations = Float32Array.from(std);
  const value = (pixel: number, channel: number) =>
    Math.fround(Math.fround((pixel * range) / 255) - means[channel]!) / deviations[channel]!;
  const first = channels === 'RGB' ? 0 : 2;
  for (let i = 0; i < pixels.length; i += 3) {
    const a = value(pixels[i + first]!, 0);
    const b = value(pixels[i + 1]!, 1);
    const c = value(pixels[i + 2 - first]!, 2);
    out[i] = a;
    out[i + 1] = b;
    out[i + 2] = c;
  }
}

const CHOICES = {
  resize: ['shortest', 'stretch'],
  interpolation: ['antialiased', 'pillow-bilinear', 'pillow-bicubic', 'pillow-nearest'],
  channels: ['RGB', 'BGR'],
  range: [1, 255],
} as const;

function isTriple(value: unknown, accepts: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length === 3 && value.every(accepts);
}

function isSide(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0;
}

function isCropSize(value: unknown): boolean {
  return isSide(value) || (Array.isArray(value) && value.length === 2 && value.every(isSide));
}

/**
 * Checks the resizing, the crop and the normalisation of a transform. Values that are undefined have their defaults.
 * @throws VggError `VGG_ARGUMENT` for an unknown choice, sides of the crop that are not positive integers, a mean that is not three
 *   finite numbers, or a deviation that is not positive.
 */
export function checkPreparation(transform: Framing & Normalisation): void {
  for (const [key, known] of Object.entries(CHOICES)) {
    const value: unknown = transform[key as keyof typeof CHOICES];
    if (value === undefined || (known as readonly unknown[]).includes(value)) continue;
    const hint = typeof value === 'string' ? didYouMean(value, known.map(String)) : '';
    throw new VggError('argument', `${key} of a transform must be one of ${known.join(', ')}, got ${value}${hint}`);
  }
  const { crop, mean, std } = transform;
  if (!isCropSize(crop)) {
    throw new VggError(
      'argument',
      `the crop must be a positive integer or [height, width] of two, got ${format(crop)}`,
    );
  }
  if (!isTriple(mean, Number.isFinite)) {
    throw new VggError('argument', `the mean of a transform must be three finite numbers, got ${format(mean)}`);
  }
  if (std !== undefined && !isTriple(std, (value) => Number.isFinite(value) && (value as number) > 0)) {
    throw new VggError('argument', `the std of a transform must be three positive numbers, got ${format(std)}`);
  }
}

function format(value: unknown): string {
  return Array.isArray(value) ? `[${value}]` : String(value);
}

/**
 * Checks that an object has only known keys.
 * @param what the object, as the message calls it.
 * @throws VggError `VGG_ARGUMENT`, which names the nearest known key.
 */
export function checkKeys(value: object, known: readonly string[], what: string): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const hint = didYouMean(unknown, known);
  throw new VggError('argument', `unknown key "${unknown}" of ${what}${hint}; known are ${known.join(', ')}`);
}
