/** Training of a prepared run: loaders, loop, validation, checkpoints, interruption, and its best weights at the end. */
import { systemReason } from '@vgg/core/node';
import { balancedOrder } from '@vgg/data';
import { createBatches, createEvaluationBatches } from '@vgg/data/node';
import { scalesFor } from '@vgg/eval';
import type { FreezableName } from '@vgg/models';
import { GuessBook, type LivePage, type RunReport } from '@vgg/report';
import { type FitResult, fit, restoreCheckpoint, type Validation, validate } from '@vgg/train';
import type { RunLog } from '@vgg/train/node';
import { balancedWeights, countsOf, labelsOf } from '../images/class-counts';
import { type Skipped, skippedNotice } from '../images/data-set';
import { extrasOf, optimiserOf, scheduleOf } from '../recipe/build';
import { openRunReport } from '../report/run-report';
import { listenForInterruption } from '../terminal/interruption';
import type { Terminal } from '../terminal/terminal';
import type { SessionArguments } from './arguments';
import { trainingDisplay } from './display';
import { EPOCH_TABLE, EpochTable } from './epoch-table';
import { hasWeights, saveWeights } from './folder';
import type { Prepared } from './prepare';

type SessionOptions = Pick<SessionArguments, 'workers' | 'strict' | 'checkpointEvery'>;

/** Result of the training loop. */
interface Trained {
  result: FitResult;
  skipped: readonly Skipped[];
  /** Exit code of the program if a signal interrupted the training. */
  exitCode: number | undefined;
}

/** Yields the batches of an epoch and reports the time spent waiting for each, in seconds. */
async function* timed<T>(batches: AsyncIterable<T>, waited: (seconds: number) => void): AsyncGenerator<T> {
  let since = performance.now();
  for await (const batch of batches) {
    waited((performance.now() - since) / 1000);
    yield batch;
    since = performance.now();
  }
}

/** Trains a prepared run until its recipe is done or it is interrupted; in both cases the run folder holds the state. */
async function runTraining(
  { record, data, model, skipped, checkpoint }: Prepared,
  { workers, strict, checkpointEvery }: SessionOptions,
  { terminal, log, report, table }: { terminal: Terminal; log: RunLog; report: RunReport; table: EpochTable },
): Promise<Trained> {
  const { recipe, transform } = record;
  const { batch, microBatch, epochs, validateEvery, seed, maxSteps } = recipe;
  const labels = labelsOf(data.train);
  const classes = record.classes.length;
  const training = createBatches(data.train, {
    transform,
    batchSize: batch,
    seed,
    workers,
    strict,
    order: recipe.sampling === 'balanced' ? (epoch) => balancedOrder(seed, epoch, labels, classes) : undefined,
  });
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
  const optimiser = optimiserOf(recipe, record.net);
  const interruption = listenForInterruption(() =>
    terminal.say('stopping: saving the run (press Ctrl-C again to quit at once)'),
  );
  const notice = skippedNotice(terminal, skipped);
  const display = trainingDisplay({
    terminal,
    record: (entry) => {
      log.onEvent(entry);
      void table.add(entry).catch((error: unknown) => {
        terminal.warn(`${EPOCH_TABLE} could not be written: ${systemReason(error)}`);
      });
      report.record(entry);
      notice.update([...training.skipped, ...(validation?.skipped ?? [])]);
    },
    onActivity: (activity) => {
      report.activity = activity;
    },
    epochs,
    validateEvery,
    batchesPerEpoch: training.batchesPerEpoch,
    batch,
    validationImages: data.validation?.length ?? 0,
    classes,
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
        signal,
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
      classWeights: recipe.classWeights === 'balanced' ? balancedWeights(countsOf(labels, classes)) : undefined,
      epochs,
      validateEvery,
      maxSteps,
      seed,
      checkpoints: { store: log.store, everySteps: checkpointEvery },
      signal: interruption.signal,
      onEvent: display.onEvent,
      validate: validation && check,
      resume: checkpoint,
    });
    notice.update([...training.skipped, ...(validation?.skipped ?? [])]);
    return { result, skipped: notice.all(), exitCode: interruption.exitCode };
  } finally {
    display.end();
    interruption.end();
    optimiser.dispose();
    await Promise.all([training.close(), validation?.close()]);
  }
}

/** A run trained to its end or to an interruption, and its report; the caller must call `report.finish`. */
export interface TrainedRun extends Trained {
  report: RunReport;
  /** True if the run had been trained to its end before, and nothing was trained now. */
  finished: boolean;
}

/** Trains a prepared run and, unless it was interrupted, saves its best weights. Closes the run folder and disposes the net. */
export async function trainPrepared(
  prepared: Prepared,
  options: SessionOptions,
  terminal: Terminal,
  livePage?: LivePage,
): Promise<TrainedRun> {
  try {
    return await trainAndSave(prepared, options, terminal, livePage);
  } finally {
    prepared.folder.close();
  }
}

async function trainAndSave(
  prepared: Prepared,
  options: SessionOptions,
  terminal: Terminal,
  livePage: LivePage | undefined,
): Promise<TrainedRun> {
  const { folder, record, model } = prepared;
  const { train: images, validation } = record.images;
  terminal.say(
    `training ${record.net.configuration}${record.net.batchNorm ? ' with batch norm' : ''} on ${images} images of ` +
      `${record.classes.length} classes, ${validation} for validation; the run is ${folder.path}`,
  );
  // A resumed run drops the lines after its checkpoint before the report reads them.
  const log = folder.record(prepared.checkpoint);
  const table = new EpochTable(folder.path);
  const report = await openRunReport({
    path: folder.path,
    record,
    model,
    train: prepared.data.train,
    validation: prepared.data.validation,
    livePage,
    onFailure: (error) => terminal.warn(`the report could not be written: ${systemReason(error)}`),
  });
  const trained = await runTraining(prepared, options, { terminal, log, report, table }).catch(async (error) => {
    // The error that ended the run is printed last.
    await report.settle();
    throw error;
  });
  const interrupted = trained.result.reason === 'interrupted';
  const finished = !interrupted && prepared.checkpoint?.state.step === trained.result.step && hasWeights(folder);
  if (!interrupted && !finished) {
    const best = await folder.checkpoints.best();
    if (best !== undefined) restoreCheckpoint(best, model);
    await saveWeights(folder, model, record);
  }
  await report.settle();
  model.dispose();
  return { ...trained, report, finished };
}
