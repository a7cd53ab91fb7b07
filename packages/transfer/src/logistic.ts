/**
 * Multinomial logistic regression, L2-regularised, as LogisticRegression of scikit-learn: it minimises ½‖W‖² + C Σ cross-entropy.
 * The intercepts are not regularised. Two classes share one vector, as there: their vectors are w/2 and -w/2.
 */
import { yieldToEventLoop } from '@vgg/core';
import { checkExamples, type FitOptions, type LinearClassifier } from './classifier';
import type { Descriptors } from './descriptors';
import { minimise } from './lbfgs';

/** Options of {@link fitLogistic}. */
export interface LogisticOptions extends FitOptions {
  /** Largest entry of the gradient at the end, compared with C. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Largest number of steps. Default 1000. */
  readonly maxSteps?: number | undefined;
  /** Classifier from which the search starts. Default all weights 0. */
  readonly start?: LinearClassifier | undefined;
  /** Called after each step. */
  readonly onProgress?: ((steps: number) => void) | undefined;
}

/** Replaces scores by the probabilities minus 1 for the true class, and returns the cross-entropy. */
function crossEntropy(scores: Float64Array, label: number): number {
  const highest = scores.reduce((a, b) => Math.max(a, b));
  let sum = 0;
  for (let k = 0; k < scores.length; k++) sum += Math.exp(scores[k]! - highest);
  const loss = Math.log(sum) + highest - scores[label]!;
  for (let k = 0; k < scores.length; k++) scores[k] = Math.exp(scores[k]! - highest) / sum;
  scores[label]! -= 1;
  return loss;
}

/**
 * Fits a multinomial logistic regression to descriptors.
 * @param labels class of each descriptor, from 0 to `classes - 1`.
 * @throws VggError as `checkExamples`; the reason of `signal` when it is aborted.
 */
export async function fitLogistic(
  descriptors: Descriptors,
  labels: ArrayLike<number>,
  classes: number,
  { C = 1, tolerance = 1e-4, maxSteps = 1000, start, signal, onProgress }: LogisticOptions = {},
): Promise<LinearClassifier> {
  checkExamples(descriptors, labels, classes, C);
  const { width, length } = descriptors;
  const values = Float64Array.from(descriptors.values);
  const size = classes * width;
  const strength = classes === 2 ? C / 2 : C;
  const scores = new Float64Array(classes);
  const objective = (x: Float64Array, gradient: Float64Array) => {
    gradient.fill(0);
    let loss = 0;
    for (let i = 0; i < length; i++) {
      const start = i * width;
      for (let k = 0; k < classes; k++) {
        const offset = k * width;
        let sum = x[size + k]!;
        for (let j = 0; j < width; j++) sum += x[offset + j]! * values[start + j]!;
        scores[k] = sum;
      }
      loss += crossEntropy(scores, labels[i]!);
      for (let k = 0; k < classes; k++) {
        const factor = strength * scores[k]!;
        const offset = k * width;
        gradient[size + k]! += factor;
        for (let j = 0; j < width; j++) gradient[offset + j]! += factor * values[start + j]!;
      }
    }
    let squares = 0;
    for (let j = 0; j < size; j++) {
      squares += x[j]! ** 2;
      gradient[j]! += x[j]!;
    }
    return strength * loss + squares / 2;
  };
  const x = new Float64Array(size + classes);
  if (start !== undefined) {
    x.set(start.weights);
    x.set(start.intercepts, size);
  }
  await minimise(objective, x, {
    tolerance: tolerance * Math.max(1, strength),
    maxSteps,
    onStep: async (step) => {
      onProgress?.(step);
      await yieldToEventLoop();
      signal?.throwIfAborted();
    },
  });
  return { kind: 'logistic', classes, width, weights: x.slice(0, size), intercepts: x.slice(size) };
}
