/**
 * A run on disk: its lock, checkpoints, metrics and TensorBoard events. Programs put their own files (options, reports,
 * weights) next to them.
 */
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileError, isTemporaryFile, systemCode } from '@vgg/core/node';
import type { Checkpoint, CheckpointStore, TrainingState } from '../checkpoint';
import type { TrainEvent } from '../events';
import { CheckpointFolder, type CheckpointFolderOptions } from './checkpoint-folder';
import { EventFile } from './event-file';
import { MetricsFile } from './metrics-file';
import { RunLock } from './run-lock';

/**
 * Creates a folder and those above it. Node's recursive mkdir never returns where a file system refuses, as in /proc.
 */
function makeFolder(path: string): void {
  try {
    if (statSync(path).isDirectory()) return;
    mkdirSync(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    makeFolder(dirname(path));
    mkdirSync(path);
  }
}

/** Returns the checkpoints of a run folder, to read them without training. This needs no lock. */
export function checkpointsOf(run: string, options: CheckpointFolderOptions = {}): CheckpointFolder {
  return new CheckpointFolder(join(run, 'checkpoints'), options);
}

/** Options of `fit` that record a run in its folder. */
export interface RunLog {
  /** Saves checkpoints, after syncing the logs, which are therefore never older than a checkpoint. */
  store: CheckpointStore;
  /** Writes the logs. */
  onEvent: (event: TrainEvent) => void;
}

/** Run folder whose lock this process holds: no other process trains in it until `close`. */
export class RunFolder {
  /** Absolute path. */
  readonly path: string;
  readonly checkpoints: CheckpointFolder;
  readonly #lock: RunLock;
  #logs: { metrics: MetricsFile; events: EventFile } | undefined;

  private constructor(path: string, options: CheckpointFolderOptions) {
    this.path = path;
    this.checkpoints = checkpointsOf(path, options);
    this.#lock = RunLock.take(path);
    for (const name of readdirSync(path).filter(isTemporaryFile)) rmSync(join(path, name), { force: true });
  }

  /**
   * Creates the folder if it is missing, and takes its lock.
   *
   * @param options number of checkpoints to keep.
   * @throws VggError `VGG_RUN` if another process trains in it, `VGG_IO` if it cannot be written.
   */
  static open(path: string, options: CheckpointFolderOptions = {}): RunFolder {
    const absolute = resolve(path);
    try {
      makeFolder(absolute);
      accessSync(absolute, constants.W_OK);
    } catch (cause) {
      throw fileError('write the run folder', absolute, cause);
    }
    return new RunFolder(absolute, options);
  }

  /**
   * Opens `metrics.jsonl` and a TensorBoard event file. Entries later than the checkpoint are dropped, since the run
   * will write them again.
   *
   * @param resumed checkpoint at which the run continues; undefined for a new run.
   * @throws VggError `VGG_IO` when the system refuses. The returned store and listener throw it too.
   */
  record(resumed?: { state: TrainingState }): RunLog {
    this.#closeLogs();
    const metrics = new MetricsFile(this.path, resumed?.state);
    const events = new EventFile(this.path, resumed?.state);
    this.#logs = { metrics, events };
    return {
      store: {
        save: (checkpoint: Checkpoint) => {
          metrics.sync();
          events.sync();
          return this.checkpoints.save(checkpoint);
        },
      },
      onEvent: (event) => {
        metrics.append(event);
        events.append(event);
      },
    };
  }

  /** Closes the logs and releases the lock. A second call does nothing. */
  close(): void {
    this.#closeLogs();
    this.#lock.release();
  }

  #closeLogs(): void {
    this.#logs?.metrics.close();
    this.#logs?.events.close();
    this.#logs = undefined;
  }
}
