/**
 * Describes the steps from a decoded image to an input of a net, in the paper's order (sections 2.1, 3.1): rescale to smallest
 * side S, crop, flip, shift colours, subtract the mean. Random erasing comes last; it is not in the paper and off by default.
 *
 * The random parameters of a sample depend only on (seed, epoch, sample). The number of workers, the prefetch depth and
 * resuming a run do not change them.
 */
import { randomStream, VggError } from '@vgg/core';
import { type ColourShift, colourOffset, drawAlphas } from './colour';
import { type CropSize, centreWindow, cropSides, cropText } from './crop';
import { drawErased } from './erasing';
import type { Rgb, Size, Window } from './image';
import {
  type Complete,
  checkKeys,
  checkPreparation,
  completeNormalisation,
  isPlain,
  leastScale,
  type Normalisation,
  type Resizing,
  resizedSize,
} from './normalise';
import { drawJitter, drawTrivial } from './pixel-augmentation';
import type { PixelOperation } from './pixel-operations';
import { drawWindows, resizedGeometry, type WindowDraw, windowFor } from './resized-crop';

/**
 * Preparation of training images. Plain JSON: it is saved with a run. `trainingTransform` makes one of a trained net's own
 * preparation.
 */
export interface TrainTransform extends Resizing, Normalisation {
  /** Side of the square crop in pixels, or its height and width; 224 in the paper. */
  readonly crop: CropSize;
  /**
   * Smallest side S of the rescaled image: fixed, or a random integer of `[min, max]` for each image (uniform, inclusive). At least
   * the longer side of the crop, so that images of any shape cover it.
   */
  readonly scale: number | readonly [number, number];
  /** True to mirror images left to right with probability 1/2. */
  readonly flip: boolean;
  /** Random colour shift; `null` for none. */
  readonly colour: ColourShift | null;
  /** Probability from 0 to 1 that a rectangle of the crop is erased (set to the mean colour). Default 0, as in the paper. */
  readonly erasing?: number | undefined;
  /**
   * Smallest area, above 0 and up to 1, of RandomResizedCrop: a window of at least this fraction of the image, of 3/4 to 4/3 of
   * the crop's width per height, is resized to the crop, in place of a crop of the image rescaled to S. Default off, as in the paper.
   */
  readonly smallestArea?: number | undefined;
  /** Strength from 0 to 1 of random changes of brightness, contrast and saturation. Default 0, as in the paper. */
  readonly jitter?: number | undefined;
  /** True for one random operation of TrivialAugment. Default false, as in the paper. */
  readonly trivialAugment?: boolean | undefined;
}

/**
 * Preparation of evaluation images: rescale to smallest side `scale` (Q), crop the centre, subtract the mean. The `transform` of
 * a loaded net is one.
 */
export interface EvaluationTransform extends Resizing, Normalisation {
  /** Side of the square crop in pixels, or its height and width. */
  readonly crop: CropSize;
  /** Smallest side Q of the rescaled image in pixels, at least the longer side of the crop. */
  readonly scale: number;
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
  /** Number added to every pixel: the colour shift, minus the mean if there is no `normalisation`. */
  readonly shift: Rgb;
  /** Normalisation after `shift` is added. Absent for RGB from 0 to 255 minus the mean. */
  readonly normalisation?: Complete<Normalisation> | undefined;
  /** Filter of the rescaling. Absent for `antialiased`. */
  readonly interpolation?: Exclude<Resizing['interpolation'], 'antialiased'>;
  /** Rectangle of the crop to set to 0; `null` for none. */
  readonly erased: Window | null;
  /** Operations on the crop's pixels, in order, before `shift` is added. Absent for none. */
  readonly operations?: readonly PixelOperation[] | undefined;
  /** Changes the crop's pixels after the operations. Absent for none. */
  readonly change?: ((pixels: Float32Array) => void) | undefined;
}

const PREPARATION_KEYS = ['crop', 'scale', 'mean', 'std', 'range', 'channels', 'resize', 'interpolation'] as const;
const TRAINING_KEYS = [
  ...PREPARATION_KEYS,
  ...(['flip', 'colour', 'erasing', 'smallestArea', 'jitter', 'trivialAugment'] as const),
];

/** Finds a mean on the scale from 0 to 1 for pixels from 0 to 255: such a net would be trained on wrongly scaled images. */
function checkScale({ mean, range }: Normalisation): void {
  const isUnit =
    range === undefined && mean.every((value) => value >= 0 && value < 1) && mean.some((value) => value > 0);
  if (!isUnit) return;
  throw new VggError(
    'argument',
    `the mean [${mean}] seems to be of pixels from 0 to 1, and the transform has no range: add range: 1 and the std of the net, ` +
      'or use trainingTransform(net) and evaluationTransform(net); for pixels from 0 to 255 add range: 255',
  );
}

