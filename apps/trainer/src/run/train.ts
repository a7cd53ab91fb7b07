/** Training of a prepared run: loaders, loop, validation, checkpoints, interruption, and its best weights at the end. */

import { shareOf, VggError } from '@vgg/core';
import { type Interruption, listenForInterruption, systemReason } from '@vgg/core/node';
import type { BatchLoader } from '@vgg/data';
import { createEvaluationBatches } from '@vgg/data/node';
import { scalesFor } from '@vgg/eval';
import { type Recipe, scheduleOf } from '@vgg/recipes';
import { GuessBook, type Guesses, type Prediction, type RunReport } from '@vgg/report';
import {
  type EndReason,
  type FitResult,
  fit,
  gather,
  imageShare,
  restoreCheckpoint,
  type Validation,
  validate,
} from '@vgg/train';
import { EPOCH_TABLE, EpochTable, type RunLog } from '@vgg/train/node';
import { type Skipped, skippedNotice } from '../images/data-set';
import { currentJob, shareOfWorkers } from '../job/job';
import { architectureText } from '../nets/net-text';
import { hasWeights } from '../nets/run-files';
import type { Terminal } from '../terminal/terminal';
import type { SessionArguments } from './arguments';
import { trainingDisplay } from './display';
import { saveWeights } from './folder';
import type { Prepared } from './prepare';
import { prepareRank, sharePrepared } from './ranks';
import { stepOptions, trainingBatches } from './step';

type SessionOptions = Pick<SessionArguments, 'workers' | 'strict' | 'checkpointEvery' | 'signal'>;

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

/** Batches of a run that this process prepares: its share of each training batch, and its validation batches. */
interface Loaders {
  training: BatchLoader;
  validation: BatchLoader | undefined;
  close(): Promise<void>;
}

function openLoaders(
  { record, data }: Pick<Prepared, 'record' | 'data'>,
  { workers: ofMachine, strict }: Pick<SessionOptions, 'workers' | 'strict'>,
): Loaders {
  const { transform, recipe } = record;
  const { batch, microBatch } = recipe;
  const workers = shareOfWorkers(ofMachine);
  const job = currentJob();
  const share = job.size === 1 ? undefined : imageShare(batch, microBatch, job);
  const training = trainingBatches({ recipe, data, transform, workers, strict, share });
  const [scale] = scalesFor(transform.scale, 'single', transform.crop);
  const validation =
    data.validation &&
    createEvaluationBatches(data.validation, {
      transform: { crop: transform.crop, scale: scale!, mean: transform.mean, range: 255 },
      batchSize: microBatch,
      workers,
      strict,
    });
  const close = async () => {
    await Promise.all([training.close(), validation?.close()]);
  };
  return { training, validation, close };
}

/** Measures the net on the validation batches of this process. The guesses of all processes are returned in image order. */
async function measure(
  { record, data, model }: Pick<Prepared, 'record' | 'data' | 'model'>,
  loader: BatchLoader,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: (images: number) => void },
): Promise<{ measured: Validation | undefined; guesses: Guesses }> {
  const job = currentJob();
  const { first, end } = shareOf(loader.batchesPerEpoch, job.rank, job.size);
  const own: Prediction[] = [];
  const collector = new GuessBook('single', record.classes.length);
  collector.add = (guess) => {
    own.push(guess);
  };
  const measured = await validate({
    model,
    batches: loader.epoch(0, first, end),
    communicator: job,
    // Of a job, the images that this process has measured stand for those of all.
    onProgress: (images) => onProgress?.(images * job.size),
    onScores: ({ indices, labels }, scores) =>
      collector.addScores(scores, labels, (i) => data.validation!.key(indices[i]!)),
    signal,
  });
  const book = new GuessBook('single', record.classes.length);
  for (const guess of (await gather(job, own)).flat()) book.add(guess);
  return { measured, guesses: book.guesses };
}

/** Returns the options of `fit` that a run's record determines, the same on all ranks. */
function recipeOptions({ record, data, model }: Pick<Prepared, 'record' | 'data' | 'model'>, training: BatchLoader) {
  const { recipe } = record;
  const { epochs, validateEvery, maxSteps } = recipe;
  return {
    ...stepOptions(model, recipe, data),
    schedule: scheduleOf(recipe, training.batchesPerEpoch),
    epochs,
    validateEvery,
    maxSteps,
    communicator: currentJob(),
  };
}

interface TrainingParts {
  terminal: Terminal;
  log: RunLog;
  report: RunReport;
  table: EpochTable;
  interruption: Interruption;
}

