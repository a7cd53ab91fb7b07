/**
 * Describes the steps from a decoded image to an input of a net, in the paper's order (sections 2.1, 3.1): rescale to smallest
 * side S, crop, flip, shift colours, subtract the mean. Random erasing comes last; it is not in the paper and off by default.
 *
 * The random parameters of a sample depend only on (seed, epoch, sample). The number of workers, the prefetch depth and
 * resuming a run do not change them.
 */
import { randomStream, VggError } from '@vgg/core';
import { type ColourShift, colourOffset, drawAlphas } from './colour';
import { centreWindow } from './crop';
import { drawErased } from './erasing';
import type { Rgb, Size, Window } from './image';
import { drawJitter, drawTrivial } from './pixel-augmentation';
import type { PixelOperation } from './pixel-operations';
import { rescaledSize } from './rescale';
import { drawWindows, resizedGeometry, type WindowDraw, windowFor } from './resized-crop';

/** Preparation of training images. Plain JSON: it is saved with a run. */
export interface TrainTransform {
  /** Side of the square crop, in pixels; 224 in the paper. */
  readonly crop: number;
  /** Smallest side S of the rescaled image: fixed, or a random integer of `[min, max]` for each image (uniform, inclusive). */
  readonly scale: number | readonly [number, number];
  /** True to mirror images left to right with probability 1/2. */
  readonly flip: boolean;
  /** Random colour shift; `null` for none. */
  readonly colour: ColourShift | null;
  /** Mean RGB of the training set (0..255), subtracted last. */
  readonly mean: Rgb;
  /** Probability from 0 to 1 that a rectangle of the crop is erased (set to the mean colour). Default 0, as in the paper. */
  readonly erasing?: number | undefined;
  /**
   * Smallest area, above 0 and up to 1, of RandomResizedCrop: a window of at least this fraction of the image, of a shape from
   * 3:4 to 4:3, is resized to the crop, in place of a crop of the image rescaled to S. Default off, as in the paper.
   */
  readonly smallestArea?: number | undefined;
  /** Strength from 0 to 1 of random changes of brightness, contrast and saturation. Default 0, as in the paper. */
  readonly jitter?: number | undefined;
  /** True for one random operation of TrivialAugment. Default false, as in the paper. */
  readonly trivialAugment?: boolean | undefined;
}

/** Preparation of evaluation images: rescale to smallest side `scale` (Q), crop the centre, subtract the mean. */
export interface EvaluationTransform {
  readonly crop: number;
  readonly scale: number;
  readonly mean: Rgb;
}

/** Random parameters of one image in one epoch. */
export interface Augmentation {
  /** S, in pixels. */
  readonly smallestSide: number;
  /** Position of the crop along each axis, uniform in [0, 1): its corner is `floor(position * (length - crop + 1))`. */
  readonly position: readonly [x: number, y: number];
  readonly flip: boolean;
  /** Amounts α of the three principal components. */
  readonly alphas: Rgb;
  /** Rectangle of the crop to erase; `null` for none. */
  readonly erased: Window | null;
  /** Windows of RandomResizedCrop. Absent if it is off. */
  readonly windows?: readonly WindowDraw[] | undefined;
  /** Operations on the crop's pixels, in order. Absent for none. */
  readonly operations?: readonly PixelOperation[] | undefined;
}

/** Parameters for making one input of a net from one decoded image. */
export interface Geometry {
  /** Size of the whole rescaled image. */
  readonly rescaled: Size;
  /** Crop within the rescaled image. */
  readonly window: Window;
  readonly flip: boolean;
  /** Colour shift minus mean, which is added to every pixel. */
  readonly shift: Rgb;
  /** Rectangle of the crop to set to 0; `null` for none. */
  readonly erased: Window | null;
  /** Operations on the crop's pixels, in order, before `shift` is added. Absent for none. */
  readonly operations?: readonly PixelOperation[] | undefined;
}

