/** Prepares an image as input of a net in the same way as the framework that trained the net. */
import { didYouMean, VggError } from '@vgg/core';
import { centreWindow } from './crop';
import type { FloatImage, RawImage, Rgb, Size } from './image';
import { resampleAsPillow } from './pillow';
import { resample } from './resample';
import { rescaledSize } from './rescale';

/** Preparation of a net's images. Plain JSON: it is saved with the net's weights. */
export interface ImageTransform {
  /** `shortest`: the smallest side becomes `scale`, the other in proportion. `stretch`: both sides become `scale`. */
  readonly resize: 'shortest' | 'stretch';
  /** Side after resizing, in pixels. */
  readonly scale: number;
  /**
   * Filter: `antialiased` is this project's bilinear filter in float32. `pillow-…` are Pillow's filters, which round to 8 bits.
   * torchvision, timm and Keras use those.
   */
  readonly interpolation: 'antialiased' | 'pillow-bilinear' | 'pillow-bicubic' | 'pillow-nearest';
  /** Side of the square that is cut from the centre after resizing, in pixels. */
  readonly crop: number;
  /** Order of the net's input channels. */
  readonly channels: 'RGB' | 'BGR';
  /** Value of white: pixels have values from 0 to this. `mean` and `std` are on this scale, in the order of `channels`. */
  readonly range: 1 | 255;
  /** Mean, which is subtracted from the pixels. */
  readonly mean: Rgb;
  /** Standard deviation, by which they are then divided. */
  readonly std: Rgb;
}

const CHOICES = {
  resize: ['shortest', 'stretch'],
  interpolation: ['antialiased', 'pillow-bilinear', 'pillow-bicubic', 'pillow-nearest'],
  channels: ['RGB', 'BGR'],
  range: [1, 255],
} as const;

/**
 * Checks a transform.
 * @throws VggError `VGG_ARGUMENT` for an unknown choice, a crop above the scale, a mean that is not finite, or a deviation that
 *   is not positive.
 */
export function checkImageTransform(transform: ImageTransform): void {
  for (const [key, known] of Object.entries(CHOICES)) {
    const value: unknown = transform[key as keyof typeof CHOICES];
    if ((known as readonly unknown[]).includes(value)) continue;
    const hint = typeof value === 'string' ? didYouMean(value, known.map(String)) : '';
    throw new VggError('argument', `${key} of a transform must be one of ${known.join(', ')}, got ${value}${hint}`);
  }
  const { crop, scale, mean, std } = transform;
  if (!Number.isInteger(crop) || !Number.isInteger(scale) || crop < 1 || crop > scale) {
    throw new VggError('argument', `a transform needs integers 1 ≤ crop ≤ scale, got crop ${crop} and scale ${scale}`);
  }
  if (mean?.length !== 3 || !mean.every(Number.isFinite)) {
    throw new VggError('argument', `the mean of a transform must be three finite numbers, got [${mean}]`);
  }
  if (std?.length !== 3 || !std.every((value) => Number.isFinite(value) && value > 0)) {
    throw new VggError('argument', `the std of a transform must be three positive numbers, got [${std}]`);
  }
}

/** True if two transforms give the same result for every image. */
export function sameTransform(a: ImageTransform, b: ImageTransform): boolean {
  const key = (t: ImageTransform) =>
    JSON.stringify([t.resize, t.scale, t.interpolation, t.crop, t.channels, t.range, t.mean, t.std]);
  return key(a) === key(b);
}

function resizeAndCrop(image: RawImage, { resize, scale, interpolation, crop }: ImageTransform): RawImage | FloatImage {
  const size: Size = resize === 'stretch' ? { width: scale, height: scale } : rescaledSize(image, scale);
  const window = centreWindow(size, crop);
  if (interpolation === 'antialiased') return resample(image, size, window);
  const filter = { 'pillow-bilinear': 'bilinear', 'pillow-bicubic': 'bicubic', 'pillow-nearest': 'nearest' } as const;
  return resampleAsPillow(image, size, window, filter[interpolation]);
}

/**
 * Returns an image as input of a net: resized, its centre cropped, its values normalised in float32.
 * @throws VggError `VGG_ARGUMENT` for an invalid transform; `VGG_SHAPE` if the image's data does not match its sides.
 */
export function prepareImage(image: RawImage, transform: ImageTransform): FloatImage {
  checkImageTransform(transform);
  const { data: pixels, width, height } = resizeAndCrop(image, transform);
  const { channels, range, mean, std } = transform;
  const data = new Float32Array(pixels.length);
  const means = Float32Array.from(mean);
  const deviations = Float32Array.from(std);
  for (let channel = 0; channel < 3; channel++) {
    const from = channels === 'RGB' ? channel : 2 - channel;
    for (let i = 0; i < data.length; i += 3) {
      const value = Math.fround((pixels[i + from]! * range) / 255);
      data[i + channel] = Math.fround(value - means[channel]!) / deviations[channel]!;
    }
  }
  return { data, width, height };
}
