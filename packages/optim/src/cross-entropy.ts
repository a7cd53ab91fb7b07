/** The training objective: multinomial logistic regression, that is soft-max cross-entropy (section 3.1). */
import { logSoftmax, mul, type Scalar, sum, type Tensor2D, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

export interface CrossEntropyOptions {
  /** `mean` over the samples (default), or their `sum`, which adds up over micro-batches. */
  reduction?: 'mean' | 'sum';
  /** ε in [0, 1): each target is (1 - ε)·one-hot + ε/classes. 0 (default) is the paper's. */
  labelSmoothing?: number;
}

/** @throws VggError `VGG_ARGUMENT`, naming the first one, for a label that is not an integer from 0 to `classes` - 1. */
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

/** Target probabilities, row-major [labels.length, classes]. */
function targets(labels: ArrayLike<number>, classes: number, smoothing: number): Float32Array {
  checkLabels(labels, classes);
  const target = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (let i = 0; i < labels.length; i++) {
    target[i * classes + labels[i]!] = 1 - smoothing + smoothing / classes;
  }
  return target;
}

/**
 * Soft-max cross-entropy in nats, stable for logits of any size (the row maximum is subtracted first).
 *
 * @param logits [n, classes], any finite values.
 * @param labels n class indices, on the host: each is checked against the number of classes.
 * @throws VggError `VGG_SHAPE` when logits are not [n ≥ 1, classes ≥ 1] with n labels; `VGG_ARGUMENT` for a label outside
 *   the classes or a smoothing outside [0, 1).
 */
export function softmaxCrossEntropy(
  logits: Tensor2D,
  labels: Int32Array | readonly number[],
  { reduction = 'mean', labelSmoothing = 0 }: CrossEntropyOptions = {},
): Scalar {
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
  const scale = reduction === 'mean' ? 1 / samples : 1;
  return tidy(() => {
    const target = tensor2d(targets(labels, classes, labelSmoothing), [samples, classes]);
    return mul(sum(mul(logSoftmax(logits), target)), -scale);
  });
}
