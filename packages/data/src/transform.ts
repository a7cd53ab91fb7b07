/**
 * From a decoded image to a network's input, in the paper's order (sections 2.1, 3.1): rescale to smallest side S, crop,
 * flip, colour shift, mean subtraction; beyond the paper and off by default, random erasing.
 *
 * What is random about one sample is a pure function of (seed, epoch, sample): no worker, prefetch depth or resume
 * changes it.
 */
import { randomStream, VggError } from '@vgg/core';
import { type ColourShift, colourOffset, drawAlphas } from './colour';
import { centreWindow } from './crop';
import { drawErased } from './erasing';
import type { Rgb, Size, Window } from './image';
import { rescaledSize } from './rescale';

/** How training images are prepared. Plain JSON: it is saved with a run. */
export interface TrainTransform {
  /** Side of the square crop, in pixels; 224 in the paper. */
  readonly crop: number;
  /** Smallest side S of the rescaled image: fixed, or drawn uniformly from the integers of `[min, max]` for each image. */
  readonly scale: number | readonly [number, number];
  /** Mirror left to right with probability 1/2. */
  readonly flip: boolean;
  /** The random colour shift, or none. */
  readonly colour: ColourShift | null;
  /** Mean RGB of the training set (0..255), subtracted last. */
  readonly mean: Rgb;
  /** Probability, 0 to 1, that a rectangle of the crop is erased (set to the mean colour); none by default, as in the paper. */
  readonly erasing?: number;
}

/** How evaluation images are prepared: rescaled to smallest side `scale` (Q), the centre cropped, the mean subtracted. */
export interface EvaluationTransform {
  readonly crop: number;
  readonly scale: number;
  readonly mean: Rgb;
}

/** What was drawn for one image in one epoch. */
export interface Augmentation {
  /** S, in pixels. */
  readonly smallestSide: number;
  /** The crop's position along each axis, uniform in [0, 1): its corner is `floor(position * (length - crop + 1))`. */
  readonly position: readonly [x: number, y: number];
  readonly flip: boolean;
  /** α of the three principal components. */
  readonly alphas: Rgb;
  /** The rectangle of the crop that is erased, or none. */
  readonly erased: Window | null;
}

/** All that is needed to make one network input from one decoded image. */
export interface Geometry {
  /** The size of the whole rescaled image. */
  readonly rescaled: Size;
  /** The crop in it. */
  readonly window: Window;
  readonly flip: boolean;
  /** Added to every pixel: colour shift minus mean. */
  readonly shift: Rgb;
  /** The rectangle of the crop that becomes 0, or none. */
  readonly erased: Window | null;
}

/**
 * @throws VggError `VGG_ARGUMENT` for sides that are not positive integers, an empty range, a scale below the crop, or an erasing
 *   that is no probability.
 */
export function checkTransform(transform: TrainTransform | EvaluationTransform): void {
  const { crop, scale, mean } = transform;
  const erasing = 'erasing' in transform ? (transform.erasing ?? 0) : 0;
  if (!(erasing >= 0 && erasing <= 1)) {
    throw new VggError('argument', `erasing must be a probability from 0 to 1, got ${erasing}`);
  }
  const [low, high] = typeof scale === 'number' ? [scale, scale] : scale;
  if (!Number.isInteger(crop) || crop < 1) {
    throw new VggError('argument', `the crop must be a positive integer, got ${crop}`);
  }
  if (!Number.isInteger(low) || !Number.isInteger(high) || low > high) {
    throw new VggError('argument', `the scale S must be an integer or an ascending range of two, got ${low}:${high}`);
  }
  if (low < crop) {
    throw new VggError(
      'argument',
      `the scale S must be at least the crop, got S = ${low} with a crop of ${crop}: raise S or lower the crop`,
    );
  }
  if (mean.length !== 3 || !mean.every(Number.isFinite)) {
    throw new VggError('argument', `the mean must be three finite numbers, got [${mean}]`);
  }
}

/** The random parameters of `sample` (its index in the source) in `epoch`. */
export function drawAugmentation(transform: TrainTransform, seed: number, epoch: number, sample: number): Augmentation {
  const random = randomStream(seed, 'augmentation', epoch, sample);
  const { scale } = transform;
  const [low, high] = typeof scale === 'number' ? [scale, scale] : scale;
  const smallestSide = low + random.integer(high - low + 1);
  const position = [random.uniform(), random.uniform()] as const;
  const flip = random.uniform() < 0.5 && transform.flip;
  const alphas = drawAlphas(random, transform.colour?.sigma ?? 0);
  const { erasing = 0, crop } = transform;
  // Drawn last, so that all else stays as it is without.
  const erased = erasing > 0 && random.uniform() < erasing ? drawErased(random, crop) : null;
  return { smallestSide, position, flip, alphas, erased };
}

/** Where a drawn augmentation cuts an image of `size`, and what it adds. */
export function trainingGeometry(size: Size, transform: TrainTransform, drawn: Augmentation): Geometry {
  const side = transform.crop;
  const rescaled = rescaledSize(size, drawn.smallestSide);
  const [x, y] = drawn.position;
  const window = {
    left: Math.floor(x * (rescaled.width - side + 1)),
    top: Math.floor(y * (rescaled.height - side + 1)),
    width: side,
    height: side,
  };
  const [red, green, blue] = transform.colour ? colourOffset(transform.colour, drawn.alphas) : ([0, 0, 0] as const);
  const { mean } = transform;
  const shift = [red - mean[0], green - mean[1], blue - mean[2]] as const;
  return { rescaled, window, flip: drawn.flip, shift, erased: drawn.erased };
}

/** Where evaluation cuts an image of `size`: the centre, unflipped. */
export function evaluationGeometry(size: Size, { crop, scale, mean }: EvaluationTransform): Geometry {
  const rescaled = rescaledSize(size, scale);
  const shift = [-mean[0], -mean[1], -mean[2]] as const;
  return { rescaled, window: centreWindow(rescaled, crop), flip: false, shift, erased: null };
}
