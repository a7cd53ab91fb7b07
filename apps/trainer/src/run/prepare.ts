/** Preparation of a new run for training, from the arguments of `train`. */
import { basename, join, resolve } from 'node:path';
import { writeFileAtomically } from '@vgg/core/node';
import type { Vgg } from '@vgg/models';
import { formatRecipe, type Recipe } from '@vgg/recipes';
import type { FoundCheckpoint, RunFolder } from '@vgg/train/node';
import { type OpenedData, reportSkipped, type Skipped, trainingTransform } from '../images/data-set';
import { reportCopies } from '../images/describe';
import type { Terminal } from '../terminal/terminal';
import type { TrainArguments } from './arguments';
import { environment } from './environment';
import { checkPredecessor, type FirstNet, firstNet } from './first-net';
import { createRunFolder, discardRunFolder, type KeepingOptions, type RunRecord, saveRecord } from './folder';
import { saveImages } from './images';
import { describeClasses, sayEstimate } from './introduction';
import { checkOutside } from './outside';
import { isDemo, type PlannedRun, planRun } from './plan';

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

/** Folder of the runs whose folder was not chosen. */
const RUNS = 'runs';

/** Returns the default run folder: `runs/D-20260101-120000`, with the recipe's name in place of D if there is one. */
function defaultOut({ recipe }: TrainArguments, { config }: Recipe): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `${RUNS}/${recipe === undefined ? config : basename(recipe).replace(/\.ya?ml$/, '')}-${time}`;
}

/** Prepares a new run: plans it, creates its net and its folder, computes the statistics of its images. */
export async function prepareNew(options: TrainArguments, terminal: Terminal): Promise<Prepared> {
  await checkPredecessor(options, terminal);
  checkOutside(options.out ?? RUNS, options.data);
  const { recipe, data, net, engine } = await planRun(options, terminal);
  const { model, mean } = await firstNet({ recipe, net, classes: data.classes }, terminal);
  for (const line of describeClasses(data, recipe)) terminal.say(line);
  await sayEstimate(model, recipe, data, terminal);
  const folder = createRunFolder(resolve(options.out ?? defaultOut(options, recipe)), options);
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
  const { transform, skipped, copies } = await trainingTransform(recipe, data.train, { ...options, terminal });
  reportSkipped(skipped, terminal);
  if (!options.checkDuplicates) reportCopies(copies, terminal);
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

/**
 * Prepares a run with the settings and images of another one, and the next random seed.
 * @throws VggError `VGG_RUN` if the folder already holds a run.
 */
export async function prepareSecond(
  { record, data }: Pick<Prepared, 'record' | 'data'>,
  path: string,
  options: KeepingOptions,
  terminal: Terminal,
): Promise<Prepared> {
  const { net, classes } = record;
  const recipe = { ...record.recipe, seed: record.recipe.seed + 1 };
  const { model } = await firstNet({ recipe, net, classes }, terminal);
  const folder = createRunFolder(path, options);
  try {
    const second: RunRecord = { ...record, created: new Date().toISOString(), demo: undefined, recipe };
    await saveImages(folder.path, recipe.data, data);
    await saveRunFiles(folder, second);
    return { folder, record: second, data, model, skipped: [] };
  } catch (error) {
    await discardRunFolder(folder);
    throw error;
  }
}

/** Writes `run.json` and `recipe.yaml`. */
export async function saveRunFiles(folder: RunFolder, record: RunRecord): Promise<void> {
  await saveRecord(folder, record);
  const text = `# The resolved settings of this run: "train --recipe ${RECIPE} --out NEW" repeats it.\n\n${formatRecipe(record.recipe)}`;
  await writeFileAtomically(join(folder.path, RECIPE), [Buffer.from(text)]);
}
