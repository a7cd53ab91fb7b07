/** `metrics.jsonl`: the events of a run, one JSON document per line. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '@vgg/core/node';
import type { TrainingState } from '../checkpoint';
import type { TrainEvent } from '../events';
import { cutLog, LogFile } from './log-file';

/** Name of the file in a run folder. */
export const METRICS_FILE = 'metrics.jsonl';

/** Events that are kept: a resumed run repeats them to the bit, except for their times. */
const KEPT: ReadonlySet<TrainEvent['type']> = new Set(['step', 'epoch']);

type Known = Pick<TrainingState, 'epoch' | 'step'>;

/** True if a line is an event before the state. A line cut short by a kill is not. */
function isKnown(line: string, state: Known): boolean {
  try {
    const { type, epoch, step } = JSON.parse(line) as { type: string; epoch: number; step: number };
    return step <= state.step && (type !== 'epoch' || epoch < state.epoch);
  } catch {
    return false;
  }
}

/** Returns the length of the lines that the state knows. They stand first, since events are written in order. */
function knownLength(content: Buffer, state: Known | undefined): number {
  let length = 0;
  if (state === undefined) return length;
  for (let end = content.indexOf('\n'); end >= 0; end = content.indexOf('\n', length)) {
    if (!isKnown(content.toString('utf8', length, end), state)) return length;
    length = end + 1;
  }
  return length;
}

export class MetricsFile {
  readonly path: string;
  readonly #log: LogFile;

  /**
   * Opens the file in the run's folder to append to it, and first drops the lines that the checkpoint does not know.
   *
   * @param resumed state at which the run continues; `undefined` for a run without a checkpoint, which drops all lines.
   * @throws VggError `VGG_IO` when the system refuses.
   */
  constructor(folder: string, resumed?: Known) {
    this.path = join(folder, METRICS_FILE);
    try {
      if (existsSync(this.path)) cutLog(this.path, (content) => knownLength(content, resumed));
    } catch (cause) {
      throw fileError('write', this.path, cause);
    }
    this.#log = new LogFile(this.path, 'append');
  }

  /** Appends the event, if it is one that is kept. */
  append(event: TrainEvent): void {
    if (KEPT.has(event.type)) this.#log.append(Buffer.from(`${JSON.stringify(event)}\n`));
  }

  /** Waits until everything is on the disk. */
  sync(): void {
    this.#log.sync();
  }

  close(): void {
    this.#log.close();
  }
}
