/** Which test scales Q go with which training scale S (section 3.2). */
import { VggError } from '@vgg/core';

/** The smallest side S of training: fixed, or jittered in a range of two. */
export type TrainingScale = number | readonly [min: number, max: number];

/** The paper's step between scales, 32 at an input of 224, for other inputs. */
function stepFor(inputSize: number): number {
  return Math.max(1, Math.round(inputSize / 7));
}

/**
 * The paper's test scales, in ascending order.
 *
 * `single`: Q = S, or the middle of a jittered range. `multi`: {S - 32, S, S + 32}, or {Smin, middle, Smax}. For a net
 * whose input is not 224 the step 32 becomes a seventh of the input. Scales below the input are left out, as no crop fits.
 *
 * @param trainingScale S in pixels, or its range.
 * @param inputSize side of the net's training crop in pixels.
 * @throws VggError `VGG_ARGUMENT` unless S is an integer of at least `inputSize`, or an ascending range of such.
 */
export function scalesFor(trainingScale: TrainingScale, mode: 'single' | 'multi', inputSize = 224): number[] {
  const [min, max] = typeof trainingScale === 'number' ? [trainingScale, trainingScale] : trainingScale;
  if (!Number.isInteger(min) || !Number.isInteger(max) || min > max || min < inputSize) {
    throw new VggError(
      'argument',
      `the training scale must be an integer of at least ${inputSize} or an ascending range of two, got ${trainingScale}`,
    );
  }
  const middle = Math.round((min + max) / 2);
  if (mode === 'single') return [middle];
  const step = stepFor(inputSize);
  const scales = min < max ? [min, middle, max] : [min - step, min, min + step];
  return [...new Set(scales)].filter((scale) => scale >= inputSize);
}
