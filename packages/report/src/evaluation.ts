/** `evaluation.json` of a run folder: results, confusion and mistakes of its best weights. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@vgg/core/node';
import type { Evaluation } from '@vgg/eval';
import type { ResultRow } from './data';
import type { Guesses } from './guesses';

export interface EvaluationRecord {
  readonly version: 1;
  /** Number of guesses that the top-5 error allows. */
  readonly k: number;
  readonly rows: readonly ResultRow[];
  /** Guesses of the evaluation on the most images. */
  readonly guesses: Guesses | null;
}

const NO_EVALUATION: EvaluationRecord = { version: 1, k: 5, rows: [], guesses: null };

const fileIn = (folder: string) => join(folder, 'evaluation.json');

/** Reads the evaluations of a run's weights; an empty record if there is no such file, or not of this version. */
export async function readEvaluation(folder: string): Promise<EvaluationRecord> {
  try {
    const record = JSON.parse(await readFile(fileIn(folder), 'utf8')) as Partial<EvaluationRecord>;
    return record.version === 1 && Array.isArray(record.rows) ? (record as EvaluationRecord) : NO_EVALUATION;
  } catch {
    return NO_EVALUATION;
  }
}

/** Writes the evaluations of a run's weights. */
export async function writeEvaluation(folder: string, record: EvaluationRecord): Promise<void> {
  await writeFileAtomically(fileIn(folder), [Buffer.from(`${JSON.stringify(record)}\n`)]);
}

const nameOf = ({ protocol, scales, of }: ResultRow) => JSON.stringify([protocol, scales, of]);

/**
 * Returns the record with new rows added. A new row replaces the one of the same protocol, scales and data set, unless that one
 * was measured on more images.
 */
export function withRows(
  known: EvaluationRecord,
  rows: readonly ResultRow[],
  guesses: Guesses | null,
): EvaluationRecord {
  const counts = new Map(known.rows.map((row) => [nameOf(row), row.images]));
  const added = rows.filter((row) => row.images >= (counts.get(nameOf(row)) ?? 0));
  const replaced = new Set(added.map(nameOf));
  const larger = guesses !== null && guesses.images >= (known.guesses?.images ?? 0);
  return {
    ...known,
    rows: [...known.rows.filter((row) => !replaced.has(nameOf(row))), ...added],
    guesses: larger ? guesses : known.guesses,
  };
}

/**
 * Adds the evaluation of one run to its folder. Returns the number of images of the largest earlier result that it did not
 * replace, or undefined if all results were added.
 *
 * @param of name of the images: `validation`, `train`, `all`, or a folder.
 */
export async function recordEvaluation(
  folder: string,
  { rows, images, k }: Evaluation,
  guesses: Guesses,
  of: string,
): Promise<number | undefined> {
  const measured = rows
    .filter(({ top1Error }) => top1Error !== null)
    .map(({ protocol, scales, top1Error, top5Error, f1, calibrationError }) => {
      return { protocol, scales, images, of, top1: top1Error, top5: top5Error, f1, calibrationError };
    });
  const known = await readEvaluation(folder);
  await writeEvaluation(folder, withRows({ ...known, k }, measured, guesses));
  const names = new Set(measured.map(nameOf));
  const larger = known.rows.filter((row) => names.has(nameOf(row)) && row.images > images);
  return larger.length === 0 ? undefined : larger.reduce((most, row) => Math.max(most, row.images), 0);
}
