/**
 * Checkpoints in a folder, one safetensors file each. A file is written under a temporary name, synced and renamed, so
 * a kill at any time leaves the last complete checkpoint. A hash of the content detects later damage.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isVggError, requireInteger, VggError } from '@vgg/core';
import { fileError, isTemporaryFile, systemCode } from '@vgg/core/node';
import type { TensorData } from '@vgg/weights';
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '@vgg/weights/node';
import type { Checkpoint, CheckpointStore, TrainingState } from '../checkpoint';
import { bytesOf, contentHash } from './content-hash';

const NAME = /^step-(\d{9,})\.safetensors$/;
const FORMAT = 'vgg-checkpoint';

export interface CheckpointFolderOptions {
  /** Number of newest checkpoints to keep, at least 1. The best one is kept too. Default 2. */
  keep?: number | undefined;
}

/** Damaged checkpoint, and the error of reading it. */
export interface RefusedCheckpoint {
  path: string;
  error: VggError;
}

export interface FoundCheckpoint extends Checkpoint {
  path: string;
  /** Newer checkpoints, which are damaged. */
  refused: RefusedCheckpoint[];
}

function fileName(step: number): string {
  return `step-${String(step).padStart(9, '0')}.safetensors`;
}

function parseState(text: string | undefined, path: string): TrainingState {
  try {
    const state = JSON.parse(text ?? '') as TrainingState;
    if (Number.isSafeInteger(state.step) && Number.isSafeInteger(state.epoch)) return state;
  } catch {}
  throw new VggError('run', `${path} holds no training state: it is not a checkpoint of this program`);
}

/** Reads and verifies a checkpoint file. */
async function readCheckpoint(path: string): Promise<Checkpoint & { path: string }> {
  const file = await openSafetensors(path);
  try {
    const { sha256, state, format, ...metadata } = file.metadata;
    if (format !== FORMAT) throw new VggError('run', `${path} is not a checkpoint: expected the format ${FORMAT}`);
    const tensors = await readTensors(file);
    const actual = await contentHash(tensors.keys(), async (name) => tensors.get(name)!, {
      ...metadata,
      format,
      state: state ?? '',
    });
    if (actual !== sha256) throw new VggError('run', `${path} is damaged: its content does not agree with its hash`);
    return { path, state: parseState(state, path), tensors, metadata };
  } finally {
    await file.close();
  }
}

async function readTensors(file: SafetensorsFile): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  return tensors;
}

export class CheckpointFolder implements CheckpointStore {
  readonly #keep: number;

  /**
   * @param path folder, created when the first checkpoint is saved.
   * @throws VggError `VGG_ARGUMENT` unless `keep` is an integer of at least 1.
   */
  constructor(
    readonly path: string,
    { keep = 2 }: CheckpointFolderOptions = {},
  ) {
    requireInteger('keep', keep, 1);
    this.#keep = keep;
  }

  /**
   * Writes `step-<step>.safetensors`, then removes checkpoints that are neither the best nor among the newest.
   *
   * @returns the path of the file.
   * @throws VggError `VGG_IO` when the system refuses; earlier checkpoints are then unchanged.
   */
  async save({ state, tensors, metadata }: Checkpoint): Promise<string> {
    const path = join(this.path, fileName(state.step));
    const described = { ...metadata, format: FORMAT, state: JSON.stringify(state) };
    const sha256 = await contentHash(tensors.keys(), (name) => bytesOf(tensors.get(name)!), described);
    await mkdir(this.path, { recursive: true }).catch((cause) => {
      throw fileError('make the folder', this.path, cause);
    });
    await writeSafetensors(path, tensors, { ...described, sha256 });
    await this.#prune(state.step, state.best?.step);
    return path;
  }

  /** Returns the steps of the checkpoints in the folder, newest first; none if there is no folder. */
  async steps(): Promise<number[]> {
    const steps = (await this.#files()).flatMap((name) => {
      const step = NAME.exec(name)?.[1];
      return step === undefined ? [] : [Number(step)];
    });
    return steps.sort((a, b) => b - a);
  }

  /**
   * Reads the newest undamaged checkpoint, and names the damaged ones that are newer. Returns `undefined` if the folder
   * has no checkpoint.
   *
   * @throws VggError `VGG_RUN` if all are damaged, `VGG_IO` when the system refuses to read.
   */
  async newest(): Promise<FoundCheckpoint | undefined> {
    const refused: RefusedCheckpoint[] = [];
    for (const step of await this.steps()) {
      const path = join(this.path, fileName(step));
      try {
        return { ...(await readCheckpoint(path)), refused };
      } catch (error) {
        if (!isVggError(error) || error.code === 'VGG_IO') throw error;
        refused.push({ path, error });
      }
    }
    if (refused.length === 0) return undefined;
    throw new VggError('run', `no checkpoint in ${this.path} is whole: ${refused[0]!.error.message}`);
  }

  /**
   * Reads the checkpoint of the best validation so far, or the newest one if there was no validation yet or the best
   * one is missing.
   *
   * @throws VggError `VGG_RUN` if it is damaged, and the errors of {@link newest}.
   */
  async best(): Promise<FoundCheckpoint | undefined> {
    const newest = await this.newest();
    const step = newest?.state.best?.step;
    if (newest === undefined || step === undefined || step === newest.state.step) return newest;
    if (!(await this.steps()).includes(step)) return newest;
    return { ...(await readCheckpoint(join(this.path, fileName(step)))), refused: newest.refused };
  }

  async #files(): Promise<string[]> {
    try {
      return await readdir(this.path);
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return [];
      throw fileError('read the folder', this.path, cause);
    }
  }

  /**
   * Removes old checkpoints and temporary files. Checkpoints later than the saved one are damaged ones that the run
   * skipped when it resumed; they do not count.
   */
  async #prune(saved: number, best: number | undefined): Promise<void> {
    const upToNow = (await this.steps()).filter((step) => step <= saved);
    const old = upToNow.slice(this.#keep).filter((step) => step !== best);
    const temporary = (await this.#files()).filter(isTemporaryFile);
    for (const name of [...old.map(fileName), ...temporary]) await rm(join(this.path, name), { force: true });
  }
}