/** Trains a prepared run until its recipe is done or it is interrupted; in both cases the run folder holds the state. */
async function runTraining(
  prepared: Prepared,
  session: SessionOptions,
  { terminal, log, report, table, interruption }: TrainingParts,
): Promise<Trained> {
  const { record, data, skipped, checkpoint } = prepared;
  const { recipe } = record;
  const { batch, epochs, validateEvery, maxSteps } = recipe;
  const loaders = openLoaders(prepared, session);
  const { training, validation } = loaders;
  const options = recipeOptions(prepared, training);
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
    classes: record.classes.length,
    maxSteps,
    mayEndEarly: recipe.schedule === 'plateau' || recipe.earlyStop > 0,
  });
  const check = (signal?: AbortSignal): Promise<Validation | undefined> =>
    display.validating(async (onProgress) => {
      const { measured, guesses } = await measure(prepared, validation!, { signal, onProgress });
      report.validated(guesses);
      return measured;
    });
  try {
    const result = await fit({
      ...options,
      batches: (epoch, start) => timed(training.epoch(epoch, start), display.waited),
      checkpoints: { store: log.store, everySteps: session.checkpointEvery },
      signal:
        session.signal === undefined ? interruption.signal : AbortSignal.any([interruption.signal, session.signal]),
      onEvent: display.onEvent,
      validate: validation && check,
      resume: checkpoint,
    });
    notice.update([...training.skipped, ...(validation?.skipped ?? [])]);
    return { result, skipped: notice.all(), exitCode: interruption.exitCode };
  } finally {
    display.end();
    options.optimiser.dispose();
    await loaders.close();
  }
}

/**
 * Trains as a rank other than the first, which alone writes files and prints. Returns what was trained, which the caller disposes,
 * and why training ended.
 */
export async function joinTraining(
  session: SessionOptions & Pick<SessionArguments, 'device'>,
): Promise<Pick<Prepared, 'record' | 'data' | 'model'> & { reason: EndReason }> {
  const prepared = await prepareRank(session.device);
  const loaders = openLoaders(prepared, session);
  const { training, validation } = loaders;
  const options = recipeOptions(prepared, training);
  const interruption = listenForInterruption(() => {});
  let reason: EndReason;
  try {
    ({ reason } = await fit({
      ...options,
      batches: (epoch, start) => training.epoch(epoch, start),
      checkpoints: { store: NO_STORE, everySteps: session.checkpointEvery },
      signal: interruption.signal,
      validate: validation && (async (signal) => (await measure(prepared, validation, { signal })).measured),
    }));
  } finally {
    interruption.end();
    options.optimiser.dispose();
    await loaders.close();
  }
  return { ...prepared, reason };
}

/** Store of ranks other than the first, which is never asked to save. */
const NO_STORE = {
  save: (): Promise<string> => Promise.reject(new VggError('state', 'expected rank 0 to save the checkpoint')),
};

/** A run trained to its end or to an interruption, and its report; the caller must call `report.finish`. */
export interface TrainedRun extends Trained {
  report: RunReport;
  /** True if the run had been trained to its end before, and nothing was trained now. */
  finished: boolean;
}

/** Opens the report of a run under way. It is called after the metrics are cut to the checkpoint of a resumed run. */
export type OpenReport = () => Promise<RunReport>;

/** Trains a prepared run and, unless it was interrupted, saves its best weights. Closes the run folder and disposes the net. */
export async function trainPrepared(
  prepared: Prepared,
  options: SessionOptions,
  terminal: Terminal,
  openReport: OpenReport,
): Promise<TrainedRun> {
  try {
    return await trainAndSave(prepared, options, terminal, openReport);
  } finally {
    prepared.folder.close();
  }
}

/** Says how many ranks train, and if a batch has too few micro-batches for them. */
function sayRanks({ batch, microBatch }: Recipe, terminal: Terminal): void {
  const { size, localSize } = currentJob();
  if (size === 1) return;
  terminal.say(`training on ${size} ranks, ${localSize} of them on this machine`);
  const busy = batch / microBatch;
  if (busy >= size) return;
  terminal.warn(
    `a batch of ${batch} has ${busy} micro-batches of ${microBatch}, so ${size - busy} of ${size} ranks have none: use fewer ` +
      'ranks, or a lower --micro-batch, which changes batch norm and dropout',
  );
}

/** Says what is trained, and trains. Listens for signals from before the first word to the end of training. */
async function announceAndTrain(
  prepared: Prepared,
  options: SessionOptions,
  terminal: Terminal,
  openReport: OpenReport,
): Promise<{ trained: Trained; report: RunReport }> {
  const { folder, record } = prepared;
  const interruption = listenForInterruption(() =>
    terminal.say('stopping: saving the run (press Ctrl-C again to quit at once)'),
  );
  try {
    const { train: images, validation } = record.images;
    const { test } = prepared.data;
    const kept = test === undefined ? '' : `, ${test.length} kept for evaluate --split test`;
    terminal.say(
      `training ${architectureText(record.net)} on ${images} images of ` +
        `${record.classes.length} classes, ${validation} for validation${kept}; the run is ${folder.path}`,
    );
    sayRanks(record.recipe, terminal);
    // A resumed run drops the lines after its checkpoint before the report reads them.
    const log = folder.record(prepared.checkpoint);
    const table = new EpochTable(folder.path);
    const report = await openReport();
    try {
      return { trained: await runTraining(prepared, options, { terminal, log, report, table, interruption }), report };
    } catch (error) {
      // The error that ended the run is printed last.
      await report.settle();
      throw error;
    }
  } finally {
    interruption.end();
  }
}

async function trainAndSave(
  prepared: Prepared,
  options: SessionOptions,
  terminal: Terminal,
  openReport: OpenReport,
): Promise<TrainedRun> {
  const { folder, record, model } = prepared;
  await sharePrepared(prepared);
  const { trained, report } = await announceAndTrain(prepared, options, terminal, openReport);
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
