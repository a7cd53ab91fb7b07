/** Preparation of an interrupted run, or of one that is trained for longer. */
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { describeEngine, type Engine, type EngineName, startEngine } from '@vgg/engine';
import { createVgg, zeroInitialiser } from '@vgg/models';
import { type Recipe, scheduleOf } from '@vgg/recipes';
import type { FoundCheckpoint, RunFolder } from '@vgg/train/node';
import { locateImages, type OpenedData } from '../images/data-set';
import { hasWeights } from '../nets/run-files';
import type { Terminal } from '../terminal/terminal';
import type { ResumeArguments } from './arguments';
import { firstNet } from './first-net';
import { lastRun, openRunFolder, type RunRecord, readRecord, reopenRun } from './folder';
import { compareData, openOwnImages } from './images';
import { type Prepared, saveRunFiles } from './prepare';

/** Starts the engine on which the run began, which gives the same bits; another if that one does not work here. */
async function resumedEngine({ engine, device }: ResumeArguments, begun: EngineName): Promise<Engine> {
  if (engine !== 'auto') return startEngine(engine, device);
  return startEngine(begun, device).catch(() => startEngine('auto', device));
}

/**
 * Opens the images of a run that is resumed.
 * @throws VggError `VGG_RUN` when they are not those that it was trained on.
 */
async function openResumedData(
  path: string,
  record: RunRecord,
  moved: string | undefined,
  terminal: Terminal,
): Promise<{ data: OpenedData; folder: string }> {
  const located = moved === undefined ? undefined : await locateImages(moved, terminal);
  const own = await openOwnImages(path, record, located);
  const { train, validation } = own.set;
  const sameness = compareData(own.whole, own.path, record, own.images);
  if (located !== undefined && sameness === 'other') {
    throw new VggError(
      'run',
      `${own.path} does not hold the images of ${path}: they have other names or other content`,
    );
  }
  if (train?.length !== record.images.train || own.set.classes.join('\n') !== record.classes.join('\n')) {
    throw new VggError(
      'run',
      `${path} was trained on ${record.images.train} images of ${record.classes.length} classes, ${own.path} now ` +
        `has ${train?.length ?? 0} of ${own.set.classes.length}: restore the images, or start a new run`,
    );
  }
  if (sameness === 'other') {
    terminal.warn(
      `images in ${own.path} or their classes have changed since ${path} was started: the run does not continue exactly`,
    );
  }
  const isSplit = own.whole.validation === undefined && validation !== undefined;
  return { data: { ...own.set, train, isSplit }, folder: own.path };
}

/** Returns the reason why a run ended that more epochs do not change, if there is one. */
function endedBy(recipe: Recipe, images: number, { state }: FoundCheckpoint): string | undefined {
  const { earlyStop, validateEvery, maxSteps, batch } = recipe;
  const { best, epoch, step } = state;
  if (maxSteps !== undefined && step >= maxSteps) return `--max-steps ${maxSteps}`;
  const turns = (epochs: number) => Math.floor(epochs / validateEvery);
  if (earlyStop > 0 && best !== null && turns(epoch) - turns(best.epoch + 1) >= earlyStop) return 'early stopping';
  return scheduleOf(recipe, Math.floor(images / batch)).done(state.schedule, step) ? 'its schedule' : undefined;
}

/**
 * @throws VggError `VGG_ARGUMENT` for a number of epochs that the run has already trained; `VGG_RUN` for a run that more epochs
 *   do not continue.
 */
function checkMoreEpochs(
  path: string,
  { recipe, images }: RunRecord,
  epochs: number,
  checkpoint: FoundCheckpoint | undefined,
): void {
  if (checkpoint === undefined) return;
  const { epoch } = checkpoint.state;
  if (epochs <= epoch) {
    throw new VggError('argument', `${path} has trained ${epoch} epochs: expected a larger --epochs, got ${epochs}`);
  }
  const reason = endedBy({ ...recipe, epochs }, images.train, checkpoint);
  if (reason === undefined) return;
  throw new VggError(
    'run',
    `${path} was ended by ${reason}, not by its epochs: start a new run with --weights ${path}`,
  );
}

/**
 * Prepares a run to be continued from its newest checkpoint: an interrupted one, or one to be trained for more epochs.
 * @throws VggError `VGG_RUN` when there is no such run or its images have changed.
 */
export async function prepareResumed(
  run: string | true,
  options: ResumeArguments,
  terminal: Terminal,
): Promise<Prepared> {
  const path = run === true ? lastRun(resolve('runs')) : resolve(run);
  if (run === true) terminal.say(`the run trained last is ${path}`);
  const begun = await readRecord(path);
  const folder = openRunFolder(path, options);
  try {
    return await resumeIn(folder, begun, options, terminal);
  } catch (error) {
    folder.close();
    throw error;
  }
}

async function resumeIn(
  folder: RunFolder,
  begun: RunRecord,
  { movedData, moreEpochs, ...options }: ResumeArguments,
  terminal: Terminal,
): Promise<Prepared> {
  const { path } = folder;
  const { data, folder: images } = await openResumedData(path, begun, movedData, terminal);
  const engine = await resumedEngine(options, begun.environment.engine);
  terminal.say(describeEngine(engine));
  if (engine.name !== begun.environment.engine) {
    terminal.warn(`the run began on engine ${begun.environment.engine}: on ${engine.name} its last bits will differ`);
  }
  const checkpoint = await folder.checkpoints.newest();
  for (const { path: file, error } of checkpoint?.refused ?? []) terminal.warn(`ignored ${file}: ${error.message}`);
  if (checkpoint === undefined && hasWeights(folder)) {
    throw new VggError('run', `${path} has ended and has no checkpoints: start a new run with --weights ${path}`);
  }
  const epochs = moreEpochs ?? begun.recipe.epochs;
  if (moreEpochs !== undefined) checkMoreEpochs(path, begun, moreEpochs, checkpoint);
  const record: RunRecord = { ...begun, recipe: { ...begun.recipe, epochs, data: images } };
  const isLonger = epochs !== begun.recipe.epochs;
  if (isLonger && record.recipe.schedule === 'cosine') {
    terminal.warn(
      `the cosine schedule now ends at epoch ${epochs}: the learning rate continues from there, not from 0`,
    );
  }
  if (isLonger) await reopenRun(folder);
  if (isLonger || images !== begun.recipe.data) await saveRunFiles(folder, record);
  const model =
    checkpoint === undefined ? (await firstNet(record, terminal)).model : createVgg(record.net, zeroInitialiser());
  return { folder, record, data, model, skipped: [], checkpoint };
}
