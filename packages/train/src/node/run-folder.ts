/**
 * A run on disk, whoever trains: its lock, its checkpoints, its metrics and its TensorBoard events. What a program adds of
 * its own (options, reports, weights) lies beside them.
 */
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileError, systemCode } from '@vgg/core/node';
import type { Checkpoint, CheckpointStore, TrainingState } from '../checkpoint';
import type { TrainEvent } from '../events';
import { CheckpointFolder, type CheckpointFolderOptions } from './checkpoint-folder';
import { EventFile } from './event-file';
import { MetricsFile } from './metrics-file';
import { RunLock } from './run-lock';

/** What a kill in the middle of `writeFileAtomically` leaves beside a file. */
const LEFT_OVER = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** Makes a folder and those above it. Node's own recursive mkdir never returns where a file system refuses, as in /proc. */
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

/** Where the checkpoints of a run folder are: to look at a run without training it, which needs no lock. */
export function checkpointsOf(run: string, options: CheckpointFolderOptions = {}): CheckpointFolder {
  return new CheckpointFolder(join(run, 'checkpoints'), options);
}

/** What `fit` needs to be kept in a run folder. */
export interface RunLog {
  /** A store that keeps the logs no older than a checkpoint. */
  store: CheckpointStore;
  /** Writes the logs. */
  onEvent: (event: TrainEvent) => void;
}

/** A run folder held by this process: nobody else trains in it until `close`. */
export class RunFolder {
  /** Absolute. */
  readonly path: string;
  readonly checkpoints: CheckpointFolder;
  readonly #lock: RunLock;
  #logs: { metrics: MetricsFile; events: EventFile } | undefined;

  private constructor(path: string, options: CheckpointFolderOptions) {
    this.path = path;
    this.checkpoints = checkpointsOf(path, options);
    this.#lock = RunLock.take(path);
    for (const name of readdirSync(path).filter((name) => LEFT_OVER.test(name))) {
      rmSync(join(path, name), { force: true });
    }
  }

  /**
   * Makes the folder where there is none, and takes its lock.
   *
   * @param options how many checkpoints to keep.
   * @throws VggError `VGG_RUN` when another process trains in it, `VGG_IO` when it cannot be written.
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
   * Begins to keep `metrics.jsonl` and TensorBoard's events: what they tell beyond the checkpoint is dropped, since the run
   * will tell it again.
   *
   * @param resumed the checkpoint that the run goes on from; none for one that begins.
   * @throws VggError `VGG_IO` when the system refuses; so do store and listener.
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

  /** Closes the logs and gives the lock back; a second call does nothing. */
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
