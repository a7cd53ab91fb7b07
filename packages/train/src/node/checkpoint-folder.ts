/**
 * Checkpoints in a folder, one safetensors file each. A file is written beside its place, synced and renamed, so that at
 * any instant a kill leaves the last complete one; a hash of the content finds out later damage.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isVggError, VggError } from '@vgg/core';
import { fileError } from '@vgg/core/node';
import type { TensorData } from '@vgg/weights';
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '@vgg/weights/node';
import type { Checkpoint, CheckpointStore, TrainingState } from '../checkpoint';
import { bytesOf, contentHash } from './content-hash';

const NAME = /^step-(\d{9,})\.safetensors$/;
/** What a kill in the middle of writing leaves. */
const LEFT_OVER = /^step-\d{9,}\.safetensors\..*\.tmp$/;
const FORMAT = 'vgg-checkpoint';

export interface CheckpointFolderOptions {
  /** How many of the newest to keep, at least 1; 2 unless given. The best is kept besides. */
  keep?: number;
}

/** A checkpoint that could not be used, and why. */
export interface RefusedCheckpoint {
  path: string;
  error: VggError;
}

export interface FoundCheckpoint extends Checkpoint {
  path: string;
  /** Newer ones that were damaged. */
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
  throw new VggError('run', `${path} holds no training state: it is no checkpoint of this program`);
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
   * @param path the folder; made when the first checkpoint is saved.
   * @throws VggError `VGG_ARGUMENT` unless `keep` is an integer of at least 1.
   */
  constructor(
    readonly path: string,
    { keep = 2 }: CheckpointFolderOptions = {},
  ) {
    if (!Number.isSafeInteger(keep) || keep < 1) {
      throw new VggError('argument', `expected to keep at least 1 checkpoint, got ${keep}`);
    }
    this.#keep = keep;
  }

  /**
   * Writes `step-<step>.safetensors`, then removes what is neither among the newest nor the best.
   * @returns its path.
   * @throws VggError `VGG_IO` when the system refuses; earlier checkpoints stand then.
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

  /** The steps of the checkpoints in the folder, newest first; none when there is no folder. */
  async steps(): Promise<number[]> {
    const steps = (await this.#files()).flatMap((name) => {
      const step = NAME.exec(name)?.[1];
      return step === undefined ? [] : [Number(step)];
    });
    return steps.sort((a, b) => b - a);
  }

  /**
   * The newest checkpoint that is whole, with the newer ones that are not; `undefined` when the folder has none.
   * @throws VggError `VGG_RUN` when none of several is whole, `VGG_IO` when the system refuses to read.
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
   * The checkpoint of the best validation so far; the newest one before the first validation or where the best is gone.
   * @throws VggError `VGG_RUN` when it is damaged, and as {@link newest}.
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
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw fileError('read the folder', this.path, cause);
    }
  }

  /** Later checkpoints than the one just saved, which a run that went back for a whole one passed over, count for nothing. */
  async #prune(saved: number, best: number | undefined): Promise<void> {
    const upToNow = (await this.steps()).filter((step) => step <= saved);
    const old = upToNow.slice(this.#keep).filter((step) => step !== best);
    const leftOver = (await this.#files()).filter((name) => LEFT_OVER.test(name));
    for (const name of [...old.map(fileName), ...leftOver]) await rm(join(this.path, name), { force: true });
  }
}
