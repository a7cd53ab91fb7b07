/** Preprocessing of a net's training images, as in its weight file, and the transform of images for its evaluation. */
import { inputShape, type ResolvedVggOptions } from '@vgg/models';

/** Red, green, blue. */
export type Rgb = readonly [red: number, green: number, blue: number];

/**
 * Preprocessing of a net's images in training (section 3.1). The defaults are those of the paper and of this project's
 * training: RGB on the 0..255 scale, no division, the smallest side rescaled by the antialiased filter, a centre crop.
 */
export interface Preprocessing {
  /**
   * Mean of the training set, subtracted from every pixel, on the scale of `range` and in the order of `channels`: three
   * numbers for RGB, one for grey, n for a net of n channels.
   */
  readonly mean: readonly number[];
  /** Smallest side S of the rescaled image in pixels: fixed, or the range for scale jittering. */
  readonly scale: number | readonly [min: number, max: number];
  /** Standard deviation by which pixels are then divided, as many numbers as the mean. Default 1. */
  readonly std?: readonly number[] | undefined;
  /** Value of white. Default 255. */
  readonly range?: 1 | 255 | undefined;
  /** Order of the colours that conv1_1 takes; `BGR` only for a net of three channels. Default `RGB`. */
  readonly channels?: 'RGB' | 'BGR' | undefined;
  /**
   * `shortest`: in proportion, to a smallest side of `scale`. `stretch`: to the shape of the net's input and a smallest side of
   * `scale`. Default `shortest`.
   */
  readonly resize?: 'shortest' | 'stretch' | undefined;
  /**
   * `antialiased`: bilinear in float32. `pillow-…`: Pillow's filters, which round to 8 bits, as torchvision and Keras use
   * them. Default `antialiased`.
   */
  readonly interpolation?: 'antialiased' | 'pillow-bilinear' | 'pillow-bicubic' | 'pillow-nearest' | undefined;
}

/** Preprocessing with every value. */
type CompletePreprocessing = { readonly [Key in keyof Preprocessing]-?: NonNullable<Preprocessing[Key]> };

/** Transform of an image to a net's input. It is an `ImageTransform` of `@vgg/data`, whose `prepareImage` executes it. */
export interface InputTransform extends CompletePreprocessing {
  /** Smallest side Q in pixels. */
  readonly scale: number;
  /** Size that is cut from the centre: the net's input size, the side of a square in pixels or height and width. */
  readonly crop: ResolvedVggOptions['inputSize'];
  readonly mean: Rgb;
  readonly std: Rgb;
}

const CHOICES: {
  readonly [Key in 'range' | 'channels' | 'resize' | 'interpolation']: readonly Preprocessing[Key][];
} = {
  range: [1, 255],
  channels: ['RGB', 'BGR'],
  resize: ['shortest', 'stretch'],
  interpolation: ['antialiased', 'pillow-bilinear', 'pillow-bicubic', 'pillow-nearest'],
};

function isFinitePositive(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > 0;
}

function isList(value: unknown, length: number, accepts: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length === length && value.every(accepts);
}

/**
 * Returns the first error in a preprocessing, or undefined. The preprocessing may come from a file.
 * @param count number of channels of the images. Default 3.
 */
export function preprocessingFault(value: unknown, count = 3): string | undefined {
  const preprocessing = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { mean, scale, std } = preprocessing;
  const numbers = count === 3 ? 'three' : String(count);
  if (!isList(mean, count, Number.isFinite)) return `expected the mean as ${numbers} finite numbers`;
  const sides: readonly unknown[] = Array.isArray(scale) ? scale : [scale, scale];
  if (sides.length !== 2 || !sides.every(isFinitePositive) || (sides[0] as number) > (sides[1] as number)) {
    return 'expected the scale S as a positive number or an ascending range of two';
  }
  if (std !== undefined && !isList(std, count, isFinitePositive)) {
    return `expected the std as ${numbers} positive numbers`;
  }
  for (const [key, known] of Object.entries<readonly unknown[]>(CHOICES)) {
    const choice = preprocessing[key];
    if (choice !== undefined && !known.includes(choice)) return `expected the ${key} as one of ${known.join(', ')}`;
  }
  if (preprocessing.channels === 'BGR' && count !== 3) {
    return `expected the channels BGR only for images of three channels, got ${count}`;
  }
  return undefined;
}

/** Returns the known and defined values of a preprocessing, for a file. */
export function plainPreprocessing(preprocessing: Preprocessing): Preprocessing {
  const { mean, scale, std, range, channels, resize, interpolation } = preprocessing;
  return JSON.parse(JSON.stringify({ mean, scale, std, range, channels, resize, interpolation })) as Preprocessing;
}

/** Returns the numbers of three colours; those of grey are equal. */
function asRgb(values: readonly number[]): Rgb {
  const [first, second = first, third = first] = values;
  return [first!, second!, third!];
}

/**
 * Returns the smallest side Q of evaluation: S, or the middle of its range, but at least the longer side of the net's input, so that
 * images of any shape cover it; the shorter one if images take its shape.
 */
export function evaluationScale(
  { scale, resize }: Pick<Preprocessing, 'scale' | 'resize'>,
  inputSize: ResolvedVggOptions['inputSize'],
): number {
  const [height, width] = inputShape({ inputSize });
  const least = resize === 'stretch' ? Math.min(height, width) : Math.max(height, width);
  return Math.max(least, Math.round(typeof scale === 'number' ? scale : (scale[0] + scale[1]) / 2));
}

/**
 * Returns the transform for a net's evaluation by one centre crop: Q is S, or the middle of its range (section 4.1), but large
 * enough to cover the net's input. For a net of grey images it is a transform to RGB, whose colours have the same mean. Undefined
 * for a net of other channels, whose images the caller prepares.
 */
export function inputTransform(
  preprocessing: Preprocessing,
  net: Pick<ResolvedVggOptions, 'inputSize' | 'channels'>,
): InputTransform | undefined {
  const { channels: count = 3, inputSize } = net;
  if (count !== 3 && count !== 1) return undefined;
  const { mean, std = [1], range = 255, channels = 'RGB' } = preprocessing;
  const { resize = 'shortest', interpolation = 'antialiased' } = preprocessing;
  return {
    resize,
    scale: evaluationScale(preprocessing, inputSize),
    interpolation,
    crop: inputSize,
    channels,
    range,
    mean: asRgb(mean),
    std: asRgb(std),
  };
}
