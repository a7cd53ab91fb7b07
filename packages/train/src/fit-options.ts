/** Options and result of a training run. */
import { type Communicator, requireInteger, VggError } from '@vgg/core';
import type { JsonValue, Optimiser, Schedule } from '@vgg/optim';
import type { ImageBatch } from './batch';
import { type Best, type Checkpoint, type CheckpointStore, hasAverages, hasBest } from './checkpoint';
import type { EndReason, TrainEvent } from './events';
import type { Loss, LossFunction } from './loss';
import type { Metrics } from './metrics';
import type { TrainableNet } from './net';
import type { Validation } from './validate';

export interface FitOptions {
  model: TrainableNet;
  /**
   * Returns the batches of an epoch from `startBatch` on, always the same ones. In a job of several processes, each gets
   * all of every batch or, with `part`, the images of `imageShare`.
   */
  batches: (epoch: number, startBatch: number) => AsyncIterable<ImageBatch> | Iterable<ImageBatch>;
  /** Number of images computed at once, limited by memory. A batch is split into as many micro-batches as it needs. */
  microBatch: number;
  optimiser: Optimiser;
  schedule: Schedule;
  /** Number of epochs of the whole run. */
  epochs: number;
  /**
   * Largest number of steps of the whole run, which may end inside an epoch, without a validation. Default no limit.
   */
  maxSteps?: number | undefined;
  /** Random seed of dropout and CutMix. */
  seed: number;
  /**
   * Measures the net after an epoch, usually with `validate` of this package. The schedule watches the top-1 error, or the
   * metric of `loss`, that it returns, or that of training if there is no validation. It returns `undefined` if the signal interrupted it.
   * Every process of a job validates, and must get the same result: pass its communicator to `validate`.
   */
  validate?: ((signal?: AbortSignal) => Promise<Validation | undefined>) | undefined;
  /**
   * Validates every n epochs, and after the last. Other epochs cannot be the best, and the schedule and `earlyStop`,
   * which count validations, ignore them. Default 1.
   */
  validateEvery?: number | undefined;
  /** Largest global norm of the gradients; larger ones are scaled down to it. Default no clipping, as in the paper. */
  clipNorm?: number | undefined;
  /**
   * Loss that is minimised: `focal`, `multiLabel`, `softTargets` or `regression` of this package, or a function. Its metric
   * takes the place of the top-1 error. Pass the same loss to `validate`. Default soft-max cross-entropy, as in the paper,
   * with `labelSmoothing` and `classWeights`.
   */
  loss?: Loss | LossFunction | undefined;
  /** ε in [0, 1) of the default loss in training; validation does not use it. Default 0, as in the paper. */
  labelSmoothing?: number | undefined;
  /**
   * Probability in [0, 1] that the images of a micro-batch get parts of each other, and of each other's labels (CutMix,
   * arXiv:1905.04899). The training errors are then those of mixed images. Default 0, as in the paper.
   */
  cutMix?: number | undefined;
  /**
   * Probability in [0, 1] that the images of a micro-batch that CutMix left alone are blended with each other, and so are
   * their labels (mixup, arXiv:1710.09412, α = 0.2). Default 0, as in the paper.
   */
  mixUp?: number | undefined;
  /** Weight of each class in the default loss in training; validation does not use them. Default 1. */
  classWeights?: readonly number[] | undefined;
  /**
   * Decay, above 0 and below 1, of an average of the weights over the steps (see `WeightAverage` of `@vgg/optim`). The
   * averages are validated and decide which epoch is best, and the net holds them when `fit` returns; training itself
   * continues with the weights. Default no average, as in the paper.
   */
  averageDecay?: number | undefined;
  /** Number of validations without improvement after which the run stops (early stopping). Default never. */
  earlyStop?: number | undefined;
  /**
   * True to leave the weights of the best epoch in the net when the run ends, but not when it is interrupted. They are kept
   * in memory and in the checkpoints, which then have twice the size. Default false: the net has the last weights.
   */
  restoreBest?: boolean | undefined;
  /** Default a job of one process. */
  communicator?: Communicator | undefined;
  checkpoints?: CheckpointOptions | undefined;
  /**
   * Checkpoint at which the run continues: weights, velocities and place come from it. In a job of several processes that
   * of rank 0 counts, and others need none.
   */
  resume?: Checkpoint | undefined;
  /** Number of steps whose mean loss shows whether the net learns. Default 100. */
  stallWindow?: number | undefined;
  /** Stops the run after the current micro-batch when aborted. A checkpoint of the beginning of the batch is saved. */
  signal?: AbortSignal | undefined;
  onEvent?: ((event: TrainEvent) => void) | undefined;
}

export interface CheckpointOptions {
  store: CheckpointStore;
  /** Saves a checkpoint every n steps, in addition to those after each epoch and on interruption. */
  everySteps?: number | undefined;
  /** Text saved with each checkpoint: class names, preprocessing. */
  metadata?: Readonly<Record<string, string>> | undefined;
}

export interface FitResult {
  reason: EndReason;
  /** Number of completed epochs. */
  epoch: number;
  /** Number of completed steps. */
  step: number;
  best: Best | null;
  /** Metrics of the last epoch completed in this call. */
  training?: Metrics | undefined;
  validation?: Validation | undefined;
}

/** Returns the keys of a schedule's state, which distinguish one kind of schedule from another. */
function keysOf(state: JsonValue | undefined): string[] {
  return Object.keys(Object(state));
}

/**
 * Throws unless a run can be trained with these options.
 *
 * @throws VggError `VGG_ARGUMENT` for a count below 1, `VGG_RUN` if `resume` is from a run with other options.
 */
export function checkFitOptions(options: FitOptions): void {
  const { epochs, maxSteps = 1, validateEvery = 1, earlyStop = 1, checkpoints } = options;
  const { resume, seed, schedule, averageDecay } = options;
  const counts = { epochs, maxSteps, validateEvery, earlyStop, everySteps: checkpoints?.everySteps ?? 1 };
  for (const [name, count] of Object.entries(counts)) requireInteger(name, count, 1);
  if (options.loss !== undefined && (options.labelSmoothing !== undefined || options.classWeights !== undefined)) {
    throw new VggError(
      'argument',
      'labelSmoothing and classWeights are of the default loss: pass them to crossEntropy() or focal(), or leave out loss',
    );
  }
  if (resume === undefined) return;
  if (resume.state.version !== 1) {
    throw new VggError('run', `expected a checkpoint of version 1, got ${resume.state.version}: use a newer release`);
  }
  if (resume.state.seed !== seed) {
    throw new VggError(
      'run',
      `the checkpoint's run has the seed ${resume.state.seed}, got ${seed}: resume with its own`,
    );
  }
  if (!keysOf(schedule.initial).every((key) => keysOf(resume.state.schedule).includes(key))) {
    throw new VggError('run', "the checkpoint's run has another kind of schedule: resume with its own");
  }
  if (options.restoreBest && resume.state.best !== null && !hasBest(resume)) {
    throw new VggError('run', "the checkpoint's run does not keep its best weights: resume it without restoreBest");
  }
  if (resume.state.step > 0 && hasAverages(resume) !== (averageDecay !== undefined)) {
    const mismatch =
      averageDecay === undefined
        ? 'averages its weights: resume it with averageDecay'
        : 'does not average its weights: resume it without averageDecay';
    throw new VggError('run', `the checkpoint's run ${mismatch}`);
  }
}