/**
 * Checks a transform.
 * @throws VggError `VGG_ARGUMENT` if a side is not a positive integer, the range of S is empty, S is below the crop,
 *   or erasing, smallest area or jitter are out of range.
 */
export function checkTransform(transform: TrainTransform | EvaluationTransform): void {
  const { crop, scale, mean } = transform;
  const erasing = 'erasing' in transform ? (transform.erasing ?? 0) : 0;
  if (!(erasing >= 0 && erasing <= 1)) {
    throw new VggError('argument', `erasing must be a probability from 0 to 1, got ${erasing}`);
  }
  if ('flip' in transform) checkPixelOptions(transform);
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

function checkPixelOptions({ smallestArea = 1, jitter = 0 }: TrainTransform): void {
  if (!(smallestArea > 0 && smallestArea <= 1)) {
    throw new VggError('argument', `the smallest area of a crop must be above 0 and at most 1, got ${smallestArea}`);
  }
  if (!(jitter >= 0 && jitter <= 1)) throw new VggError('argument', `jitter must be from 0 to 1, got ${jitter}`);
}

/** Draws the random parameters of an image in `epoch`. `sample` is its index in the source. */
export function drawAugmentation(transform: TrainTransform, seed: number, epoch: number, sample: number): Augmentation {
  const random = randomStream(seed, 'augmentation', epoch, sample);
  const { scale } = transform;
  const [low, high] = typeof scale === 'number' ? [scale, scale] : scale;
  const smallestSide = low + random.integer(high - low + 1);
  const position = [random.uniform(), random.uniform()] as const;
  const flip = random.uniform() < 0.5 && transform.flip;
  const alphas = drawAlphas(random, transform.colour?.sigma ?? 0);
  const { erasing = 0, crop, smallestArea, jitter = 0, trivialAugment = false } = transform;
  // What is not in the paper is drawn last, so that it does not change the other random parameters.
  const erased = erasing > 0 && random.uniform() < erasing ? drawErased(random, crop) : null;
  const windows = smallestArea === undefined ? undefined : drawWindows(random, smallestArea);
  if (jitter === 0 && !trivialAugment) return { smallestSide, position, flip, alphas, erased, windows };
  const trivial = trivialAugment ? drawTrivial(random, crop) : [];
  const operations = [...trivial, ...(jitter > 0 ? drawJitter(random, jitter) : [])];
  return { smallestSide, position, flip, alphas, erased, windows, operations };
}

/** Returns the size of the whole rescaled image and the crop in it. */
function cropGeometry(
  size: Size,
  side: number,
  { windows, smallestSide, position }: Augmentation,
): Pick<Geometry, 'rescaled' | 'window'> {
  if (windows !== undefined) return resizedGeometry(size, windowFor(size, windows), side);
  const rescaled = rescaledSize(size, smallestSide);
  const [x, y] = position;
  const window = {
    left: Math.floor(x * (rescaled.width - side + 1)),
    top: Math.floor(y * (rescaled.height - side + 1)),
    width: side,
    height: side,
  };
  return { rescaled, window };
}

/** Returns the parameters for a training input from an image of `size`. */
export function trainingGeometry(size: Size, transform: TrainTransform, drawn: Augmentation): Geometry {
  const { rescaled, window } = cropGeometry(size, transform.crop, drawn);
  const [red, green, blue] = transform.colour ? colourOffset(transform.colour, drawn.alphas) : ([0, 0, 0] as const);
  const { mean } = transform;
  const shift = [red - mean[0], green - mean[1], blue - mean[2]] as const;
  return { rescaled, window, flip: drawn.flip, shift, erased: drawn.erased, operations: drawn.operations };
}

/** Returns the parameters for an evaluation input from an image of `size`: the centre crop, not flipped. */
export function evaluationGeometry(size: Size, { crop, scale, mean }: EvaluationTransform): Geometry {
  const rescaled = rescaledSize(size, scale);
  const shift = [-mean[0], -mean[1], -mean[2]] as const;
  return { rescaled, window: centreWindow(rescaled, crop), flip: false, shift, erased: null };
}
