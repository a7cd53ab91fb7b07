/**
 * Run folders: those of `@vgg/train/node`, with `run.json` (recipe, classes, transform, environment) and, once training has
 * ended, `model.safetensors` with the best weights.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isVggError, VggError } from '@vgg/core';
import { systemReason, writeFileAtomically } from '@vgg/core/node';
import type { TrainTransform } from '@vgg/data';
import { createVgg, type ResolvedVggOptions, type Vgg, zeroInitialiser } from '@vgg/models';
import type { Recipe } from '@vgg/recipes';
import { SETTINGS_OFF } from '@vgg/recipes';
import { restoreCheckpoint } from '@vgg/train';
import { checkpointsOf, METRICS_FILE, RunFolder } from '@vgg/train/node';
import { loadModel, saveModel } from '@vgg/weights/node';
import { MODEL, RECORD } from '../nets/run-files';
import type { Environment } from './environment';

const FORMAT = 'vgg-run';
/** Name of a run's evaluations in its folder. */
const EVALUATION = 'evaluation.json';

/** Contents of `run.json`. */
export interface RunRecord {
  format: typeof FORMAT;
  version: 1;
  created: string;
  /** True for the demo, which is evaluated under every protocol. */
  demo?: boolean | undefined;
  recipe: Recipe;
  net: ResolvedVggOptions;
  /** Class names in the order of the net's outputs. */
  classes: readonly string[];
  transform: TrainTransform;
  /** Number of images for training and for validation. */
  images: { train: number; validation: number };
  environment: Environment;
}

/** Options of keeping a run's checkpoints. */
export interface KeepingOptions {
  /** Number of newest checkpoints to keep, in addition to the best. */
  keep: number;
}

/** Default options of keeping checkpoints. */
export const KEEPING = { keep: 2, checkpointEvery: 200 } as const;

/**
 * Creates a new run folder and locks it, before anything costly is computed.
 * @throws VggError `VGG_RUN` when it already holds a run, another process trains in it, or it cannot be written.
 */
export function createRunFolder(path: string, options: KeepingOptions): RunFolder {
  const refuse = () => {
    if (existsSync(join(path, RECORD))) {
      throw new VggError('run', `${path} already holds a run: choose another --out, or continue with --resume ${path}`);
    }
  };
  refuse();
  const folder = holdFolder(path, options, 'choose another --out');
  try {
    refuse();
    return folder;
  } catch (error) {
    folder.close();
    throw error;
  }
}

/**
 * Opens and locks the folder of an existing run.
 * @throws VggError `VGG_RUN` when another process trains in it or it cannot be written.
 */
export function openRunFolder(path: string, options: KeepingOptions): RunFolder {
  return holdFolder(path, options, 'a resumed run must write there');
}

function holdFolder(path: string, options: KeepingOptions, remedy: string): RunFolder {
  try {
    return RunFolder.open(path, options);
  } catch (error) {
    if (!isVggError(error) || error.code !== 'VGG_IO') throw error;
    throw new VggError('run', `${error.message}; ${remedy}`, { cause: error });
  }
}

/** Names of the files of a run without checkpoints. */
const FILES_OF_START =
  /^(run\.json|images\.json|recipe\.yaml|metrics\.jsonl|report\.html|lock\.json|events\.out\.tfevents\..*)$/;

/** Removes the folder of a run that failed before its first checkpoint, unless it holds files of others. Closes it. */
export async function discardRunFolder(folder: RunFolder): Promise<void> {
  const [step] = await folder.checkpoints.steps().catch(() => [0]);
  folder.close();
  if (step !== undefined) return;
  for (const name of readdirSync(folder.path).filter((file) => FILES_OF_START.test(file))) {
    rmSync(join(folder.path, name), { force: true });
  }
  if (readdirSync(folder.path).every((name) => name === 'checkpoints')) rmSync(folder.path, { recursive: true });
}

/** Removes the final weights and the evaluations of a run that will be trained for longer: both are made again. */
export async function reopenRun({ path }: Pick<RunFolder, 'path'>): Promise<void> {
  for (const name of [MODEL, EVALUATION]) await rm(join(path, name), { force: true });
}

/** End of the name of the second net's run, after that of the demo's. */
const SECOND = '-second';

/** Returns the run of the second net of the demo. */
export function secondRunOf(path: string): string {
  return `${path}${SECOND}`;
}

