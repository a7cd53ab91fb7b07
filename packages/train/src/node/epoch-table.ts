/** `epochs.csv`: one line for each epoch, for spreadsheets and trackers. It repeats the epochs of `metrics.jsonl`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '@vgg/core/node';
import type { TrainEvent } from '../events';
import { METRICS_FILE } from './metrics-file';

/** Name of the file in a run folder. */
export const EPOCH_TABLE = 'epochs.csv';

type EpochEvent = Extract<TrainEvent, { type: 'epoch' }>;

/** The columns of metrics are last, so that programs for tables without them can read the table. */
const HEADER =
  'epoch,step,rate,train_loss,train_top1_error,train_top5_error,val_loss,val_top1_error,val_top5_error,best,seconds,train_metric,val_metric';

/** Returns a number for a cell: empty if it is missing or not finite. */
function cell(value: number | null | undefined): string {
  return Number.isFinite(value) ? String(value) : '';
}

function rowOf({ epoch, step, rate, training, validation, best, seconds }: EpochEvent): string {
  const figures = [training.loss, training.top1, training.top5, validation?.loss, validation?.top1, validation?.top5];
  const metrics = [training.metric, validation?.metric];
  return [epoch + 1, step, rate, ...figures.map(cell), Number(best), seconds.toFixed(2), ...metrics.map(cell)].join();
}

/** Writer of the table in a run folder, next to its other logs. */
export class EpochTable {
  readonly #path: string;
  readonly #rows: string[];

  /** Reads the epochs that a resumed run has completed. Call it after the lines after its checkpoint were dropped. */
  constructor(folder: string) {
    this.#path = join(folder, EPOCH_TABLE);
    const metrics = join(folder, METRICS_FILE);
    const lines = existsSync(metrics) ? readFileSync(metrics, 'utf8').split('\n') : [];
    this.#rows = lines
      .filter((line) => line.startsWith('{"type":"epoch"'))
      .map((line) => rowOf(JSON.parse(line) as EpochEvent));
  }

  /** Adds an epoch and writes the table. Other events are ignored. @throws VggError `VGG_IO` when the system refuses. */
  async add(event: TrainEvent): Promise<void> {
    if (event.type !== 'epoch') return;
    this.#rows.push(rowOf(event));
    await writeFileAtomically(this.#path, [Buffer.from(`${[HEADER, ...this.#rows].join('\n')}\n`)]);
  }
}
