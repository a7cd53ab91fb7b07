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

/** Returns the record with new rows added. A new row replaces the one on the same protocol, scales and images. */
export function withRows(
  known: EvaluationRecord,
  rows: readonly ResultRow[],
  guesses: Guesses | null,
): EvaluationRecord {
  const replaced = new Set(rows.map(nameOf));
  const larger = guesses !== null && guesses.images >= (known.guesses?.images ?? 0);
  return {
    ...known,
    rows: [...known.rows.filter((row) => !replaced.has(nameOf(row))), ...rows],
    guesses: larger ? guesses : known.guesses,
  };
}

/**
 * Adds the evaluation of one run to its folder.
 *
 * @param of name of the images: `validation`, `train`, `all`, or a folder.
 */
export async function recordEvaluation(
  folder: string,
  { rows, images, k }: Evaluation,
  guesses: Guesses,
  of: string,
): Promise<void> {
  const measured = rows
    .filter(({ top1Error }) => top1Error !== null)
    .map(({ protocol, scales, top1Error, top5Error }) => {
      return { protocol, scales, images, of, top1: top1Error, top5: top5Error };
    });
  await writeEvaluation(folder, withRows({ ...(await readEvaluation(folder)), k }, measured, guesses));
}
