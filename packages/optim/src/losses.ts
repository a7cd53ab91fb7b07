/**
 * Losses other than the paper's soft-max cross-entropy: focal loss for classes of unequal difficulty, and losses of several
 * labels per image, of probabilities and of numbers. Each is a mean over the outputs of an image and over the images.
 */
import {
  abs,
  add,
  exp,
  log1p,
  logSoftmax,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  relu,
  type Scalar,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  tensor2d,
  tidy,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { type CrossEntropyOptions, checkCrossEntropy, targetProbabilities } from './cross-entropy';
import { check } from './optimiser';

/** Numbers for every image and output, row-major [n, outputs]. */
export type OutputTargets = Float32Array | readonly number[];

export interface FocalOptions extends CrossEntropyOptions {
  /** γ, at least 0: the larger, the less the loss of images that are classified well. Default 2. */
  gamma?: number | undefined;
}

/** Smallest value of 1 - p whose power is taken: below it, the gradient of the power may be infinite. */
const LEAST = 1e-7;

/**
 * Returns the focal loss of a soft-max (Lin et al., arXiv:1708.02002, equation 5): (1 - p)^γ · -log(p), where p is the
 * probability of the label. Their α is `classWeights`. With γ = 0 it is the cross-entropy.
 *
 * @param logits [n, classes].
 * @param labels n class indices.
 * @throws VggError as `softmaxCrossEntropy` does, and `VGG_ARGUMENT` for a negative γ.
 */
export function focalLoss(
  logits: Tensor2D,
  labels: Int32Array | readonly number[],
  { gamma = 2, ...options }: FocalOptions = {},
): Scalar {
  checkCrossEntropy(logits, labels, options);
  check('a gamma', gamma);
  const [samples, classes] = logits.shape;
  return tidy(() => {
    const target = tensor2d(targetProbabilities(labels, classes, options), [samples, classes]);
    const logs = logSoftmax(logits);
    const factor = pow(maximum(sub(1, exp(logs)), LEAST), gamma);
    return scaled(sum(mul(gamma === 0 ? logs : mul(factor, logs), target)), -1, samples, options);
  });
}

export interface ReductionOptions {
  /** Mean over the images, or their sum, which can be added over micro-batches. Default `mean`. */
  reduction?: 'mean' | 'sum' | undefined;
}

/** Multiplies a sum over images by a factor, and divides it by their number for a mean. */
function scaled(total: Tensor, factor: number, samples: number, { reduction = 'mean' }: ReductionOptions): Scalar {
  return mul(total, reduction === 'mean' ? factor / samples : factor);
}

/** Throws VggError `VGG_SHAPE` or `VGG_ARGUMENT` unless there is a finite target for each of the outputs [n, outputs]. */
function checkTargets(outputs: Tensor2D, targets: OutputTargets): void {
  if (outputs.rank !== 2 || outputs.size === 0 || outputs.size !== targets.length) {
    throw new VggError(
      'shape',
      `expected outputs of shape [n, outputs] and one target for each, got [${outputs.shape}] and ${targets.length} targets`,
    );
  }
  for (let i = 0; i < targets.length; i++) {
    if (!Number.isFinite(targets[i]!)) {
      throw new VggError('argument', `expected finite targets, got ${targets[i]} at index ${i}`);
    }
  }
}

export interface SigmoidOptions extends ReductionOptions {
  /** Factor of each output's loss where its target is 1, at least 0: more than 1 for rare labels. Default 1. */
  positiveWeights?: readonly number[] | undefined;
}

/**
 * Returns the sigmoid cross-entropy for images with any number of labels: every output is a question of its own. It equals
 * PyTorch's `BCEWithLogitsLoss`, and is stable for logits of any size.
 *
 * @param logits [n, outputs].
 * @param targets 1 where the image has the label of the output, else 0, or a probability, row-major [n, outputs].
 * @throws VggError `VGG_SHAPE` for another number of targets; `VGG_ARGUMENT` for a target outside [0, 1] or a wrong number
 *   of weights.
 */
export function sigmoidCrossEntropy(logits: Tensor2D, targets: OutputTargets, options: SigmoidOptions = {}): Scalar {
  checkTargets(logits, targets);
  const [samples, outputs] = logits.shape;
  const outside = targets.findIndex((target) => target < 0 || target > 1);
  if (outside >= 0) {
    throw new VggError('argument', `expected targets from 0 to 1, got ${targets[outside]} at index ${outside}`);
  }
  const { positiveWeights } = options;
  if (positiveWeights !== undefined && !isWeights(positiveWeights, outputs)) {
    throw new VggError('argument', `expected ${outputs} positive weights of at least 0, got [${positiveWeights}]`);
  }
  return tidy(() => {
    const target = tensor2d(Float32Array.from(targets), [samples, outputs]);
    // log(1 + e^-x), without an overflow.
    const softplus = add(log1p(exp(neg(abs(logits)))), relu(neg(logits)));
    const weight = (i: number) => 1 + ((positiveWeights?.[i % outputs] ?? 1) - 1) * targets[i]!;
    const weights = tensor2d(
      Float32Array.from(targets, (_, i) => weight(i)),
      [samples, outputs],
    );
    const losses = add(mul(sub(1, target), logits), mul(weights, softplus));
    return scaled(sum(losses), 1 / outputs, samples, options);
  });
}

function isWeights(weights: readonly number[], count: number): boolean {
  return weights.length === count && weights.every((weight) => weight >= 0 && Number.isFinite(weight));
}

/**
 * Returns the soft-max cross-entropy for targets that are probabilities of all classes, such as those of another net
 * (distillation). It equals PyTorch's `CrossEntropyLoss` with class probabilities.
 *
 * @param logits [n, classes].
 * @param targets probabilities, row-major [n, classes].
 * @throws VggError `VGG_SHAPE` for another number of targets; `VGG_ARGUMENT` for a target that is negative or not finite.
 */
export function softTargetCrossEntropy(
  logits: Tensor2D,
  targets: OutputTargets,
  options: ReductionOptions = {},
): Scalar {
  checkTargets(logits, targets);
  const negative = targets.findIndex((target) => target < 0);
  if (negative >= 0) {
    throw new VggError('argument', `expected probabilities, got ${targets[negative]} at index ${negative}`);
  }
  return tidy(() => {
    const target = tensor2d(Float32Array.from(targets), logits.shape);
    return scaled(sum(mul(logSoftmax(logits), target)), -1, logits.shape[0], options);
  });
}

export interface RegressionOptions extends ReductionOptions {
  /**
   * `squared`: (y - t)². `absolute`: |y - t|. `huber`: (y - t)² / 2 where |y - t| is at most `delta`, beyond it
   * delta · (|y - t| - delta / 2). Default `squared`.
   */
  kind?: 'squared' | 'absolute' | 'huber' | undefined;
  /** Difference, above 0, at which `huber` becomes linear. Default 1. */
  delta?: number | undefined;
}

/**
 * Returns the loss of outputs that are numbers. It equals PyTorch's MSELoss, L1Loss and HuberLoss.
 *
 * @param outputs [n, outputs].
 * @param targets numbers, row-major [n, outputs].
 * @throws VggError `VGG_SHAPE` for another number of targets; `VGG_ARGUMENT` for a target that is not finite, an unknown
 *   kind or a delta that is not above 0.
 */
export function regressionLoss(outputs: Tensor2D, targets: OutputTargets, options: RegressionOptions = {}): Scalar {
  const { kind = 'squared', delta = 1 } = options;
  checkTargets(outputs, targets);
  if (!['squared', 'absolute', 'huber'].includes(kind)) {
    throw new VggError('argument', `expected the kind of a regression as squared, absolute or huber, got ${kind}`);
  }
  if (!(delta > 0 && Number.isFinite(delta))) {
    throw new VggError('argument', `expected a delta above 0, got ${delta}`);
  }
  const [samples, count] = outputs.shape;
  return tidy(() => {
    const difference = sub(outputs, tensor2d(Float32Array.from(targets), outputs.shape));
    return scaled(sum(errors(difference, kind, delta)), 1 / count, samples, options);
  });
}

function errors(difference: Tensor, kind: 'squared' | 'absolute' | 'huber', delta: number): Tensor {
  if (kind === 'squared') return square(difference);
  const size = abs(difference);
  if (kind === 'absolute') return size;
  // With q = min(|d|, delta), both cases are q · (|d| - q / 2).
  const quadratic = minimum(size, delta);
  return mul(quadratic, sub(size, mul(quadratic, 0.5)));
}
