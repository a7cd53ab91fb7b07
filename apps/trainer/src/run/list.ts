/** Lists runs: name, state, net, data, best error and time of each, from the files in their folders. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { isVggError, VggError } from '@vgg/core';
import { isProcessAlive } from '@vgg/core/node';
import { checkpointsOf } from '@vgg/train/node';
import { hasWeights } from '../nets/run-files';
import { hasRecord, type RunRecord, readRecord } from './folder';

/** State of a run: `failed` is a run without any checkpoint. */
export type ListedState = 'complete' | 'training' | 'interrupted' | 'failed';

/** A run in a list. */
export interface ListedRun {
  readonly name: string;
  readonly path: string;
  readonly state: ListedState;
  readonly record: RunRecord;
  /** Smallest top-1 error in % on the validation images, each by one centre crop; undefined before the first validation. */
  readonly best?: number | undefined;
  /** Completed epochs. */
  readonly epochs: number;
  /** Seconds of training and validation. */
  readonly seconds: number;
}

interface EpochLine {
  type?: string;
  seconds?: number;
  validating?: number;
  validation?: { top1?: number };
}

/** Returns the lines of epochs in the metrics of a run; lines that are cut short are left out. */
function epochsOf(path: string): EpochLine[] {
  const file = join(path, 'metrics.jsonl');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"type":"epoch"'))
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as EpochLine];
      } catch {
        return [];
      }
    });
}

function isTraining(path: string): boolean {
  try {
    const { pid } = JSON.parse(readFileSync(join(path, 'lock.json'), 'utf8')) as { pid?: number };
    return pid !== undefined && isProcessAlive(pid);
  } catch {
    return false;
  }
}

async function stateOf(path: string): Promise<ListedState> {
  if (isTraining(path)) return 'training';
  if (hasWeights({ path })) return 'complete';
  return (await checkpointsOf(path).steps()).length > 0 ? 'interrupted' : 'failed';
}

/** Returns what a list says of one run. @throws VggError `VGG_RUN` when the folder is not a run. */
export async function listedRun(path: string): Promise<ListedRun> {
  const record = await readRecord(path);
  const epochs = epochsOf(path);
  const errors = epochs.flatMap(({ validation }) => validation?.top1 ?? []);
  return {
    name: basename(path),
    path,
    state: await stateOf(path),
    record,
    best: errors.length === 0 ? undefined : errors.reduce((least, error) => Math.min(least, error)),
    epochs: epochs.length,
    seconds: epochs.reduce((sum, { seconds = 0, validating = 0 }) => sum + seconds + validating, 0),
  };
}

/** Contents of a folder of runs. */
export interface RunList {
  readonly runs: readonly ListedRun[];
  /** Folders without a run: empty ones, which failed attempts left. */
  readonly empty: readonly string[];
  /** Reasons why folders of runs cannot be read, one for each. */
  readonly unreadable: readonly string[];
}

/**
 * Lists the runs in a folder, the oldest first.
 * @throws VggError `VGG_RUN` when there is no such folder.
 */
export async function listRuns(folder: string): Promise<RunList> {
  const path = resolve(folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new VggError('run', `there is no folder of runs ${path}: train one first, or name another folder`);
  }
  const folders = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
  const runs: ListedRun[] = [];
  const unreadable: string[] = [];
  for (const run of folders.filter(hasRecord)) {
    try {
      runs.push(await listedRun(run));
    } catch (error) {
      if (!isVggError(error)) throw error;
      unreadable.push(error.message);
    }
  }
  runs.sort((a, b) => (a.record.created < b.record.created ? -1 : 1));
  return { runs, unreadable, empty: folders.filter((run) => readdirSync(run).length === 0) };
}
