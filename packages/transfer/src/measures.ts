/** Measures of section B: accuracy, mean class accuracy (Caltech), average precision (VOC); means with standard errors. */
import { VggError } from '@vgg/core';

/** Results of a classifier on test images, from 0 to 1. */
export interface Measures {
  /** Share of images whose class is right. */
  readonly accuracy: number;
  /** Mean over the classes of the share of their images whose class is right, as the paper reports for Caltech. */
  readonly meanClassAccuracy: number;
  /** Mean over the classes of the average precision, as the paper reports for VOC. */
  readonly meanAveragePrecision: number;
}

/** Rule of the average precision: of VOC 2010 and later (area under the curve), or of VOC 2007 (mean at 11 recalls). */
export type PrecisionRule = 'voc2010' | 'voc2007';

/**
 * Returns the average precision of a ranking: the precision at each recall is the highest one at this or a larger recall. Equal
 * scores rank in their order.
 * @param isPositive truth for each score.
 * @returns NaN without a positive.
 */
export function averagePrecision(
  scores: ArrayLike<number>,
  isPositive: (index: number) => boolean,
  rule: PrecisionRule = 'voc2010',
): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const precisions: number[] = [];
  for (const [rank, index] of order.entries()) {
    if (isPositive(index)) precisions.push((precisions.length + 1) / (rank + 1));
  }
  const positives = precisions.length;
  for (let i = positives - 2; i >= 0; i--) precisions[i] = Math.max(precisions[i]!, precisions[i + 1]!);
  if (positives === 0) return Number.NaN;
  if (rule === 'voc2010') return precisions.reduce((sum, precision) => sum + precision, 0) / positives;
  let sum = 0;
  // Recall of at least t / 10 is first reached by positive number ⌈t · positives / 10⌉.
  for (let t = 0; t <= 10; t++) sum += precisions[Math.max(0, Math.ceil((t * positives) / 10) - 1)]!;
  return sum / 11;
}

/** Returns the index of the largest of `classes` values from `start`; of equal ones the first. */
export function largestAt(values: ArrayLike<number>, start: number, classes: number): number {
  let best = 0;
  for (let k = 1; k < classes; k++) if (values[start + k]! > values[start + best]!) best = k;
  return best;
}

/**
 * Measures decision values [labels.length, classes]. Classes without a test image do not count in the means.
 * @throws VggError `VGG_SHAPE` if the number of values is not labels · classes; `VGG_DATASET` without an image.
 */
export function measure(
  values: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  rule?: PrecisionRule,
): Measures {
  if (values.length !== labels.length * classes) {
    throw new VggError(
      'shape',
      `expected ${labels.length * classes} decision values for ${labels.length} images, got ${values.length}`,
    );
  }
  if (labels.length === 0) throw new VggError('dataset', 'there is no image to test the classifier on');
  const counts = new Uint32Array(classes);
  const right = new Uint32Array(classes);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    counts[label]! += 1;
    if (largestAt(values, i * classes, classes) === label) right[label]! += 1;
  }
  const present = [...counts.keys()].filter((k) => counts[k]! > 0);
  const precisions = present.map((k) => {
    const scores = Float64Array.from({ length: labels.length }, (_, i) => values[i * classes + k]!);
    return averagePrecision(scores, (i) => labels[i] === k, rule);
  });
  return {
    accuracy: right.reduce((sum, count) => sum + count, 0) / labels.length,
    meanClassAccuracy: meanOf(present.map((k) => right[k]! / counts[k]!)),
    meanAveragePrecision: meanOf(precisions),
  };
}

/** Returns the mean of numbers. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Returns the standard error of the mean: the standard deviation (n - 1) divided by √n. Null for fewer than two numbers. */
export function standardError(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = meanOf(values);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return Math.sqrt(variance / values.length);
}
