/** Linear classifiers: a weight vector and an intercept for each class. */
import { VggError } from '@vgg/core';
import { checkDescriptors, type Descriptors } from './descriptors';

/** Linear SVM, one-versus-rest; or multinomial logistic regression. */
export type ClassifierKind = 'svm' | 'logistic';

/** Decision values of a descriptor x: `weights` · x + `intercepts`. The largest one is the predicted class. */
export interface LinearClassifier {
  readonly kind: ClassifierKind;
  /** Number of classes. */
  readonly classes: number;
  /** Numbers of a descriptor. */
  readonly width: number;
  /** [classes, width], row after row. */
  readonly weights: Float64Array;
  /** One for each class. */
  readonly intercepts: Float64Array;
}

/** Options of `fitSvm` and `fitLogistic`. */
export interface FitOptions {
  /** Weight of the loss, compared with half the squared length of the weights; above 0. Default 1. */
  readonly C?: number | undefined;
  /** Signal that stops the fit. */
  readonly signal?: AbortSignal | undefined;
}

/** Checks the weight of the loss. @throws VggError `VGG_ARGUMENT` unless it is a positive number. */
export function checkC(C: number): void {
  if (C > 0 && Number.isFinite(C)) return;
  throw new VggError('argument', `expected C to be a number above 0, got ${C}`);
}

/**
 * Checks the examples of a fit.
 * @throws VggError `VGG_ARGUMENT` for a C that is not positive; `VGG_SHAPE` for a wrong number of labels; `VGG_DATASET` for fewer than
 *   two classes, a label that is not a class, or a class without examples; as `checkDescriptors`.
 */
export function checkExamples(descriptors: Descriptors, labels: ArrayLike<number>, classes: number, C: number): void {
  checkC(C);
  if (labels.length !== descriptors.length) {
    throw new VggError('shape', `expected a label for each of ${descriptors.length} descriptors, got ${labels.length}`);
  }
  if (classes < 2) throw new VggError('dataset', `a classifier needs two classes or more, got ${classes}`);
  const counts = new Uint32Array(classes);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new VggError('dataset', `expected labels from 0 to ${classes - 1}, got ${label}`);
    }
    counts[label]! += 1;
  }
  const empty = counts.indexOf(0);
  if (empty >= 0) throw new VggError('dataset', `class ${empty} of ${classes} has no example: leave it out`);
  checkDescriptors(descriptors);
}

/**
 * Returns the decision values of descriptors, [descriptors.length, classes], row after row.
 * @throws VggError `VGG_SHAPE` for descriptors of another width.
 */
export function decisionValues(classifier: LinearClassifier, descriptors: Descriptors): Float64Array {
  const { classes, width, weights, intercepts } = classifier;
  if (descriptors.width !== width) {
    throw new VggError(
      'shape',
      `the classifier takes descriptors of ${width} numbers, got ${descriptors.width}: use the net, layer and scales that it was fitted with`,
    );
  }
  const result = new Float64Array(descriptors.length * classes);
  for (let i = 0; i < descriptors.length; i++) {
    const x = descriptors.values.subarray(i * width, (i + 1) * width);
    for (let k = 0; k < classes; k++) {
      const offset = k * width;
      let sum = intercepts[k]!;
      for (let j = 0; j < width; j++) sum += weights[offset + j]! * x[j]!;
      result[i * classes + k] = sum;
    }
  }
  return result;
}
