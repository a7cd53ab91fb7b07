/** The training loop (section 3.1) as a library: batches in, events out. It knows no files, no images and no terminal. */
import { type Communicator, singleProcess, VggError } from '@vgg/core';
import { type JsonValue, type MomentumSgd, type Schedule, type StallDetector, stallDetector } from '@vgg/optim';
import { type ImageBatch, splitBatch } from './batch';
import {
  type Best,
  type Checkpoint,
  type CheckpointStore,
  captureCheckpoint,
  restoreCheckpoint,
  type TrainingState,
} from './checkpoint';
import type { EndReason, TrainEvent } from './events';
import { addTotals, type Metrics, meanOf, NO_SAMPLES } from './metrics';
import type { TrainableNet } from './net';
import { type StepResult, trainStep } from './step';
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
  optimiser: MomentumSgd;
  schedule: Schedule;
  epochs: number;
  /** Most steps of the whole run, which may end inside an epoch, without a validation; no limit unless given. */
  maxSteps?: number;
  /** Seeds dropout. */
  seed: number;
  /**
   * Measures the net after each epoch, `validate` of this package as a rule; the schedule watches the top-1 error, or
   * that of training where there is no validation. `undefined` says that the signal interrupted it. Every process of a
   * job validates, and must find the same; none is given a signal then.
   */
  validate?: (signal?: AbortSignal) => Promise<Validation | undefined>;
  clipNorm?: number;
  labelSmoothing?: number;
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