/**
 * Checks a transform.
 * @param kind Default `training` if the transform has `flip`.
 * @throws VggError `VGG_ARGUMENT` if a key is unknown or missing, a side is not a positive integer, the range of S is empty, S does
 *   not cover the crop, the normalisation is not valid, or erasing, smallest area or jitter are out of range.
 */
export function checkTransform(
  transform: TrainTransform | EvaluationTransform,
  kind: 'training' | 'evaluation' = 'flip' in transform ? 'training' : 'evaluation',
): void {
  if (typeof transform !== 'object' || transform === null) {
    throw new VggError('argument', `expected a transform such as trainingTransform(net), got ${transform}`);
  }
  checkKeys(transform, kind === 'training' ? TRAINING_KEYS : PREPARATION_KEYS, `a transform for ${kind}`);
  if (kind === 'training') checkAugmentation(transform as TrainTransform);
  checkPreparation(transform);
  checkScale(transform);
  const { crop, scale } = transform;
  const [low, high] = typeof scale === 'object' ? scale : [scale, scale];
  const isRange = kind === 'training' || typeof scale !== 'object';
  if (!isRange || !Number.isInteger(low) || !Number.isInteger(high) || low > high) {
    const expected = kind === 'training' ? 'an integer or an ascending range of two' : 'an integer';
    throw new VggError('argument', `the scale S must be ${expected}, got ${low}:${high}`);
  }
  const least = leastScale(transform);
  if (low < least) {
    const bound = typeof crop === 'number' ? 'the crop' : `${least}`;
    throw new VggError(
      'argument',
      `the scale S must be at least ${bound}, got S = ${low} with a crop of ${cropText(crop)}: raise S or lower the crop`,
    );
  }
}

function checkAugmentation(transform: TrainTransform): void {
  const { flip, colour, erasing = 0 } = transform;
  if (typeof flip !== 'boolean' || colour === undefined) {
    throw new VggError(
      'argument',
      'a transform for training needs flip (true or false) and colour (null for none): add them, or use trainingTransform(net)',
    );
  }
  if (!(erasing >= 0 && erasing <= 1)) {
    throw new VggError('argument', `erasing must be a probability from 0 to 1, got ${erasing}`);
  }
  checkPixelOptions(transform);
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
  const { erasing = 0, smallestArea, jitter = 0, trivialAugment = false } = transform;
  const crop = cropSides(transform.crop);
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
  transform: TrainTransform,
  { windows, smallestSide, position }: Augmentation,
): Pick<Geometry, 'rescaled' | 'window'> {
  const crop = cropSides(transform.crop);
  if (windows !== undefined) return resizedGeometry(size, windowFor(size, windows, crop), crop);
  const rescaled = resizedSize(size, smallestSide, transform);
  const [x, y] = position;
  const window = {
    left: Math.floor(x * (rescaled.width - crop.width + 1)),
    top: Math.floor(y * (rescaled.height - crop.height + 1)),
    ...crop,
  };
  return { rescaled, window };
}

/** Parameters of the pixels' values and the filter, for a colour shift of 0 to 255. */
function valuesOf(
  transform: Resizing & Normalisation,
  [red, green, blue]: Rgb,
): Pick<Geometry, 'shift' | 'normalisation' | 'interpolation'> {
  const { mean, interpolation = 'antialiased' } = transform;
  if (interpolation === 'antialiased' && isPlain(transform)) {
    return { shift: [red - mean[0], green - mean[1], blue - mean[2]] };
  }
  return {
    shift: [red, green, blue],
    normalisation: completeNormalisation(transform),
    interpolation: interpolation === 'antialiased' ? undefined : interpolation,
  };
}

/** Returns the parameters for a training input from an image of `size`. */
export function trainingGeometry(size: Size, transform: TrainTransform, drawn: Augmentation): Geometry {
  const { rescaled, window } = cropGeometry(size, transform, drawn);
  const colour = transform.colour ? colourOffset(transform.colour, drawn.alphas) : ([0, 0, 0] as const);
  const { flip, erased, operations } = drawn;
  return { rescaled, window, flip, ...valuesOf(transform, colour), erased, operations };
}

/** Returns the parameters for an evaluation input from an image of `size`: the centre crop, not flipped. */
export function evaluationGeometry(size: Size, transform: EvaluationTransform): Geometry {
  const rescaled = resizedSize(size, transform.scale, transform);
  const window = centreWindow(rescaled, transform.crop);
  return { rescaled, window, flip: false, ...valuesOf(transform, [0, 0, 0]), erased: null };
}
