/** What a training run is given and what it gives back. */
import { type Communicator, VggError } from '@vgg/core';
import type { JsonValue, Optimiser, Schedule } from '@vgg/optim';
import type { ImageBatch } from './batch';
import { type Best, type Checkpoint, type CheckpointStore, hasAverages } from './checkpoint';
import type { EndReason, TrainEvent } from './events';
import type { Metrics } from './metrics';
import type { TrainableNet } from './net';
import type { Validation } from './validate';

export interface FitOptions {
  model: TrainableNet;
  /**
   * The batches of an epoch from `startBatch` on, the same ones whenever asked. Every process of a job gets all of them
   * and computes its share.
   */
  batches: (epoch: number, startBatch: number) => AsyncIterable<ImageBatch> | Iterable<ImageBatch>;
  /** Images computed at once: the most that fit into memory. A batch is as many micro-batches as it needs. */
  microBatch: number;
  optimiser: Optimiser;
  schedule: Schedule;
  epochs: number;
  /** Most steps of the whole run, which may end inside an epoch, without a validation; no limit unless given. */
  maxSteps?: number;
  /** Seeds dropout. */
  seed: number;
  /**
   * Measures the net after an epoch, `validate` of this package as a rule; the schedule watches the top-1 error, or
   * that of training where there is no validation. `undefined` says that the signal interrupted it. Every process of a
   * job validates, and must find the same; none is given a signal then.
   */
  validate?: (signal?: AbortSignal) => Promise<Validation | undefined>;
  /**
   * Validates every so many epochs, and after the last; after each unless given. What comes between is not watched: it is
   * no candidate for the best, and schedule and `earlyStop`, which count validations, see nothing of it.
   */
  validateEvery?: number;
  /** Gradients whose global norm is above this are scaled down to it; not clipped, as in the paper, unless given. */
  clipNorm?: number;
  /** ε in [0, 1) of the training loss; 0, the paper's, unless given. Validation is measured without. */
  labelSmoothing?: number;
  /**
   * Probability in [0, 1] that a micro-batch's pictures get rectangles of each other, and their labels in that measure
   * (CutMix, arXiv:1905.04899); 0, the paper's, unless given. Training's errors are then those of mixed pictures.
   */
  cutMix?: number;
  /**
   * Averages the weights over the steps with this decay, above 0 and below 1 (see `WeightAverage` of `@vgg/optim`). The
   * averages are what is validated, what the best is judged by and what the net holds when `fit` returns; training itself
   * goes on with the weights. Not averaged, as in the paper, unless given.
   */
  averageDecay?: number;
  /** Ends the run after so many validations in which the metric watched did not improve; never unless given. */
  earlyStop?: number;
  communicator?: Communicator;
  checkpoints?: {
    store: CheckpointStore;
    /** A checkpoint every so many steps, beside those after each epoch and on interruption. */
    everySteps?: number;
    /** Saved with each: class names, preprocessing. */
    metadata?: Readonly<Record<string, string>>;
  };
  /** Where to go on: weights, velocities and place are taken from it. */
  resume?: Checkpoint;
  /** Steps whose mean loss tells a net that learns nothing; 100 unless given. */
  stallWindow?: number;
  /** Once raised, the run stops after the micro-batch at hand, at the start of its batch, and saves a checkpoint. */
  signal?: AbortSignal;
  onEvent?: (event: TrainEvent) => void;
}

export interface FitResult {
  reason: EndReason;
  /** Epochs completed. */
  epoch: number;
  /** Steps completed. */
  step: number;
  best: Best | null;
  /** Of the last epoch completed in this call. */
  training?: Metrics;
  validation?: Validation;
}

/** What a schedule's state names, which tells one kind of schedule from another. */
function namesIn(state: JsonValue | undefined): string[] {
  return Object.keys(Object(state));
}

/**
 * @throws VggError `VGG_ARGUMENT` for a count that is none, `VGG_RUN` when `resume` is of a run with other options.
 */
export function checkFitOptions(options: FitOptions): void {
  const { epochs, maxSteps = 1, validateEvery = 1, earlyStop = 1, checkpoints } = options;
  const { resume, seed, schedule, averageDecay } = options;
  const counts = { epochs, maxSteps, validateEvery, earlyStop, everySteps: checkpoints?.everySteps ?? 1 };
  for (const [what, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new VggError('argument', `expected ${what} to be an integer of at least 1, got ${value}`);
    }
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
  if (!namesIn(schedule.initial).every((name) => namesIn(resume.state.schedule).includes(name))) {
    throw new VggError('run', "the checkpoint's run has another kind of schedule: resume with its own");
  }
  if (resume.state.step > 0 && hasAverages(resume) !== (averageDecay !== undefined)) {
    const [does, resumeIt] = averageDecay === undefined ? ['averages', 'with'] : ['does not average', 'without'];
    throw new VggError('run', `the checkpoint's run ${does} its weights: resume it ${resumeIt} averageDecay`);
  }
}
