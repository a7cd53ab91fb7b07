/** The training objective: multinomial logistic regression, which is soft-max cross-entropy (section 3.1). */
import {
  customGrad,
  logSoftmax,
  mul,
  type Scalar,
  sum,
  type Tensor,
  type Tensor2D,
  tensor2d,
  tidy,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { backendKernel } from './backend-kernel';

export interface CrossEntropyOptions {
  /** Mean over the samples, or their sum, which can be added over micro-batches. Default `mean`. */
  reduction?: 'mean' | 'sum' | undefined;
  /** ε in [0, 1): each target is (1 - ε)·one-hot + ε/classes. Default 0, as in the paper. */
  labelSmoothing?: number | undefined;
  /**
   * Factor of each class's target probabilities, at least 0, as the weights of PyTorch's `CrossEntropyLoss`. But the mean
   * divides by the number of samples, so weights with a mean of 1 over the training images keep the size of the loss.
   * Default 1.
   */
  classWeights?: readonly number[] | undefined;
  /** Second labels, for images that contain parts of others. */
  mixed?: MixedLabels | undefined;
}

/** Second labels, one per image, and their share of each target, in [0, 1]. */
export interface MixedLabels {
  labels: Int32Array | readonly number[];
  share: number;
}

/** Throws VggError `VGG_ARGUMENT` for the first label that is not an integer from 0 to `classes` - 1. */
export function checkLabels(labels: ArrayLike<number>, classes: number): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new VggError(
      'argument',
      `expected labels from 0 to ${classes - 1}, got ${label} at index ${i}: the net has ${classes} classes`,
    );
  }
}

/** Returns the target probabilities times the weights of their classes, row-major [labels.length, classes]. */
export function targetProbabilities(
  labels: ArrayLike<number>,
  classes: number,
  { labelSmoothing: smoothing = 0, classWeights, mixed }: CrossEntropyOptions,
): Float32Array {
  const weightOf = (c: number) => classWeights?.[c] ?? 1;
  const target = Float32Array.from(
    { length: labels.length * classes },
    (_, i) => (weightOf(i % classes) * smoothing) / classes,
  );
  const addLabels = (added: ArrayLike<number>, share: number) => {
    checkLabels(added, classes);
    for (let i = 0; i < added.length; i++) {
      target[i * classes + added[i]!]! += weightOf(added[i]!) * share * (1 - smoothing);
    }
  };
  addLabels(labels, 1 - (mixed?.share ?? 0));
  if (mixed !== undefined) addLabels(mixed.labels, mixed.share);
  return target;
}

/** Throws the errors of {@link softmaxCrossEntropy}, except that for a label outside the classes. */
export function checkCrossEntropy(
  logits: Tensor2D,
  labels: ArrayLike<number>,
  { labelSmoothing = 0, classWeights, mixed }: CrossEntropyOptions,
): void {
  const [samples, classes] = logits.shape;
  if (logits.rank !== 2 || samples === 0 || classes === 0 || samples !== labels.length) {
    throw new VggError(
      'shape',
      `expected logits of shape [n, classes] and n ≥ 1 labels, got [${logits.shape}] and ${labels.length} labels`,
    );
  }
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new VggError('argument', `expected a label smoothing in [0, 1), got ${labelSmoothing}`);
  }
  if (mixed !== undefined && !(mixed.share >= 0 && mixed.share <= 1 && mixed.labels.length === samples)) {
    throw new VggError(
      'argument',
      `expected ${samples} second labels and a share of them in [0, 1], got ${mixed.labels.length} and ${mixed.share}`,
    );
  }
  if (classWeights !== undefined && !(classWeights.length === classes && classWeights.every((weight) => weight >= 0))) {
    throw new VggError('argument', `expected ${classes} class weights of at least 0, got [${classWeights}]`);
  }
}

/**
 * Returns scale · Σ targets · -log softmax(logits). The kernel (`@vgg/backend-webgpu`) computes loss and gradient in one pass; then
 * only the logits have a gradient, and no second-order one.
 */
function scaledCrossEntropy(logits: Tensor2D, targets: Tensor2D, scale: number): Scalar {
  const onePass = backendKernel('SoftmaxCrossEntropy');
  if (onePass === undefined) return tidy(() => mul(sum(mul(logSoftmax(logits), targets)), -scale));
  const compute = customGrad((x, save) => {
    const [value, gradient] = onePass({ logits: x as Tensor, targets }, { scale });
    (save as (tensors: Tensor[]) => void)([gradient!]);
    return { value: value!, gradFunc: (dy: Tensor, saved: Tensor[]) => mul(saved[0]!, dy) };
  });
  return compute(logits) as Scalar;
}

/**
 * Returns the soft-max cross-entropy in nats. It is stable for logits of any size (the row maximum is subtracted
 * first).
 *
 * @param logits [n, classes], any finite values.
 * @param labels n class indices, from 0 to classes - 1, as numbers and not as a tensor, so that each can be checked.
 * @throws VggError `VGG_SHAPE` unless logits are [n ≥ 1, classes ≥ 1] with n labels; `VGG_ARGUMENT` for a label outside
 *   the classes, a smoothing outside [0, 1), a wrong number of second labels, or a share outside [0, 1].
 */
export function softmaxCrossEntropy(
  logits: Tensor2D,
  labels: Int32Array | readonly number[],
  options: CrossEntropyOptions = {},
): Scalar {
  checkCrossEntropy(logits, labels, options);
  const [samples, classes] = logits.shape;
  const scale = options.reduction === 'sum' ? 1 : 1 / samples;
  return tidy(() => {
    const target = tensor2d(targetProbabilities(labels, classes, options), [samples, classes]);
    return scaledCrossEntropy(logits, target, scale);
  });
}
