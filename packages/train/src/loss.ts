/** Losses of a training run: what is minimised, and the error that decides which epoch is best. */
import { mul, type Scalar, sum, type Tensor, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import {
  type CrossEntropyOptions,
  checkLabels,
  type FocalOptions,
  focalLoss,
  type MixedLabels,
  type RegressionOptions,
  regressionLoss,
  type SigmoidOptions,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  softTargetCrossEntropy,
} from '@vgg/optim';
import type { ImageBatch } from './batch';
import { countErrors, type Totals } from './metrics';

/** Targets of the images of a micro-batch, in the order of the logits. */
export interface LossTargets {
  /** Number of images. */
  readonly size: number;
  /** Class of each image, if the batch has labels. */
  readonly labels: Int32Array | undefined;
  /** Targets [size, outputs], row-major, if the batch has them. */
  readonly targets: Float32Array | undefined;
  /** Second labels of images that CutMix or mixup has mixed. Mixed `targets` are mixed already. */
  readonly mixed: MixedLabels | undefined;
}

/**
 * Loss of one's own: returns the losses of the images, [n], or their mean, a scalar; differentiable in the logits. It may use
 * any operation of TF.js. Tensors that it creates are disposed.
 */
export type LossFunction = (logits: Tensor2D, targets: LossTargets) => Tensor;

/** Error of an epoch in place of the top-1 error: the schedule, early stopping and the best epoch watch it. Lower is better. */
export interface LossMetric {
  /** Name for messages: `mean absolute error`. */
  readonly name: string;
  /** Returns the sum over the images of their errors. `outputs` are the net's, [n, outputs], row-major. */
  sum(outputs: Float32Array, targets: LossTargets): number;
}

/** Loss of a run, as {@link focal}, {@link multiLabel}, {@link softTargets} and {@link regression} make them. */
export interface Loss {
  /** Name and options as text. All processes of a job must have the same. */
  readonly name: string;
  /** Targets that a batch must have. Default any. */
  readonly needs?: 'labels' | 'targets' | undefined;
  /** Returns the sum over the images of their losses, differentiable in the logits. */
  sum(logits: Tensor2D, targets: LossTargets): Scalar;
  /** Default the top-1 error of batches with labels, and the mean loss of others. */
  readonly metric?: LossMetric | undefined;
}

function nameOf(kind: string, options: object): string {
  return `${kind} ${JSON.stringify(options)}`;
}

type Own<T> = Omit<T, 'reduction' | 'mixed'>;

/** Returns the paper's loss, soft-max cross-entropy, which is the default. */
export function crossEntropy(options: Own<CrossEntropyOptions> = {}): Loss {
  return {
    name: nameOf('cross-entropy', options),
    needs: 'labels',
    sum: (logits, { labels, mixed }) => softmaxCrossEntropy(logits, labels!, { ...options, mixed, reduction: 'sum' }),
  };
}

/** Returns the focal loss of one label per image; see `focalLoss` of `@vgg/optim`. */
export function focal(options: Own<FocalOptions> = {}): Loss {
  return {
    name: nameOf('focal', options),
    needs: 'labels',
    sum: (logits, { labels, mixed }) => focalLoss(logits, labels!, { ...options, mixed, reduction: 'sum' }),
  };
}

/**
 * Returns the loss of images with any number of labels, `targets` of 0 and 1; see `sigmoidCrossEntropy` of `@vgg/optim`. Its
 * metric is the share of wrong answers in %, where a logit above 0 is a yes.
 */
export function multiLabel(options: Own<SigmoidOptions> = {}): Loss {
  return {
    name: nameOf('multi-label', options),
    needs: 'targets',
    sum: (logits, { targets }) => sigmoidCrossEntropy(logits, targets!, { ...options, reduction: 'sum' }),
    metric: {
      name: 'wrong labels in %',
      sum: (outputs, targets) => meanOverOutputs(outputs, targets, (x, t) => (x > 0 === t > 0.5 ? 0 : 100)),
    },
  };
}

/**
 * Returns the loss of `targets` that are probabilities of the classes, such as the outputs of another net (distillation); see
 * `softTargetCrossEntropy` of `@vgg/optim`.
 */
export function softTargets(): Loss {
  return {
    name: 'soft targets',
    needs: 'targets',
    sum: (logits, { targets }) => softTargetCrossEntropy(logits, targets!, { reduction: 'sum' }),
  };
}

/**
 * Returns the loss of `targets` that are numbers, with one output of the net for each; see `regressionLoss` of `@vgg/optim`. Its
 * metric is the mean absolute error.
 */
export function regression(options: Own<RegressionOptions> = {}): Loss {
  return {
    name: nameOf('regression', options),
    needs: 'targets',
    sum: (outputs, { targets }) => regressionLoss(outputs, targets!, { ...options, reduction: 'sum' }),
    metric: {
      name: 'mean absolute error',
      sum: (outputs, targets) => meanOverOutputs(outputs, targets, (x, t) => Math.abs(x - t)),
    },
  };
}

/** Returns the sum over images of the mean over their outputs of an error. */
function meanOverOutputs(
  outputs: Float32Array,
  { targets, size }: LossTargets,
  error: (output: number, target: number) => number,
): number {
  let total = 0;
  for (let i = 0; i < outputs.length; i++) total += error(outputs[i]!, targets![i]!);
  return (total * size) / outputs.length;
}

/** Returns a function as a loss. */
function lossOfFunction(compute: LossFunction): Loss {
  return {
    name: 'a function',
    sum: (logits, targets) =>
      tidy((): Scalar => {
        const losses = compute(logits, targets);
        const { size } = targets;
        if (losses.rank === 1 && losses.size === size) return sum(losses);
        if (losses.rank === 0) return mul(losses, size);
        throw new VggError(
          'shape',
          `expected the loss as ${size} numbers, one for each image, or their mean, got [${losses.shape}]`,
        );
      }),
  };
}

/** Returns the loss of a run's options. */
export function lossOf(loss: Loss | LossFunction | undefined, options: Own<CrossEntropyOptions> = {}): Loss {
  if (loss === undefined) return crossEntropy(options);
  return typeof loss === 'function' ? lossOfFunction(loss) : loss;
}

/**
 * Throws unless a batch has the targets of a loss for a net of `outputs` outputs.
 *
 * @throws VggError `VGG_ARGUMENT` for a label outside the classes or missing targets, `VGG_SHAPE` for a wrong number of them.
 */
export function checkTargets({ needs, name }: Loss, { labels, targets, size }: ImageBatch, outputs: number): void {
  if (needs !== undefined && { labels, targets }[needs] === undefined) {
    throw new VggError('argument', `expected batches with ${needs}, which the loss ${name} needs, got none`);
  }
  if (labels !== undefined && needs !== 'targets') checkLabels(labels, outputs);
  if (targets !== undefined && targets.length !== size * outputs) {
    throw new VggError(
      'shape',
      `expected ${size} · ${outputs} targets, one for each image and output of the net, got ${targets.length}`,
    );
  }
}

/** Returns the totals of a micro-batch from the net's outputs and the sum of its losses. */
export function measure({ metric }: Loss, outputs: Float32Array, loss: number, targets: LossTargets): Totals {
  const { size: samples, labels } = targets;
  if (metric !== undefined) return { samples, loss, top1: 0, top5: 0, metric: metric.sum(outputs, targets) };
  if (labels === undefined) return { samples, loss, top1: 0, top5: 0, metric: loss };
  return { samples, loss, ...countErrors(outputs, labels) };
}
