/** Preparation of a run for training: from the arguments of `train`, a new run or an interrupted one to continue. */
import { basename, join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { listenForInterruption, writeFileAtomically } from '@vgg/core/node';
import { DEMO_IMAGES, makeDemoImages, openSource } from '@vgg/data/node';
import { describeEngine, type Engine, type EngineName, startEngine } from '@vgg/engine';
import { createVgg, type ResolvedVggOptions, type Vgg, zeroInitialiser } from '@vgg/models';
import type { SettingName } from '@vgg/recipes';
import {
  checkArguments,
  checkCombinations,
  checkFreezing,
  formatRecipe,
  initialiserOf,
  netOptions,
  optimiserOf,
  PRECLUDING,
  type Recipe,
  resolveRecipe,
  scheduleOf,
  smallSettings,
} from '@vgg/recipes';
import { gather, requireSameSettings } from '@vgg/train';
import type { FoundCheckpoint, RunFolder } from '@vgg/train/node';
import {
  locateImages,
  type OpenedData,
  openTrainingData,
  reportSkipped,
  type Skipped,
  trainingTransform,
} from '../images/data-set';
import { describeData, reportDuplicates } from '../images/describe';
import { currentJob } from '../job/job';
import { hasWeights } from '../nets/run-files';
import type { Terminal } from '../terminal/terminal';
import type { ResumeArguments, TrainArguments } from './arguments';
import { environment } from './environment';
import { checkPredecessor, type FirstNet, firstNet } from './first-net';
import {
  createRunFolder,
  discardRunFolder,
  lastRun,
  openRunFolder,
  type RunRecord,
  readRecord,
  reopenRun,
  saveRecord,
} from './folder';
import { compareData, hashOfNames, openOwnImages, type RunImages, readImages, saveImages, splitAs } from './images';
import { describeClasses, medianSide, sayEstimate } from './introduction';
import { checkMemory } from './memory';
import { netOfWeights, settingsOfWeights } from './net-of-weights';

/** Name of the recipe in a run folder, as a file that `--recipe` takes. */
const RECIPE = 'recipe.yaml';

/** A run ready to be trained. */
export interface Prepared {
  folder: RunFolder;
  record: RunRecord;
  data: OpenedData;
  /** The net: with its first weights, or with zeros that a checkpoint will replace. */
  model: Vgg;
  /** Images that could not be read when the statistics were computed. */
  skipped: readonly Skipped[];
  /** The checkpoint to continue from, if the run is resumed. */
  checkpoint?: FoundCheckpoint | undefined;
}

/** Returns true for the demo, which draws its own images. */
function isDemo({ recipe, data, resume }: TrainArguments): boolean {
  return recipe === 'demo' && data === undefined && resume === undefined;
}

/** Returns the default run folder: `runs/D-20260101-120000`, with the recipe's name in place of D if there is one. */
function defaultOut({ recipe, config }: TrainArguments): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `runs/${recipe === undefined ? config : basename(recipe).replace(/\.ya?ml$/, '')}-${time}`;
}

/** Returns the folder of the images; the demo first draws its own. */
async function imagesFolder(options: TrainArguments, terminal: Terminal): Promise<string> {
  if (options.data !== undefined) return locateImages(options.data, terminal);
  if (!isDemo(options)) throw new VggError('argument', `the recipe ${options.recipe} needs images: add --data DIR`);
  const folder = resolve('runs/demo-images');
  const interruption = listenForInterruption(() =>
    terminal.say('stopping: training has not started and nothing is saved; run the same command to start again'),
  );
  try {
    if (await makeDemoImages(folder, DEMO_IMAGES, interruption.signal))
      terminal.say(`drew the demo's images in ${folder}`);
  } finally {
    interruption.end();
  }
  if (interruption.exitCode !== undefined) process.exit(interruption.exitCode);
  return folder;
}

/** A planned run: recipe resolved for the images, engine started, nothing written. */
export interface PlannedRun {
  recipe: Recipe;
  data: OpenedData;
  net: ResolvedVggOptions;
  engine: Engine;
}

/**
 * Returns the options with the net of `--weights`: its settings count unless they are options of the command line; those of a
 * recipe count too if the recipe itself names the weights.
 */
async function withNetOfWeights(options: TrainArguments, terminal: Terminal): Promise<TrainArguments> {
  const { given, fromRecipe, weights } = options;
  if (given === undefined || weights === undefined) return options;
  const known = await netOfWeights(weights, terminal);
  if (known === undefined) return options;
  const kept = given.has('weights') ? given : new Set([...given, ...(fromRecipe ?? [])]);
  return { ...options, ...settingsOfWeights(options, known, kept) };
}

/** Returns true if the settings for a small folder apply: neither a recipe nor a net is given. */
function isSmall({ given, recipe }: TrainArguments): boolean {
  return given !== undefined && recipe === undefined && !PRECLUDING.some((name) => given.has(name));
}

/** Returns the options with the settings for a small folder, and says so. */
async function withSmallSettings(
  options: TrainArguments,
  { train }: OpenedData,
  terminal: Terminal,
): Promise<TrainArguments> {
  const { given = new Set() } = options;
  const side = await medianSide(train);
  const settings = smallSettings(train.length, side, {
    epochs: given.has('epochs') ? options.epochs : undefined,
    batch: options.batch,
  });
  const unwritten = Object.entries(settings).filter(([name]) => !given.has(name as SettingName));
  const result: TrainArguments = { ...options, ...Object.fromEntries(unwritten) };
  const { config, width, input, batch, epochs, rate, schedule } = result;
  terminal.say(
    `no net or recipe is given: a small one for ${train.length} images with sides of about ${side} pixels: net ${config} with ` +
      `batch norm, width ${width}, input ${input}, batch ${batch}, ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}, ${schedule} rate from ${rate}; for the ` +
      "paper's own settings add --recipe paper",
  );
  return result;
}

