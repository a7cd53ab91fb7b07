/** Choice of C by stratified cross-validation, and probabilities from decision values. */
import { requireInteger, VggError } from '@vgg/core';
import { type ClassifierKind, checkC, decisionValues, type LinearClassifier } from './classifier';
import { type Descriptors, selectRows } from './descriptors';
import { fitLogistic } from './logistic';
import { measure } from './measures';
import { stratifiedFolds } from './splits';
import { fitSvm } from './svm';

/** Default values of C that cross-validation compares. */
export const C_GRID: readonly number[] = [0.1, 1, 10, 100, 1000];

/** Options of {@link fitClassifier}. */
export interface ClassifierOptions {
  /** Default `svm`, as in the paper. */
  readonly kind?: ClassifierKind | undefined;
  /** Values of C to compare by cross-validation; one value is used as it is. Default {@link C_GRID}. */
  readonly C?: readonly number[] | undefined;
  /** Number of folds, at least 2; fewer if a class has fewer examples. Default 3. */
  readonly folds?: number | undefined;
  /** Random seed of the folds. Default 0. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each fit: `folds` for every C, and one with all examples. */
  readonly onFit?: ((fits: number, of: number) => void) | undefined;
}

/** Classifier with the C that was found and what the folds showed. */
export interface FittedClassifier {
  readonly classifier: LinearClassifier;
  readonly C: number;
  /** Mean class accuracy on the folds that were left out, for each C. Empty for a class with one example. */
  readonly validation: readonly { readonly C: number; readonly meanClassAccuracy: number }[];
  /**
   * Factor of the decision values for which their soft-max fits the folds that were left out best, from 1/64 to 64. 1 for `logistic`,
   * and for a class with one example.
   */
  readonly sharpness: number;
}

interface OneFit {
  readonly classes: number;
  readonly C: number;
  readonly signal: AbortSignal | undefined;
  /** Classifier of another C, from which the search starts. */
  readonly start?: LinearClassifier | undefined;
  /** True for a comparison of C, which needs no exact minimum. */
  readonly isRough: boolean;
}

function fitOnce(
  kind: ClassifierKind,
  descriptors: Descriptors,
  labels: ArrayLike<number>,
  { classes, isRough, ...options }: OneFit,
): Promise<LinearClassifier> {
  if (kind === 'svm') return fitSvm(descriptors, labels, classes, { ...options, tolerance: isRough ? 0.1 : undefined });
  return fitLogistic(descriptors, labels, classes, { ...options, tolerance: isRough ? 0.1 : undefined });
}

/** Returns the mean cross-entropy of the soft-max of sharpness · values. */
function entropyOf(values: Float64Array, labels: ArrayLike<number>, classes: number, sharpness: number): number {
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    const row = values.subarray(i * classes, (i + 1) * classes).map((value) => sharpness * value);
    const highest = row.reduce((a, b) => Math.max(a, b));
    total += Math.log(row.reduce((sum, value) => sum + Math.exp(value - highest), 0)) + highest - row[labels[i]!]!;
  }
  return total / labels.length;
}

/** Returns the factor from 1/64 to 64 with the smallest cross-entropy (golden section search on its logarithm). */
export function sharpnessOf(values: Float64Array, labels: ArrayLike<number>, classes: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = -6;
  let high = 6;
  while (high - low > 0.01) {
    const left = high - ratio * (high - low);
    const right = low + ratio * (high - low);
    const isLeft = entropyOf(values, labels, classes, 2 ** left) < entropyOf(values, labels, classes, 2 ** right);
    if (isLeft) high = right;
    else low = left;
  }
  return 2 ** ((low + high) / 2);
}

