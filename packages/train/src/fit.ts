/** The training loop (section 3.1): batches in, events out. It does not use files, image formats or a terminal. */
import { dispose, getBackend, type Tensor } from '@tensorflow/tfjs-core';
import { type Communicator, singleProcess, VggError, type WaitingTime } from '@vgg/core';
import { type JsonValue, type StallDetector, stallDetector, WeightAverage } from '@vgg/optim';
import { type ImageBatch, microBatchCount, splitBatch } from './batch';
import { BestWeights } from './best-weights';
import { captureCheckpoint, restoreCheckpoint, type TrainingParts, type TrainingState } from './checkpoint';
import type { EndReason, TrainEvent } from './events';
import { checkFitOptions, type FitOptions, type FitResult } from './fit-options';
import { onFirst, requireSameSettings, shareCheckpoint } from './job';
import { lossOf } from './loss';
import { addTotals, meanOf, NO_SAMPLES } from './metrics';
import { type StepResult, trainStep } from './step';
import type { Validation } from './validate';

/** State of one call of {@link fit}, and the steps that change it. */
class Run {
  readonly #options: FitOptions;
  readonly #communicator: Communicator;
  readonly #stall: StallDetector | undefined;
  readonly #average: WeightAverage | undefined;
  readonly #best: BestWeights | undefined;
  #state: TrainingState;
  #last: Pick<FitResult, 'training' | 'validation'> = {};
  #waited: WaitingTime;

  constructor(options: FitOptions) {
    checkFitOptions(options);
    const { model, schedule, seed, resume, stallWindow, averageDecay } = options;
    const { communicator = singleProcess } = options;
    this.#options = options;
    this.#communicator = communicator;
    // The loss of a net that learns nothing is known only for the default loss.
    if (options.loss === undefined)
      this.#stall = stallDetector({ classes: model.options.classes, window: stallWindow });
    if (options.restoreBest) this.#best = new BestWeights();
    this.#average = averageDecay === undefined ? undefined : new WeightAverage(averageDecay);
    if (resume !== undefined) restoreCheckpoint(resume, model, this.#parts());
    this.#waited = this.#communicator.waiting();
    this.#state = resume?.state ?? {
      version: 1,
      seed,
      epoch: 0,
      batch: 0,
      step: 0,
      totals: NO_SAMPLES,
      schedule: schedule.initial,
      stall: { steps: 0, sum: 0, reported: false },
      best: null,
    };
  }