/**
 * Plans a run without writing anything.
 * @throws VggError for options that contradict each other, images that cannot be used, a net too large for the engine.
 */
export async function planRun(given: TrainArguments, terminal: Terminal): Promise<PlannedRun> {
  checkCombinations(given);
  const fetched = await withNetOfWeights(given, terminal);
  const small = isSmall(fetched);
  if (!small) checkArguments(fetched);
  initialiserOf(fetched);
  const path = await imagesFolder(fetched, terminal);
  const data = await openTrainingData(path, fetched);
  if (!isDemo(fetched)) describeData(data, terminal);
  if (fetched.checkDuplicates) await reportDuplicates(data, terminal);
  const options = small ? await withSmallSettings(fetched, data, terminal) : fetched;
  const recipe = resolveRecipe(options, path, data.train.length);
  if (recipe.batch > data.train.length) {
    throw new VggError(
      'argument',
      `a batch of ${recipe.batch} needs as many images, but ${path} has ${data.train.length} for training: lower --batch`,
    );
  }
  const engine = await startEngine(options.engine, options.device);
  terminal.say(describeEngine(engine));
  const net = netOptions(recipe, data.classes.length);
  checkFreezing(net, recipe);
  optimiserOf(recipe, net).dispose();
  checkMemory(net, recipe, engine.name);
  return { recipe, data, net, engine };
}

/** Prepares a new run: plans it, creates its net and its folder, computes the statistics of its images. */
export async function prepareNew(options: TrainArguments, terminal: Terminal): Promise<Prepared> {
  await checkPredecessor(options, terminal);
  const { recipe, data, net, engine } = await planRun(options, terminal);
  const { model, mean } = await firstNet({ recipe, net, classes: data.classes }, terminal);
  for (const line of describeClasses(data, recipe)) terminal.say(line);
  await sayEstimate(model, recipe, data, terminal);
  const folder = createRunFolder(resolve(options.out ?? defaultOut(options)), options);
  try {
    return await fillFolder({ folder, recipe, data, net, engine, model, mean }, options, terminal);
  } catch (error) {
    await discardRunFolder(folder);
    throw error;
  }
}

/** Computes the statistics of the images of a new run, and writes its record. */
async function fillFolder(
  { folder, recipe, data, net, engine, model, mean }: PlannedRun & FirstNet & { folder: RunFolder },
  options: TrainArguments,
  terminal: Terminal,
): Promise<Prepared> {
  const { transform, skipped } = await trainingTransform(recipe, data.train, { ...options, terminal });
  reportSkipped(skipped, terminal);
  const record: RunRecord = {
    format: 'vgg-run',
    version: 1,
    created: new Date().toISOString(),
    demo: isDemo(options) || undefined,
    recipe,
    net,
    classes: data.classes,
    transform: mean === undefined ? transform : { ...transform, mean },
    images: { train: data.train.length, validation: data.validation?.length ?? 0 },
    environment: environment(engine),
  };
  await saveImages(folder.path, recipe.data, data);
  await saveRunFiles(folder, record);
  return { folder, record, data, model, skipped };
}

/** Writes `run.json` and `recipe.yaml`. */
async function saveRunFiles(folder: RunFolder, record: RunRecord): Promise<void> {
  await saveRecord(folder, record);
  const text = `# The resolved settings of this run: "train --recipe ${RECIPE} --out NEW" repeats it.\n\n${formatRecipe(record.recipe)}`;
  await writeFileAtomically(join(folder.path, RECIPE), [Buffer.from(text)]);
}

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
    terminal.warn(`images in ${own.path} have changed since ${path} was started: the run does not continue exactly`);
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

/** Checks what ranks must have in common in addition to what `fit` compares: the images, by name and in order, and the engine. */
async function requireSameRun(record: RunRecord, data: OpenedData, engine: string): Promise<void> {
  await requireSameSettings(currentJob(), {
    classes: data.classes.length,
    'images for training': data.train.length,
    'images for validation': data.validation?.length ?? 0,
    'names of images': hashOfNames([data.train, data.validation]),
    engine,
    recipe: record.recipe,
  });
}

/** Passes a prepared run to the other ranks: its record, with which they open the images and start the engine. */
export async function sharePrepared({ folder, record, data }: Prepared): Promise<void> {
  const job = currentJob();
  if (job.size === 1) return;
  await gather(job, [record, (await readImages(folder.path)) ?? null]);
  await requireSameRun(record, data, `${record.environment.engine} (${record.environment.computes})`);
}

/** Prepares the part of another rank: images and engine of the run that rank 0 has prepared, and a net that `fit` fills. */
export async function prepareRank(): Promise<Pick<Prepared, 'record' | 'data' | 'model'>> {
  const [[record, images]] = (await gather(currentJob(), null)) as unknown as [[RunRecord, RunImages | null]];
  const path = record.recipe.data;
  const set = splitAs(await openSource(path, { layout: record.recipe.layout }), path, record, images ?? undefined);
  if (set.train === undefined) throw new VggError('dataset', `${path} has no training images: expected train/ in it`);
  const data: OpenedData = { ...set, train: set.train, isSplit: images?.validation !== null };
  const engine = await startEngine(record.environment.engine);
  await requireSameRun(record, data, `${engine.name} (${engine.description})`);
  return { record, data, model: createVgg(record.net, zeroInitialiser()) };
}
