/** The training of a prepared run: loaders, loop, validation, checkpoints, interruption. */
import { createBatches, createEvaluationBatches } from '@vgg/data/node';
import { scalesFor } from '@vgg/eval';
import type { FreezableName, Vgg } from '@vgg/models';
import { MomentumSgd } from '@vgg/optim';
import { type FitResult, fit, type Validation, validate } from '@vgg/train';
import type { FoundCheckpoint } from '@vgg/train/node';
import type { OpenedData } from './data-set';
import { trainingDisplay } from './display';
import { listenForInterruption } from './interruption';
import { extrasOf, scheduleOf } from './recipe';
import { MetricsFile, type RunFolder, type RunRecord } from './run-folder';
import type { Terminal } from './terminal';

/** Steps between checkpoints inside an epoch; each epoch ends with one too. */
const CHECKPOINT_STEPS = 200;

export interface Skipped {
  key: string;
  reason: string;
}

/** A run ready to be trained. */
export interface Prepared {
  folder: RunFolder;
  record: RunRecord;
  data: OpenedData;
  /** Images that the statistics pass found unusable. */
  skipped: readonly Skipped[];
  /** Where to go on, for a run resumed. */
  checkpoint?: FoundCheckpoint;
}

export interface Trained {
  result: FitResult;
  skipped: readonly Skipped[];
  /** Once a signal was raised: what the program should exit with. */
  exitCode: number | undefined;
}

/** Trains `model` until the recipe is done or the person interrupts; either way the run folder holds the state. */
export async function runTraining(
  { folder, record, data, checkpoint }: Prepared,
  model: Vgg,
  { workers, strict }: { workers: number; strict: boolean },
  terminal: Terminal,
): Promise<Trained> {
  const { recipe, transform } = record;
  const { batch, microBatch, epochs, momentum, weightDecay, seed, maxSteps } = recipe;
  const training = createBatches(data.train, { transform, batchSize: batch, seed, workers, strict });
  const [scale] = scalesFor(transform.scale, 'single', transform.crop);
  const validation =
    data.validation &&
    createEvaluationBatches(data.validation, {
      transform: { crop: transform.crop, scale: scale!, mean: transform.mean },
      batchSize: microBatch,
      workers,
      strict,
    });
  model.freeze(...(recipe.freeze as readonly FreezableName[]));
  const optimiser = new MomentumSgd({ rule: 'caffe', momentum, weightDecay });
  const interruption = listenForInterruption(() => terminal.say('stopping: saving the run (again to leave at once)'));
  const metrics = new MetricsFile(folder, checkpoint?.state);
  const display = trainingDisplay({
    terminal,
    record: (entry) => metrics.append(entry),
    epochs,
    batchesPerEpoch: training.batchesPerEpoch,
    batch,
  });
  const check = async (signal?: AbortSignal): Promise<Validation | undefined> => {
    display.end();
    const progress = terminal.progress('validation', data.validation!.length, 'images');
    try {
      const batches = validation!.epoch(0);
      return await validate({ model, batches, onProgress: progress.update, ...(signal && { signal }) });
    } finally {
      progress.end();
    }
  };
  try {
    const result = await fit({
      model,
      batches: (epoch, start) => training.epoch(epoch, start),
      microBatch,
      optimiser,
      schedule: scheduleOf(recipe, training.batchesPerEpoch),
      ...extrasOf(recipe),
      epochs,
      ...(maxSteps !== undefined && { maxSteps }),
      seed,
      checkpoints: { store: folder.checkpoints, everySteps: CHECKPOINT_STEPS },
      signal: interruption.signal,
      onEvent: display.onEvent,
      ...(validation && { validate: check }),
      ...(checkpoint && { resume: checkpoint }),
    });
    return { result, skipped: [...training.skipped, ...(validation?.skipped ?? [])], exitCode: interruption.exitCode };
  } finally {
    display.end();
    interruption.end();
    optimiser.dispose();
    await Promise.all([training.close(), validation?.close()]);
  }
}
