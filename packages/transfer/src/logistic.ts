/**
 * Multinomial logistic regression, L2-regularised, as LogisticRegression of scikit-learn: it minimises ½‖W‖² + C Σ cross-entropy.
 * The intercepts are not regularised. Two classes share one vector, as there: their vectors are w/2 and -w/2.
 *
 * L-BFGS in float64 on centred descriptors, with intercepts in the unit of their length. As the intercepts are free, this is the same
 * function of other variables; it is far better conditioned, since the descriptors of a net are nearly parallel.
 */
import { yieldToEventLoop } from '@vgg/core';
import { checkExamples, type FitOptions, type LinearClassifier } from './classifier';
import { type Descriptors, dot } from './descriptors';
import { type Examples, products, weightedSum } from './examples';
import { minimise } from './lbfgs';

/** Options of {@link fitLogistic}. */
export interface LogisticOptions extends FitOptions {
  /** Length of the gradient at the end. Default 1e-3. */
  readonly tolerance?: number | undefined;
  /** Largest number of steps. Default 2000. */
  readonly maxSteps?: number | undefined;
  /** Classifier from which the search starts. Default all weights 0. */
  readonly start?: LinearClassifier | undefined;
  /** Called after each step. */
  readonly onProgress?: ((steps: number) => void) | undefined;
}

/** Descriptors minus their mean. */
interface Centred extends Examples {
  readonly mean: Float64Array;
  /** Root mean square of their lengths. */
  readonly unit: number;
}

function centre({ values, width, length }: Descriptors): Centred {
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / length;
  const centred = Float64Array.from(values, (value, i) => value - mean[i % width]!);
  return { values: centred, width, mean, unit: Math.sqrt(dot(centred, centred) / length) || 1 };
}

/** Replaces scores [classes][length] by the probabilities minus 1 for the true class, and returns the sum of the cross-entropies. */
function crossEntropy(scores: readonly Float64Array[], labels: ArrayLike<number>): number {
  let loss = 0;
  for (let i = 0; i < labels.length; i++) {
    let highest = Number.NEGATIVE_INFINITY;
    for (const row of scores) highest = Math.max(highest, row[i]!);
    const own = scores[labels[i]!]![i]!;
    let sum = 0;
    for (const row of scores) {
      row[i] = Math.exp(row[i]! - highest);
      sum += row[i]!;
    }
    for (const row of scores) row[i]! /= sum;
    scores[labels[i]!]![i]! -= 1;
    loss += Math.log(sum) + highest - own;
  }
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
  { C = 1, tolerance = 1e-3, maxSteps = 2000, start, signal, onProgress }: LogisticOptions = {},
): Promise<LinearClassifier> {
  checkExamples(descriptors, labels, classes, C);
  const { width, length } = descriptors;
  const examples = centre(descriptors);
  const { mean, unit } = examples;
  const all = Uint32Array.from({ length }, (_, i) => i);
  const strength = classes === 2 ? C / 2 : C;
  /** Numbers of a class: its weights, then its intercept in the unit. */
  const size = width + 1;
  const vectorOf = (x: Float64Array, k: number) => x.slice(k * size, (k + 1) * size);
  const objective = (x: Float64Array, gradient: Float64Array) => {
    const scores = Array.from({ length: classes }, (_, k) => {
      const w = vectorOf(x, k);
      w[width]! *= unit;
      return products(examples, all, w);
    });
    let value = strength * crossEntropy(scores, labels);
    for (const [k, factors] of scores.entries()) {
      const sum = weightedSum(examples, all, factors);
      for (let j = 0; j < width; j++) {
        const weight = x[k * size + j]!;
        value += weight ** 2 / 2;
        gradient[k * size + j] = strength * sum[j]! + weight;
      }
      gradient[k * size + width] = strength * unit * sum[width]!;
    }
    return value;
  };
  const x = new Float64Array(classes * size);
  for (let k = 0; k < classes && start !== undefined; k++) {
    const w = start.weights.subarray(k * width, (k + 1) * width);
    x.set(w, k * size);
    x[k * size + width] = (start.intercepts[k]! + dot(w, mean)) / unit;
  }
  await minimise(objective, x, {
    tolerance,
    maxSteps,
    onStep: async (step) => {
      onProgress?.(step);
      await yieldToEventLoop();
      signal?.throwIfAborted();
    },
  });
  const weights = new Float64Array(classes * width);
  const intercepts = new Float64Array(classes);
  for (let k = 0; k < classes; k++) {
    const w = vectorOf(x, k);
    weights.set(w.subarray(0, width), k * width);
    intercepts[k] = w[width]! * unit - dot(mean, w);
  }
  return { kind: 'logistic', classes, width, weights, intercepts };
}
