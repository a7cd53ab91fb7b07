/**
 * A run as a folder: `run.json` (recipe, classes, transform, environment), `metrics.jsonl`, `checkpoints/` and, once
 * training has ended, `model.safetensors` with the best weights.
 */
import { appendFileSync, constants, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { access, mkdir, readFile, stat } from 'node:fs/promises';
import { cpus, platform, release } from 'node:os';
import { dirname, join } from 'node:path';
import { VggError } from '@vgg/core';
import type { TrainTransform } from '@vgg/data';
import { createVgg, type ResolvedVggOptions, type Vgg, zeroInitialiser } from '@vgg/models';
import { restoreCheckpoint, type TrainingState } from '@vgg/train';
import { CheckpointFolder } from '@vgg/train/node';
import { loadModel, saveModel, writeFileAtomically } from '@vgg/weights/node';
import type { EngineName } from './engine';
import { EXTRAS_OFF, type Recipe } from './recipe';

const FORMAT = 'vgg-run';
const RECORD = 'run.json';
const MODEL = 'model.safetensors';

/** `run.json`. */
export interface RunRecord {
  format: typeof FORMAT;
  version: 1;
  created: string;
  recipe: Recipe;
  net: ResolvedVggOptions;
  /** Class names in the order of the net's outputs. */
  classes: readonly string[];
  transform: TrainTransform;
  /** How many images it was trained and validated on. */
  images: { train: number; validation: number };
  environment: Environment;
}

export interface Environment {
  node: string;
  system: string;
  processor: string;
  cores: number;
  engine: EngineName;
}

export function environment(engine: EngineName): Environment {
  const processors = cpus();
  return {
    node: process.versions.node,
    system: `${platform()} ${release()} ${process.arch}`,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    engine,
  };
}

export interface RunFolder {
  readonly path: string;
  readonly checkpoints: CheckpointFolder;
}

export function runFolder(path: string): RunFolder {
  return { path, checkpoints: new CheckpointFolder(join(path, 'checkpoints')) };
}

/** Why the system refused something, in words. */
export function systemReason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  const known: Record<string, string> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENOTDIR: 'part of the path is a file',
    EEXIST: 'there is a file of that name',
    EISDIR: 'it is a folder',
    ENOENT: 'there is no such file or folder',
  };
  return (code === undefined ? undefined : known[code]) ?? (error instanceof Error ? error.message : String(error));
}

/** Makes a folder and those above it. Node's own recursive mkdir never returns where a file system refuses, as in /proc. */
async function makeFolder(path: string, ifFile: 'EEXIST' | 'ENOTDIR' = 'EEXIST'): Promise<void> {
  if (existsSync(path)) {
    if (!(await stat(path)).isDirectory()) throw Object.assign(new Error('not a folder'), { code: ifFile });
    return;
  }
  await makeFolder(dirname(path), 'ENOTDIR');
  await mkdir(path);
}

/**
 * Makes a new run folder, before anything costly is computed.
 * @throws VggError `VGG_RUN` when it cannot be written, or already holds a run.
 */
export async function createRunFolder(path: string): Promise<RunFolder> {
  if (existsSync(join(path, RECORD))) {
    throw new VggError('run', `${path} already holds a run: choose another --out, or go on with --resume ${path}`);
  }
  try {
    await makeFolder(path);
    await access(path, constants.W_OK);
  } catch (error) {
    throw new VggError('run', `cannot write the run folder ${path}: ${systemReason(error)}; choose another --out`, {
      cause: error,
    });
  }
  return runFolder(path);
}

export async function saveRecord({ path }: RunFolder, record: RunRecord): Promise<void> {
  await writeFileAtomically(join(path, RECORD), [Buffer.from(`${JSON.stringify(record, null, 2)}\n`)]);
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
  return { ...(record as RunRecord), recipe: { ...EXTRAS_OFF, ...(record as RunRecord).recipe } };
}

/** A trained net and what it needs to be used. */
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
  const file = join(path, MODEL);
  if (existsSync(file)) return { path, record, model: (await loadModel(file)).model };
  const checkpoint = await runFolder(path).checkpoints.best();
  if (checkpoint === undefined) throw new VggError('run', `${path} has no weights yet: train it first, or --resume it`);
  const model = createVgg(record.net, zeroInitialiser());
  restoreCheckpoint(checkpoint, model);
  return { path, record, model };
}

/** Writes `model.safetensors`: the weights with everything that is needed to use them. */
export async function saveWeights({ path }: RunFolder, model: Vgg, { classes, transform }: RunRecord): Promise<void> {
  const { mean, scale } = transform;
  await saveModel(join(path, MODEL), model, { classes, preprocessing: { mean, scale } });
}

/** Appends events to `metrics.jsonl`; a resumed run first drops the lines that its checkpoint does not know. */
export class MetricsFile {
  readonly #path: string;
  constructor({ path }: RunFolder, resumed?: Pick<TrainingState, 'epoch' | 'step'>) {
    this.#path = join(path, 'metrics.jsonl');
    if (resumed === undefined || !existsSync(this.#path)) return;
    const lines = readFileSync(this.#path, 'utf8').split('\n');
    const known = lines.filter((line) => isBefore(line, resumed));
    writeFileSync(`${this.#path}.part`, known.map((line) => `${line}\n`).join(''));
    renameSync(`${this.#path}.part`, this.#path);
  }

  append(entry: Readonly<Record<string, unknown>>): void {
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`);
  }
}

/** Whether a line tells of something that the state knows; one that a kill cut short counts as never written. */
function isBefore(line: string, state: Pick<TrainingState, 'epoch' | 'step'>): boolean {
  try {
    const { type, epoch, step } = JSON.parse(line) as { type: string; epoch: number; step: number };
    return step <= state.step && (type !== 'epoch' || epoch < state.epoch);
  } catch {
    return false;
  }
}
