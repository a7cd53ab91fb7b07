/** `metrics.jsonl`: what a run tells, one JSON document a line. */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileError } from '@vgg/core/node';
import type { TrainingState } from '../checkpoint';
import type { TrainEvent } from '../events';
import { appendWhole } from './append';

/** The events that are kept: those that a resumed run tells again to the bit, but for the time they took. */
const KEPT: ReadonlySet<TrainEvent['type']> = new Set(['step', 'epoch']);

/** Whether a line tells of something that the state knows; one that a kill cut short counts as never written. */
function isKnown(line: string, state: Pick<TrainingState, 'epoch' | 'step'>): boolean {
  try {
    const { type, epoch, step } = JSON.parse(line) as { type: string; epoch: number; step: number };
    return step <= state.step && (type !== 'epoch' || epoch < state.epoch);
  } catch {
    return false;
  }
}

export class MetricsFile {
  readonly path: string;
  readonly #file: number;

  /**
   * Opens the file in the run's folder to append to it. Lines that the checkpoint does not know are dropped first.
   *
   * @param resumed where the run goes on; `undefined` for a run without a checkpoint, which drops all.
   * @throws VggError `VGG_IO` when the system refuses.
   */
  constructor(folder: string, resumed?: Pick<TrainingState, 'epoch' | 'step'>) {
    this.path = join(folder, 'metrics.jsonl');
    const beside = `${this.path}.part`;
    try {
      if (existsSync(this.path)) {
        const lines = resumed === undefined ? [] : readFileSync(this.path, 'utf8').split('\n');
        const known = lines.filter((line) => isKnown(line, resumed!));
        writeFileSync(beside, known.map((line) => `${line}\n`).join(''), { flush: true });
        renameSync(beside, this.path);
      }
      this.#file = openSync(this.path, 'a');
    } catch (cause) {
      rmSync(beside, { force: true });
      throw fileError('write', this.path, cause);
    }
  }

  /** Appends the event, if it is one that is kept. */
  append(event: TrainEvent): void {
    if (!KEPT.has(event.type)) return;
    try {
      appendWhole(this.#file, Buffer.from(`${JSON.stringify(event)}\n`));
    } catch (cause) {
      throw fileError('write', this.path, cause);
    }
  }

  /** Waits until all of it is on the disk. */
  sync(): void {
    try {
      fdatasyncSync(this.#file);
    } catch (cause) {
      throw fileError('write', this.path, cause);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