/** Returns true if a run is the demo, which has a second net. */
function isDemo(path: string): boolean {
  return hasRecord(path) && JSON.parse(readFileSync(join(path, RECORD), 'utf8')).demo === true;
}

/**
 * Returns the run in `runs` that was trained last; for the second net of the demo, the demo, which continues with it.
 * @throws VggError `VGG_RUN` when there is none.
 */
export function lastRun(runs: string): string {
  const started = (run: string) => statSync(join(run, RECORD), { throwIfNoEntry: false })?.mtimeMs;
  const trained = (run: string) =>
    statSync(join(run, METRICS_FILE), { throwIfNoEntry: false })?.mtimeMs ?? started(run)!;
  const found = (existsSync(runs) ? readdirSync(runs) : [])
    .map((name) => join(runs, name))
    .filter((run) => started(run) !== undefined);
  if (found.length === 0) throw new VggError('run', `there is no run in ${runs} to continue: name one, --resume RUN`);
  const last = found.reduce((latest, run) => (trained(run) > trained(latest) ? run : latest));
  const first = last.slice(0, -SECOND.length);
  return last === secondRunOf(first) && isDemo(first) ? first : last;
}

export async function saveRecord({ path }: RunFolder, record: RunRecord): Promise<void> {
  await writeFileAtomically(join(path, RECORD), [Buffer.from(`${JSON.stringify(record, null, 2)}\n`)]);
}

/** Returns true if a folder is that of a run. */
export function hasRecord(path: string): boolean {
  return existsSync(join(path, RECORD));
}

/** Returns true if a folder, or for `true` the run trained last, is a run that predicts boxes. */
export async function isBoxRun(run: string | true | undefined): Promise<boolean> {
  const path = run === true ? lastRun(resolve('runs')) : run;
  return path !== undefined && hasRecord(path) && (await readRecord(path)).recipe.task === 'localise';
}

/** @throws VggError `VGG_RUN` when the folder is not a run. */
export async function readRecord(path: string): Promise<RunRecord> {
  const what = `${path} is not a run folder`;
  let text: string;
  try {
    text = await readFile(join(path, RECORD), 'utf8');
  } catch (error) {
    throw new VggError('run', `${what}: expected ${RECORD} in it (${systemReason(error)})`, { cause: error });
  }
  let record: Partial<RunRecord>;
  try {
    record = JSON.parse(text) as Partial<RunRecord>;
  } catch (error) {
    throw new VggError('run', `${what}: its ${RECORD} is not JSON`, { cause: error });
  }
  const complete = record?.net && record.transform && record.recipe && Array.isArray(record.classes);
  if (record?.format !== FORMAT || record.version !== 1 || !complete) {
    throw new VggError('run', `${what} of this version: its ${RECORD} lacks format "${FORMAT}", version 1`);
  }
  return { ...(record as RunRecord), recipe: { ...SETTINGS_OFF, ...(record as RunRecord).recipe } };
}

/** A trained net with its record. */
export interface LoadedRun {
  path: string;
  record: RunRecord;
  model: Vgg;
}

/**
 * Loads a run's best weights: those of `model.safetensors`, or of its checkpoints while training has not ended.
 * @throws VggError `VGG_RUN` when the folder is not a run or has no weights yet, `VGG_WEIGHTS` when they are damaged.
 */
export async function loadRun(path: string): Promise<LoadedRun> {
  const record = await readRecord(path);
  if (record.recipe.task === 'localise')
    throw new VggError('run', `${path} predicts boxes, not classes: use it with predict`);
  const file = join(path, MODEL);
  if (existsSync(file)) return { path, record, model: (await loadModel(file)).model };
  const checkpoint = await checkpointsOf(path).best();
  if (checkpoint === undefined) throw new VggError('run', `${path} has no weights yet: train it first, or --resume it`);
  const model = createVgg(record.net, zeroInitialiser());
  restoreCheckpoint(checkpoint, model);
  return { path, record, model };
}

/** Writes `model.safetensors`: the weights with class names and preprocessing. Evaluations of earlier weights are removed. */
export async function saveWeights({ path }: RunFolder, model: Vgg, { classes, transform }: RunRecord): Promise<void> {
  const { mean, scale } = transform;
  await rm(join(path, EVALUATION), { force: true });
  await saveModel(join(path, MODEL), model, { classes, preprocessing: { mean, scale } });
}
