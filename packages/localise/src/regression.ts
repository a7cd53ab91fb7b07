/** The last layer of a localisation net (appendix A.1): four numbers for all classes (SCR) or for each class (PCR). */
import { VggError } from '@vgg/core';
import type { Size } from '@vgg/data';
import { type Box, isBox } from './box';

/**
 * Boxes that a net predicts. `per-class`: one for each class (PCR), 4 · classes outputs. `shared`: one for all classes (SCR),
 * 4 outputs.
 */
export type Regression = 'per-class' | 'shared';

/** Kinds of regression. */
export const REGRESSIONS: readonly Regression[] = ['per-class', 'shared'];

/** Numbers of a box: centre x and y, width and height. */
export const BOX_NUMBERS = 4;

/** Returns the number of outputs of a net. @throws VggError `VGG_ARGUMENT` for an unknown kind. */
export function outputsOf(regression: Regression, classes: number): number {
  if (!REGRESSIONS.includes(regression)) {
    throw new VggError('argument', `regression must be one of ${REGRESSIONS.join(', ')}, got ${regression}`);
  }
  return regression === 'shared' ? BOX_NUMBERS : BOX_NUMBERS * classes;
}

/** Returns the first output of the box of a class. */
export function outputOf(regression: Regression, label: number): number {
  return regression === 'shared' ? 0 : BOX_NUMBERS * label;
}

/**
 * Returns a box of a crop as the numbers that a net predicts: centre x, centre y, width and height, in sides of the crop. The
 * centre is counted from the crop's centre, so that all numbers are small.
 */
export function encodeBox({ left, top, width, height }: Box, crop: Size): [number, number, number, number] {
  return [
    (left + width / 2) / crop.width - 0.5,
    (top + height / 2) / crop.height - 0.5,
    width / crop.width,
    height / crop.height,
  ];
}

/** Returns the box, in pixels of the crop, of the numbers at `at`: the inverse of {@link encodeBox}. */
export function decodeBox(numbers: ArrayLike<number>, at: number, crop: Size): Box {
  const width = numbers[at + 2]! * crop.width;
  const height = numbers[at + 3]! * crop.height;
  return {
    left: (numbers[at]! + 0.5) * crop.width - width / 2,
    top: (numbers[at + 1]! + 0.5) * crop.height - height / 2,
    width,
    height,
  };
}

/** Writes the targets of one image: its box at the outputs of its class, and NaN, which the loss ignores, at all others. */
export function writeTargets(
  targets: Float32Array,
  regression: Regression,
  { box, label, crop }: { box: Box; label: number; crop: Size },
): void {
  targets.fill(Number.NaN);
  if (isBox(box)) targets.set(encodeBox(box, crop), outputOf(regression, label));
}
