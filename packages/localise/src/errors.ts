/** The error of localisation (ILSVRC; appendix A.2) and curves over the IoU. */
import { requireInteger, VggError } from '@vgg/core';
import { type Box, intersectionOverUnion } from './box';

/** Object in an image as a net finds it. */
export interface LabelledBox {
  readonly label: number;
  readonly box: Box;
}

/** The true class of an image, and the boxes of all its objects of that class. */
export interface TrueObjects {
  readonly label: number;
  readonly boxes: readonly Box[];
}

/** Returns the highest IoU of a box with any of several. */
export function bestOverlap(box: Box, boxes: readonly Box[]): number {
  return boxes.reduce((best, other) => Math.max(best, intersectionOverUnion(box, other)), 0);
}

/** Options of {@link localisationError}. */
export interface LocalisationErrorOptions {
  /** Number of guesses that count for each image, the first ones. Default 5. */
  readonly top?: number | undefined;
  /** Least IoU of a right box. Default 0.5. */
  readonly threshold?: number | undefined;
}

/**
 * Returns ILSVRC's localisation error in %: an image counts as right if one of its guesses has the true class and a box with an IoU
 * of `threshold` or more with an object of the class.
 * @param guesses guesses of each image, the most probable first.
 * @throws VggError `VGG_ARGUMENT` for no image, another number of guesses than of images, or an option out of range.
 */
export function localisationError(
  guesses: readonly (readonly LabelledBox[])[],
  truths: readonly TrueObjects[],
  { top = 5, threshold = 0.5 }: LocalisationErrorOptions = {},
): number {
  requireInteger('top', top, 1);
  if (guesses.length !== truths.length || truths.length === 0) {
    throw new VggError(
      'argument',
      `expected the guesses of at least one image and as many truths, got ${guesses.length} and ${truths.length}`,
    );
  }
  if (!(threshold > 0 && threshold <= 1)) {
    throw new VggError('argument', `expected an IoU above 0 and at most 1 as the threshold, got ${threshold}`);
  }
  const wrong = truths.filter(({ label, boxes }, i) => {
    const own = guesses[i]!.slice(0, top);
    return !own.some((guess) => guess.label === label && bestOverlap(guess.box, boxes) >= threshold);
  });
  return (100 * wrong.length) / truths.length;
}

/** Point of a curve: the percentage of boxes with at least this IoU. */
export interface OverlapPoint {
  readonly iou: number;
  readonly percent: number;
}

/**
 * Returns the percentage of boxes with at least each IoU from 0.05 to 0.95 in steps of 0.05. The localisation error at a
 * threshold is 100 less the percentage there.
 * @param overlaps the IoU of each box with its object.
 */
export function overlapCurve(overlaps: readonly number[]): OverlapPoint[] {
  return Array.from({ length: 19 }, (_, i) => {
    const iou = (i + 1) / 20;
    const right = overlaps.filter((overlap) => overlap >= iou).length;
    return { iou, percent: overlaps.length === 0 ? 0 : (100 * right) / overlaps.length };
  });
}