/** Returns the soft-max of sharpness · values: a new array, of the decision values of one image. */
export function probabilitiesOf(values: Float64Array, sharpness: number): Float64Array {
  const highest = values.reduce((a, b) => Math.max(a, b));
  const powers = values.map((value) => Math.exp(sharpness * (value - highest)));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Returns the number of fits that {@link fitClassifier} makes. */
function fitsOf(grid: number, folds: number): number {
  return grid * folds + 1;
}

/**
 * Returns the number of folds for examples with these labels; 1 where a class has one example, for a fit without cross-validation.
 * @param names names of the classes, for messages.
 * @throws VggError `VGG_ARGUMENT` for a C or folds out of range; `VGG_DATASET` for a class with too few examples.
 */
export function foldsOf(
  labels: ArrayLike<number>,
  names: readonly string[],
  { C: grid = C_GRID, folds = 3 }: ClassifierOptions,
): number {
  requireInteger('folds', folds, 2);
  if (grid.length === 0) throw new VggError('argument', 'expected a value of C, got none');
  for (const C of grid) checkC(C);
  const counts = new Uint32Array(names.length);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]! += 1;
  const fewest = counts.reduce((a, b) => Math.min(a, b), folds);
  if (fewest > 1 || (fewest === 1 && grid.length === 1)) return fewest;
  const name = names[counts.indexOf(fewest)];
  throw new VggError(
    'dataset',
    fewest === 0
      ? `class ${name} has no example for training: add some, or leave the class out`
      : `class ${name} has 1 example for training, and a comparison of several C needs 2: use more, or pass one value of C (--cost)`,
  );
}

/**
 * Fits a classifier. C is the one with the best mean class accuracy on the folds that were left out; of equal ones the smallest.
 * @param labels class of each descriptor, from 0 to `classes - 1`.
 * @throws VggError as `fitSvm`; `VGG_ARGUMENT` for no value of C, or fewer than 2 folds; `VGG_DATASET` for a class with one example
 *   if there are several values of C.
 */
export async function fitClassifier(
  descriptors: Descriptors,
  labels: ArrayLike<number>,
  classes: number,
  options: ClassifierOptions = {},
): Promise<FittedClassifier> {
  const { kind = 'svm', C: grid = C_GRID, seed = 0, signal, onFit } = options;
  const names = Array.from({ length: classes }, (_, k) => String(k));
  const parts = foldsOf(labels, names, options);
  if (parts < 2) {
    const C = grid[0]!;
    const classifier = await fitOnce(kind, descriptors, labels, { classes, C, isRough: false, signal });
    onFit?.(1, 1);
    return { classifier, C, validation: [], sharpness: 1 };
  }
  const fold = stratifiedFolds(labels, classes, parts, seed);
  const all = Array.from({ length: labels.length }, (_, i) => i);
  const total = fitsOf(grid.length, parts);
  let done = 0;
  const starts: LinearClassifier[] = [];
  let best: { C: number; score: number; values: Float64Array } | undefined;
  const validation: { C: number; meanClassAccuracy: number }[] = [];
  for (const C of [...grid].sort((a, b) => a - b)) {
    const values = new Float64Array(labels.length * classes);
    for (let f = 0; f < parts; f++) {
      const inside = all.filter((i) => fold[i] !== f);
      const outside = all.filter((i) => fold[i] === f);
      const classifier = await fitOnce(
        kind,
        selectRows(descriptors, inside),
        inside.map((i) => labels[i]!),
        { classes, C, isRough: true, start: starts[f], signal },
      );
      starts[f] = classifier;
      const left = decisionValues(classifier, selectRows(descriptors, outside));
      for (const [place, i] of outside.entries()) {
        values.set(left.subarray(place * classes, (place + 1) * classes), i * classes);
      }
      onFit?.(++done, total);
    }
    const { meanClassAccuracy: score } = measure(values, labels, classes);
    validation.push({ C, meanClassAccuracy: score });
    if (best === undefined || score > best.score) best = { C, score, values };
  }
  const { C, values } = best!;
  const classifier = await fitOnce(kind, descriptors, labels, { classes, C, isRough: false, signal });
  onFit?.(total, total);
  return { classifier, C, validation, sharpness: kind === 'svm' ? sharpnessOf(values, labels, classes) : 1 };
}
