/** The training of a prepared run: loaders, loop, validation, checkpoints, interruption. */
import { createBatches, createEvaluationBatches } from '@vgg/data/node';
import { scalesFor } from '@vgg/eval';
import type { FreezableName, Vgg } from '@vgg/models';
import { GuessBook, type RunReport } from '@vgg/report';
import { type FitResult, fit, type Validation, validate } from '@vgg/train';
import type { FoundCheckpoint, RunFolder, RunLog } from '@vgg/train/node';
import { type OpenedData, type Skipped, skippedNotice } from '../images/data-set';
import { extrasOf, optimiserOf, scheduleOf } from '../recipe/recipe';
import { listenForInterruption } from '../terminal/interruption';
import type { Terminal } from '../terminal/terminal';
import { trainingDisplay } from './display';
import type { RunRecord } from './folder';

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

/** The batches of an epoch, and how long each was waited for, in seconds. */
async function* timed<T>(batches: AsyncIterable<T>, waited: (seconds: number) => void): AsyncGenerator<T> {
  let since = performance.now();
  for await (const batch of batches) {
    waited((performance.now() - since) / 1000);
    yield batch;
    since = performance.now();
  }
}

/** Trains `model` until the recipe is done or the person interrupts; either way the run folder holds the state. */
export async function runTraining(
  { record, data, skipped, checkpoint }: Prepared,
  model: Vgg,
  { workers, strict, checkpointEvery }: { workers: number; strict: boolean; checkpointEvery: number },
  { terminal, log, report }: { terminal: Terminal; log: RunLog; report: RunReport },
): Promise<Trained> {
  const { recipe, transform } = record;
  const { batch, microBatch, epochs, validateEvery, seed, maxSteps } = recipe;
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
  const optimiser = optimiserOf(recipe);
  const interruption = listenForInterruption(() => terminal.say('stopping: saving the run (again to leave at once)'));
  const notice = skippedNotice(terminal, skipped);
  const display = trainingDisplay({
    terminal,
    record: (entry) => {
      log.onEvent(entry);
      report.record(entry);
      notice.tell([...training.skipped, ...(validation?.skipped ?? [])]);
    },
    onActivity: (activity) => {
      report.activity = activity;
    },
    ...{ epochs, validateEvery },
    batchesPerEpoch: training.batchesPerEpoch,
    batch,
    validationImages: data.validation?.length ?? 0,
    maxSteps,
    mayEndEarly: recipe.schedule === 'plateau' || recipe.earlyStop > 0,
  });
  const check = (signal?: AbortSignal): Promise<Validation | undefined> =>
    display.validating(async (onProgress) => {
      const book = new GuessBook('single', record.classes.length);
      const measured = await validate({
        model,
        batches: validation!.epoch(0),
        onProgress,
        onScores: ({ indices, labels }, scores) =>
          book.addScores(scores, labels, (i) => data.validation!.key(indices[i]!)),
        ...(signal && { signal }),
      });
      report.validated(book.guesses);
      return measured;
    });
  try {
    const result = await fit({
      model,
      batches: (epoch, start) => timed(training.epoch(epoch, start), display.waited),
      microBatch,
      optimiser,
      schedule: scheduleOf(recipe, training.batchesPerEpoch),
      ...extrasOf(recipe),
      ...{ epochs, validateEvery },
      ...(maxSteps !== undefined && { maxSteps }),
      seed,
      checkpoints: { store: log.store, everySteps: checkpointEvery },
      signal: interruption.signal,
      onEvent: display.onEvent,
      ...(validation && { validate: check }),
      ...(checkpoint && { resume: checkpoint }),
    });
    notice.tell([...training.skipped, ...(validation?.skipped ?? [])]);
    return { result, skipped: notice.all(), exitCode: interruption.exitCode };
  } finally {
    display.end();
    interruption.end();
    optimiser.dispose();
    await Promise.all([training.close(), validation?.close()]);
  }
}
