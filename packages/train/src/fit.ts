/** The training loop (section 3.1) as a library: batches in, events out. It knows no files, no images and no terminal. */
import { type Communicator, singleProcess, VggError } from '@vgg/core';
import { type JsonValue, type StallDetector, stallDetector, WeightAverage } from '@vgg/optim';
import { type ImageBatch, splitBatch } from './batch';
import { captureCheckpoint, restoreCheckpoint, type TrainingState } from './checkpoint';
import type { EndReason, TrainEvent } from './events';
import { checkFitOptions, type FitOptions, type FitResult } from './fit-options';
import { addTotals, type Metrics, meanOf, NO_SAMPLES } from './metrics';
import { type StepResult, trainStep } from './step';
import type { Validation } from './validate';

/** One call of {@link fit}: the state of the run, and what changes it. */
class Run {
  readonly #options: FitOptions;
  readonly #communicator: Communicator;
  readonly #stall: StallDetector;
  readonly #average: WeightAverage | undefined;
  #state: TrainingState;
  #last: { training?: Metrics; validation?: Validation } = {};

  constructor(options: FitOptions) {
    checkFitOptions(options);
    const { model, optimiser, schedule, seed, resume, stallWindow, averageDecay } = options;
    const { communicator = singleProcess } = options;
    this.#options = options;
    this.#communicator = communicator;
    this.#stall = stallDetector({
      classes: model.options.classes,
      ...(stallWindow === undefined ? {} : { window: stallWindow }),
    });
    this.#average = averageDecay === undefined ? undefined : new WeightAverage(averageDecay);
    if (resume !== undefined) restoreCheckpoint(resume, model, { optimiser, average: this.#average });
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
    try {
      while (reason === undefined) reason = (await this.#runEpoch()) ?? this.#reasonToEnd();
      this.#average?.swap(this.#options.model.variables);
    } finally {
      this.#average?.dispose();
    }
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

  /** @param epoch epochs completed. */
  #reasonToEnd(epoch = this.#state.epoch): EndReason | undefined {
    const {
      epochs,
      maxSteps = Number.POSITIVE_INFINITY,
      earlyStop = Number.POSITIVE_INFINITY,
      schedule,
    } = this.#options;
    const { step, best } = this.#state;
    if (epoch >= epochs || step >= maxSteps) return 'complete';
    if (schedule.done(this.#state.schedule, step)) return 'schedule';
    const stalled = best === null ? 0 : this.#turns(epoch) - this.#turns(best.epoch + 1);
    return stalled >= earlyStop ? 'early-stop' : undefined;
  }

  /** How many of the first epochs are validated because it is their turn. */
  #turns(epochs: number): number {
    return Math.floor(epochs / (this.#options.validateEvery ?? 1));
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
    const { model, optimiser, microBatch, seed, clipNorm, labelSmoothing, cutMix, signal } = this.#options;
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
      ...(cutMix === undefined ? {} : { cutMix }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (result === undefined) return undefined;
    this.#average?.update(model.variables);
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

  /** Validates where it is the epoch's turn, shows the result to the schedule, and moves on to the next epoch. */
  async #endEpoch(seconds: number): Promise<EndReason | undefined> {
    const signal = this.#communicator.size === 1 ? this.#options.signal : undefined;
    const { epoch, step } = this.#state;
    const training = meanOf(this.#state.totals);
    const inTurn = this.#turns(epoch + 1) > this.#turns(epoch) || this.#reasonToEnd(epoch + 1) !== undefined;
    const validation = inTurn ? await this.#validate(signal) : undefined;
    if (inTurn && this.#options.validate !== undefined && validation === undefined) return await this.#interrupt();
    const best = inTurn && this.#judge((validation ?? training).top1);
    this.#state = { ...this.#state, epoch: epoch + 1, batch: 0, totals: NO_SAMPLES };
    this.#last = { training, ...(validation === undefined ? {} : { validation }) };
    this.#emit({ type: 'epoch', epoch, step, ...this.#last, training, best, rate: this.#rate(), seconds });
    await this.#save();
    return signal?.aborted && this.#reasonToEnd() === undefined ? 'interrupted' : undefined;
  }

  /** Shows the metric to the schedule; whether it is the best so far. */
  #judge(metric: number): boolean {
    const { epoch, step, best, schedule } = this.#state;
    const better = best === null || metric < best.metric;
    this.#state = {
      ...this.#state,
      schedule: this.#options.schedule.observe(schedule, { step, metric }) as JsonValue,
      best: better ? { epoch, step, metric } : best,
    };
    return better;
  }

  /** Measures the averages where they are kept, which stand in for the weights meanwhile. */
  async #validate(signal?: AbortSignal): Promise<Validation | undefined> {
    const { model, validate } = this.#options;
    this.#average?.swap(model.variables);
    try {
      return await validate?.(signal);
    } finally {
      this.#average?.swap(model.variables);
    }
  }

  async #interrupt(): Promise<EndReason> {
    await this.#save();
    return 'interrupted';
  }

  async #save(): Promise<void> {
    const { model, optimiser, checkpoints } = this.#options;
    if (checkpoints === undefined || this.#communicator.rank !== 0) return;
    const checkpoint = captureCheckpoint(model, optimiser, this.#state, checkpoints.metadata, this.#average);
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
