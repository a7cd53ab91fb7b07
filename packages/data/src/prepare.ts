/** From a photograph to a net's input by the net's own rule, whatever framework it was trained in. */
import { didYouMean, VggError } from '@vgg/core';
import { centreWindow } from './crop';
import type { FloatImage, RawImage, Rgb, Size } from './image';
import { resampleAsPillow } from './pillow';
import { resample } from './resample';
import { rescaledSize } from './rescale';

/** How a net's images are prepared. Plain JSON: it is kept with the net's weights. */
export interface ImageTransform {
  /** `shortest`: the smallest side becomes `scale`, the other in proportion. `stretch`: both sides become `scale`. */
  readonly resize: 'shortest' | 'stretch';
  /** In pixels. */
  readonly scale: number;
  /**
   * `antialiased`: this project's bilinear filter, in float32. `pillow-…`: Pillow's filters, which round to 8 bits, as
   * torchvision, timm and Keras use them.
   */
  readonly interpolation: 'antialiased' | 'pillow-bilinear' | 'pillow-bicubic' | 'pillow-nearest';
  /** Side of the square then cut from the centre, in pixels. */
  readonly crop: number;
  /** The order of the colours that the net takes. */
  readonly channels: 'RGB' | 'BGR';
  /** What white is: pixels run from 0 to this. `mean` and `std` are on this scale and in the order of `channels`. */
  readonly range: 1 | 255;
  /** Subtracted from the pixels. */
  readonly mean: Rgb;
  /** What they are then divided by. */
  readonly std: Rgb;
}

const CHOICES = {
  resize: ['shortest', 'stretch'],
  interpolation: ['antialiased', 'pillow-bilinear', 'pillow-bicubic', 'pillow-nearest'],
  channels: ['RGB', 'BGR'],
  range: [1, 255],
} as const;

/** @throws VggError `VGG_ARGUMENT` for an unknown choice, a crop above the scale, or a mean or deviation that is not sound. */
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

/** Whether two transforms make the same of every image. */
export function sameTransform(a: ImageTransform, b: ImageTransform): boolean {
  const key = (t: ImageTransform) =>
    JSON.stringify([t.resize, t.scale, t.interpolation, t.crop, t.channels, t.range, t.mean, t.std]);
  return key(a) === key(b);
}

function resized(image: RawImage, { resize, scale, interpolation, crop }: ImageTransform): RawImage | FloatImage {
  const size: Size = resize === 'stretch' ? { width: scale, height: scale } : rescaledSize(image, scale);
  const window = centreWindow(size, crop);
  if (interpolation === 'antialiased') return resample(image, size, window);
  const filter = { 'pillow-bilinear': 'bilinear', 'pillow-bicubic': 'bicubic', 'pillow-nearest': 'nearest' } as const;
  return resampleAsPillow(image, size, window, filter[interpolation]);
}

/**
 * An image as a net's input: resized, its centre cut out, its numbers normalised in float32.
 * @throws VggError `VGG_ARGUMENT` for a transform that is not sound, `VGG_SHAPE` for an image whose data does not fit.
 */
export function prepareImage(image: RawImage, transform: ImageTransform): FloatImage {
  checkImageTransform(transform);
  const { data: pixels, width, height } = resized(image, transform);
  const { channels, range, mean, std } = transform;
  const data = new Float32Array(pixels.length);
  const centre = Float32Array.from(mean);
  const spread = Float32Array.from(std);
  for (let channel = 0; channel < 3; channel++) {
    const from = channels === 'RGB' ? channel : 2 - channel;
    for (let i = 0; i < data.length; i += 3) {
      const value = Math.fround((pixels[i + from]! * range) / 255);
      data[i + channel] = Math.fround(value - centre[channel]!) / spread[channel]!;
    }
  }
  return { data, width, height };
}