  async train(): Promise<FitResult> {
    let reason: EndReason | undefined;
    try {
      await this.#start();
      const { epoch, batch, step } = this.#state;
      this.#emit({ type: 'start', epoch, batch, step, resumed: this.#options.resume !== undefined });
      reason = this.#reasonToEnd();
      while (reason === undefined) reason = (await this.#runEpoch()) ?? this.#reasonToEnd();
      this.#average?.swap(this.#options.model.variables);
      if (reason !== 'interrupted') this.#best?.restore(this.#options.model.variables);
    } finally {
      this.#average?.dispose();
      this.#best?.dispose();
    }
    const end = { reason, epoch: this.#state.epoch, step: this.#state.step };
    this.#emit({ type: 'end', ...end });
    return { ...end, best: this.#state.best, ...this.#last };
  }

  /** Makes all processes start from the net and the state of rank 0, with the same settings. */
  async #start(): Promise<void> {
    if (this.#communicator.size === 1) return;
    const { model, optimiser } = this.#options;
    const { microBatch, epochs, maxSteps, seed, validateEvery, clipNorm, labelSmoothing, cutMix } = this.#options;
    const { averageDecay, earlyStop, stallWindow, schedule, loss, mixUp, classWeights, restoreBest } = this.#options;
    await requireSameSettings(this.#communicator, {
      net: model.options,
      trained: [...model.trainable.keys()],
      backend: getBackend(),
      schedule: schedule.initial,
      microBatch,
      epochs,
      maxSteps,
      seed,
      validateEvery,
      clipNorm,
      labelSmoothing,
      cutMix,
      mixUp,
      loss: lossOf(loss).name,
      classWeights,
      restoreBest,
      averageDecay,
      earlyStop,
      stallWindow,
    });
    const own = captureCheckpoint(model, optimiser, this.#state, {}, this.#average, this.#best);
    const shared = await shareCheckpoint(this.#communicator, own);
    if (this.#communicator.rank === 0) return;
    restoreCheckpoint(shared, model, this.#parts());
    for (const value of shared.tensors.values()) dispose(value as Tensor);
    this.#state = shared.state;
  }

  #parts(): TrainingParts {
    return { optimiser: this.#options.optimiser, average: this.#average, best: this.#best };
  }

  #emit(event: TrainEvent): void {
    this.#options.onEvent?.(event);
  }

  #rate(): number {
    return this.#options.schedule.rate(this.#state.schedule, this.#state.step);
  }

  /** @param epoch number of completed epochs. */
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

  /** Returns the number of regular validations (`validateEvery`) in the first epochs. */
  #turns(epochs: number): number {
    return Math.floor(epochs / (this.#options.validateEvery ?? 1));
  }

  /** Trains one epoch or the rest of it. Returns the reason if training ends inside it. */
  async #runEpoch(): Promise<EndReason | undefined> {
    const started = performance.now();
    const { epoch, batch: startBatch } = this.#state;
    let requested = performance.now();
    for await (const batch of this.#options.batches(epoch, startBatch)) {
      // The check comes before a batch, not after one: a run that ends with an epoch's last batch still validates it.
      const reason = this.#reasonToEnd();
      if (reason !== undefined) {
        await this.#save();
        return reason;
      }
      const result = await this.#runStep(batch, requested);
      if (result === undefined || result.aborted) return await this.#interrupt();
      const { everySteps } = this.#options.checkpoints ?? {};
      if (everySteps !== undefined && this.#state.step % everySteps === 0) await this.#save();
      requested = performance.now();
    }
    if (this.#state.batch === 0) {
      throw new VggError('dataset', `expected at least one batch in epoch ${epoch}, got none`);
    }
    return await this.#endEpoch((performance.now() - started) / 1000);
  }

  /** @param requested time at which the batch was requested. */
  async #runStep(batch: ImageBatch, requested: number): Promise<StepResult | undefined> {
    const { step, epoch, batch: index } = this.#state;
    const rate = this.#rate();
    const result = await trainStep({
      ...this.#options,
      microBatches: splitBatch(batch, this.#options.microBatch),
      microBatchCount: microBatchCount(batch.part?.total ?? batch.size, this.#options.microBatch),
      rate,
      step,
      communicator: this.#communicator,
      onMicroBatch: (done, of) => this.#emit({ type: 'micro-batch', step, done, of }),
    });
    if (result === undefined) return undefined;
    this.#average?.update(this.#options.model.variables);
    const { totals, gradientNorm } = result;
    const metrics = meanOf(totals);
    const { state: stall, message } = this.#stall?.observe(this.#state.stall, metrics.loss) ?? {
      state: this.#state.stall,
    };
    const running = addTotals(this.#state.totals, totals);
    this.#state = { ...this.#state, batch: index + 1, step: step + 1, totals: running, stall };
    const seconds = (performance.now() - requested) / 1000;
    this.#emit({
      type: 'step',
      epoch,
      batch: index,
      step: step + 1,
      rate,
      metrics,
      running: meanOf(running),
      gradientNorm,
      samples: totals.samples,
      seconds,
      imagesPerSecond: totals.samples / seconds,
      peers: this.#peers(),
    });
    if (message !== undefined) this.#emit({ type: 'stall', step: step + 1, message });
    return result;
  }

  /** Returns the time that this process waited for others since the last call. */
  #peers(): WaitingTime | undefined {
    if (this.#communicator.size === 1) return undefined;
    const before = this.#waited;
    const now = this.#communicator.waiting();
    this.#waited = now;
    return {
      seconds: now.seconds - before.seconds,
      byRank: now.byRank.map((seconds, rank) => seconds - before.byRank[rank]!),
    };
  }

  /** Validates the epoch if it is its turn, passes the result to the schedule, and moves to the next epoch. */
  async #endEpoch(seconds: number): Promise<EndReason | undefined> {
    const { signal } = this.#options;
    const { epoch, step } = this.#state;
    const training = meanOf(this.#state.totals);
    const validates = this.#turns(epoch + 1) > this.#turns(epoch) || this.#reasonToEnd(epoch + 1) !== undefined;
    const validation = validates ? await this.#validate(signal) : undefined;
    if (validates && this.#options.validate !== undefined && validation === undefined) return await this.#interrupt();
    const measured = validation ?? training;
    const best = validates && this.#observe(measured.metric ?? measured.top1);
    if (best) this.#keepBest();
    this.#state = { ...this.#state, epoch: epoch + 1, batch: 0, totals: NO_SAMPLES };
    this.#last = { training, validation };
    this.#emit({ type: 'epoch', epoch, step, training, validation, best, rate: this.#rate(), seconds });
    await this.#save();
    // Several processes agree on it at the end of the next step.
    const interrupted = this.#communicator.size === 1 && signal?.aborted;
    return interrupted && this.#reasonToEnd() === undefined ? 'interrupted' : undefined;
  }

  /** Passes the metric to the schedule. Returns true if it is the best so far. */
  #observe(metric: number): boolean {
    const { epoch, step, best, schedule } = this.#state;
    const better = best === null || metric < best.metric;
    this.#state = {
      ...this.#state,
      schedule: this.#options.schedule.observe(schedule, { step, metric }) as JsonValue,
      best: better ? { epoch, step, metric } : best,
    };
    return better;
  }

  /** Keeps the weights that were validated. */
  #keepBest(): void {
    const averages = this.#average?.averages;
    this.#best?.take(averages?.size ? averages : this.#options.model.variables);
  }

  /** Validates the net, with the averages in place of its weights if there are any. */
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

  /** Rank 0 saves, and the others wait for it: all fail if it cannot. */
  async #save(): Promise<void> {
    const { model, optimiser, checkpoints } = this.#options;
    await onFirst(this.#communicator, async () => {
      if (checkpoints === undefined) return;
      const checkpoint = captureCheckpoint(
        model,
        optimiser,
        this.#state,
        checkpoints.metadata,
        this.#average,
        this.#best,
      );
      const name = await checkpoints.store.save(checkpoint);
      this.#emit({ type: 'checkpoint', step: this.#state.step, name });
    });
  }
}

/**
 * Trains until the epochs are completed, the schedule or early stopping ends the run, or the signal is aborted. The
 * same seed, batches and backend give the same weights to the bit, even if the run was interrupted and resumed, and for any
 * number of processes.
 *
 * @throws VggError `VGG_ARGUMENT` for a count below 1, `VGG_NON_FINITE` naming step and layer when training diverges,
 *   `VGG_DATASET` for an epoch without batches, `VGG_RUN` or `VGG_WEIGHTS` if `resume` is from another run, and the
 *   errors of batches, net and store.
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  return await new Run(options).train();
}