function check(options: FitOptions): void {
  const { epochs, maxSteps = 1, checkpoints, resume, seed, schedule } = options;
  for (const [what, value] of Object.entries({ epochs, maxSteps, everySteps: checkpoints?.everySteps ?? 1 })) {
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
}

/** One call of {@link fit}: the state of the run, and what changes it. */
class Run {
  readonly #options: FitOptions;
  readonly #communicator: Communicator;
  readonly #stall: StallDetector;
  #state: TrainingState;
  #last: { training?: Metrics; validation?: Validation } = {};

  constructor(options: FitOptions) {
    check(options);
    const { model, optimiser, schedule, seed, resume, stallWindow, communicator = singleProcess } = options;
    this.#options = options;
    this.#communicator = communicator;
    this.#stall = stallDetector({
      classes: model.options.classes,
      ...(stallWindow === undefined ? {} : { window: stallWindow }),
    });
    if (resume !== undefined) restoreCheckpoint(resume, model, optimiser);
    this.#state = resume?.state ?? {
      version: 1,
      seed,
      epoch: 0,
      batch: 0,
      step: 0,
      totals: NO_SAMPLES,
      schedule: schedule.initial,
      stall: this.#stall.initial,
      best: null,
    };
  }

  async train(): Promise<FitResult> {
    const { epoch, batch, step } = this.#state;
    this.#emit({ type: 'start', epoch, batch, step, resumed: this.#options.resume !== undefined });
    let reason = this.#reasonToEnd();
    while (reason === undefined) reason = (await this.#runEpoch()) ?? this.#reasonToEnd();
    const end = { reason, epoch: this.#state.epoch, step: this.#state.step };
    this.#emit({ type: 'end', ...end });
    return { ...end, best: this.#state.best, ...this.#last };
  }

  #emit(event: TrainEvent): void {
    this.#options.onEvent?.(event);
  }

  #rate(): number {
    return this.#options.schedule.rate(this.#state.schedule, this.#state.step);
  }

  #reasonToEnd(): EndReason | undefined {
    const { epochs, maxSteps = Number.POSITIVE_INFINITY, schedule } = this.#options;
    if (this.#state.epoch >= epochs || this.#state.step >= maxSteps) return 'complete';
    return schedule.done(this.#state.schedule, this.#state.step) ? 'schedule' : undefined;
  }

  /** Why training ends inside this epoch, if it does. */
  async #runEpoch(): Promise<EndReason | undefined> {
    const started = performance.now();
    const { epoch, batch: startBatch } = this.#state;
    let asked = performance.now();
    for await (const batch of this.#options.batches(epoch, startBatch)) {
      // Asked before a batch, not after one: a run that ends with an epoch's last batch still validates that epoch.
      const reason = this.#reasonToEnd();
      if (reason !== undefined) {
        await this.#save();
        return reason;
      }
      const result = await this.#runStep(batch, asked);
      if (result === undefined || result.aborted) return await this.#interrupt();
      const { everySteps } = this.#options.checkpoints ?? {};
      if (everySteps !== undefined && this.#state.step % everySteps === 0) await this.#save();
      asked = performance.now();
    }
    if (this.#state.batch === 0) {
      throw new VggError('dataset', `expected at least one batch in epoch ${epoch}, got none`);
    }
    return await this.#endEpoch((performance.now() - started) / 1000);
  }

  async #runStep(batch: ImageBatch, asked: number): Promise<StepResult | undefined> {
    const { model, optimiser, microBatch, seed, clipNorm, labelSmoothing, signal } = this.#options;
    const { step, epoch, batch: index } = this.#state;
    const rate = this.#rate();
    const result = await trainStep({
      model,
      optimiser,
      microBatches: splitBatch(batch, microBatch),
      rate,
      seed,
      step,
      communicator: this.#communicator,
      onMicroBatch: (done, of) => this.#emit({ type: 'micro-batch', step, done, of }),
      ...(clipNorm === undefined ? {} : { clipNorm }),
      ...(labelSmoothing === undefined ? {} : { labelSmoothing }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (result === undefined) return undefined;
    const { loss, top1, top5, totals, gradientNorm } = result;
    const { state: stall, message } = this.#stall.observe(this.#state.stall, loss);
    const running = addTotals(this.#state.totals, totals);
    this.#state = { ...this.#state, batch: index + 1, step: step + 1, totals: running, stall };
    const seconds = (performance.now() - asked) / 1000;
    this.#emit({
      type: 'step',
      epoch,
      batch: index,
      step: step + 1,
      rate,
      metrics: { loss, top1, top5 },
      running: meanOf(running),
      gradientNorm,
      samples: totals.samples,
      seconds,
      imagesPerSecond: totals.samples / seconds,
    });
    if (message !== undefined) this.#emit({ type: 'stall', step: step + 1, message });
    return result;
  }

  /** Validates, shows the result to the schedule, and moves on to the next epoch. */
  async #endEpoch(seconds: number): Promise<EndReason | undefined> {
    const { schedule } = this.#options;
    const signal = this.#communicator.size === 1 ? this.#options.signal : undefined;
    const { epoch, step } = this.#state;
    const training = meanOf(this.#state.totals);
    const validation = await this.#options.validate?.(signal);
    if (this.#options.validate !== undefined && validation === undefined) return await this.#interrupt();
    const metric = (validation ?? training).top1;
    const best = this.#state.best === null || metric < this.#state.best.metric;
    this.#state = {
      ...this.#state,
      epoch: epoch + 1,
      batch: 0,
      totals: NO_SAMPLES,
      schedule: schedule.observe(this.#state.schedule, { step, metric }) as JsonValue,
      best: best ? { epoch, step, metric } : this.#state.best,
    };
    this.#last = { training, ...(validation === undefined ? {} : { validation }) };
    this.#emit({ type: 'epoch', epoch, step, ...this.#last, training, best, rate: this.#rate(), seconds });
    await this.#save();
    return signal?.aborted && this.#reasonToEnd() === undefined ? 'interrupted' : undefined;
  }

  async #interrupt(): Promise<EndReason> {
    await this.#save();
    return 'interrupted';
  }

  async #save(): Promise<void> {
    const { model, optimiser, checkpoints } = this.#options;
    if (checkpoints === undefined || this.#communicator.rank !== 0) return;
    const checkpoint = captureCheckpoint(model, optimiser, this.#state, checkpoints.metadata);
    const name = await checkpoints.store.save(checkpoint);
    this.#emit({ type: 'checkpoint', step: this.#state.step, name });
  }
}

/**
 * Trains until the epochs are done, the schedule has ended or the signal is raised. The same seed, batches and backend
 * give the same weights to the bit, whether or not the run was interrupted and resumed in between.
 *
 * @throws VggError `VGG_NON_FINITE` naming step and layer when training diverges, `VGG_DATASET` for an epoch without
 *   batches, `VGG_RUN` or `VGG_WEIGHTS` when `resume` is not of this run, and what batches, net and store throw.
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  return await new Run(options).train();
}
