/**
 * Linear support vector machine, one-versus-rest, L2-regularised with the squared hinge loss, as LinearSVC of scikit-learn: for each
 * class it minimises ½‖w‖² + C Σ max(0, 1 − y w·x)², where x has a last number 1 for the intercept, which is regularised too.
 *
 * Newton's method with conjugate gradients and an exact line search (Keerthi and DeCoste, "A modified finite Newton method for fast
 * solution of large scale linear SVMs", JMLR 2005), in float64. The function is strongly convex, so that the distance of w to the
 * minimum is at most the length of the gradient, where it ends: this also holds for a large C, for which coordinate descent does not
 * converge.
 */
import { yieldToEventLoop } from '@vgg/core';
import { checkExamples, type FitOptions, type LinearClassifier } from './classifier';
import { type Descriptors, dot } from './descriptors';
import { addScaled, type Examples, examplesOf, products, weightedSum } from './examples';

/** Options of {@link fitSvm}. */
export interface SvmOptions extends FitOptions {
  /** Length of the gradient at the end: a bound of the error of the weights. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Classifier from which the search starts, such as that of another C. Default all weights 0. */
  readonly start?: LinearClassifier | undefined;
  /** Called after each class with the number of classes that are done. */
  readonly onProgress?: ((classes: number) => void) | undefined;
}

/** Limit of the steps of Newton's method; about ten are needed. */
const MAX_STEPS = 200;

/** Part of the gradient that conjugate gradients leave. */
const REMAINDER = 0.03;

/** Rows whose loss is not zero: y f < 1. */
function losing(scores: Float64Array, signs: Int8Array): Uint32Array {
  return Uint32Array.from(signs.keys()).filter((i) => signs[i]! * scores[i]! < 1);
}

/** Returns the approximate solution s of (1 + 2C Xᵀ X) s = -gradient, over the given rows of X. */
function newtonStep(examples: Examples, rows: Uint32Array, gradient: Float64Array, C: number): Float64Array {
  const solution = new Float64Array(gradient.length);
  const residual = gradient.map((value) => -value);
  const direction = residual.slice();
  let square = dot(residual, residual);
  const enough = REMAINDER ** 2 * square;
  for (let i = 0; i <= rows.length && square > enough; i++) {
    const image = weightedSum(examples, rows, products(examples, rows, direction));
    for (let j = 0; j < image.length; j++) image[j] = direction[j]! + 2 * C * image[j]!;
    const size = square / dot(direction, image);
    addScaled(solution, size, direction);
    addScaled(residual, -size, image);
    const next = dot(residual, residual);
    for (let j = 0; j < direction.length; j++) direction[j] = residual[j]! + (next / square) * direction[j]!;
    square = next;
  }
  return solution;
}

/** Returns the t that minimises the function at w + t s: the zero of its derivative, which is piecewise linear and increasing. */
function lineSearch(
  { scores, change, signs }: { scores: Float64Array; change: Float64Array; signs: Int8Array },
  { slope, square, C }: { slope: number; square: number; C: number },
): number {
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let t = 1;
  for (let i = 0; i < 60; i++) {
    let derivative = slope + t * square;
    let curvature = square;
    for (let row = 0; row < signs.length; row++) {
      const rest = signs[row]! - scores[row]! - t * change[row]!;
      if (signs[row]! * rest <= 0) continue;
      derivative -= 2 * C * rest * change[row]!;
      curvature += 2 * C * change[row]! ** 2;
    }
    if (derivative > 0) high = t;
    else low = t;
    const next = t - derivative / curvature;
    if (Math.abs(next - t) <= 1e-12 * t) break;
    t = next > low && next < high ? next : high < Number.POSITIVE_INFINITY ? (low + high) / 2 : 2 * t;
  }
  return t;
}

/** Fits the weights of one class, from their present values. `signs` are 1 for the class, -1 for the rest. */
function fitClass(w: Float64Array, examples: Examples, signs: Int8Array, C: number, tolerance: number): void {
  const all = Uint32Array.from(signs.keys());
  const scores = products(examples, all, w);
  for (let step = 0; step < MAX_STEPS; step++) {
    const rows = losing(scores, signs);
    const gradient = weightedSum(
      examples,
      rows,
      Float64Array.from(rows, (i) => 2 * C * (scores[i]! - signs[i]!)),
    );
    addScaled(gradient, 1, w);
    if (dot(gradient, gradient) <= tolerance ** 2) return;
    const direction = newtonStep(examples, rows, gradient, C);
    const change = products(examples, all, direction);
    const t = lineSearch({ scores, change, signs }, { slope: dot(w, direction), square: dot(direction, direction), C });
    addScaled(w, t, direction);
    addScaled(scores, t, change);
  }
}

/**
 * Fits a linear SVM to descriptors.
 * @param labels class of each descriptor, from 0 to `classes - 1`.
 * @throws VggError as `checkExamples`; the reason of `signal` when it is aborted.
 */
export async function fitSvm(
  descriptors: Descriptors,
  labels: ArrayLike<number>,
  classes: number,
  { C = 1, tolerance = 1e-4, start, signal, onProgress }: SvmOptions = {},
): Promise<LinearClassifier> {
  checkExamples(descriptors, labels, classes, C);
  const examples = examplesOf(descriptors);
  const { width } = descriptors;
  const weights = start?.weights.slice() ?? new Float64Array(classes * width);
  const intercepts = start?.intercepts.slice() ?? new Float64Array(classes);
  const signs = new Int8Array(labels.length);
  let last = performance.now();
  for (let k = 0; k < classes; k++) {
    for (let i = 0; i < labels.length; i++) signs[i] = labels[i] === k ? 1 : -1;
    const w = new Float64Array(width + 1);
    w.set(weights.subarray(k * width, (k + 1) * width));
    w[width] = intercepts[k]!;
    fitClass(w, examples, signs, C, tolerance);
    weights.set(w.subarray(0, width), k * width);
    intercepts[k] = w[width]!;
    onProgress?.(k + 1);
    if (performance.now() - last < 50 && k < classes - 1) continue;
    await yieldToEventLoop();
    signal?.throwIfAborted();
    last = performance.now();
  }
  return { kind: 'svm', classes, width, weights, intercepts };
}
