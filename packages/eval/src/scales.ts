/** Test scales Q for a training scale S (section 3.2). */
import { VggError } from '@vgg/core';
import { type CropSize, longerSide } from '@vgg/data';

/** Smallest side S of training images in pixels: fixed, or a range for scale jittering. */
export type TrainingScale = number | readonly [min: number, max: number];

/** Returns the step between scales: the paper's 32 for an input of 224, in proportion for other inputs. */
function stepFor(input: number): number {
  return Math.max(1, Math.round(input / 7));
}

/**
 * Returns the paper's test scales, in ascending order.
 *
 * `single`: Q = S, or the middle of a range. `multi`: {S - 32, S, S + 32}, or {Smin, middle, Smax}. For a net whose input
 * is not 224 the step is a seventh of the input. Scales below the input size are left out, because no crop fits. The input of a
 * rectangle counts by its longer side.
 *
 * @param trainingScale S in pixels, or its range.
 * @param inputSize side of the net's training crop in pixels, or its height and width.
 * @throws VggError `VGG_ARGUMENT` unless S is an integer of at least `inputSize`, or an ascending range of two such integers.
 */
export function scalesFor(trainingScale: TrainingScale, mode: 'single' | 'multi', inputSize: CropSize = 224): number[] {
  const input = longerSide(inputSize);
  const [min, max] = typeof trainingScale === 'number' ? [trainingScale, trainingScale] : trainingScale;
  if (!Number.isInteger(min) || !Number.isInteger(max) || min > max || min < input) {
    throw new VggError(
      'argument',
      `the training scale must be an integer of at least ${input} or an ascending range of two, got ${trainingScale}`,
    );
  }
  const middle = Math.round((min + max) / 2);
  if (mode === 'single') return [middle];
  const step = stepFor(input);
  const scales = min < max ? [min, middle, max] : [min - step, min, min + step];
  return [...new Set(scales)].filter((scale) => scale >= input);
}
