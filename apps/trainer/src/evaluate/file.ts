/** `evaluation.json` of a run folder: what its weights were found to get wrong, for the report to show. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evaluation } from '@vgg/eval';
import { writeFileAtomically } from '@vgg/weights/node';
import type { ResultRow } from '../report/data';
import type { Guesses } from '../report/guesses';

export interface EvaluationRecord {
  readonly version: 1;
  /** How many guesses the top-5 error allows. */
  readonly k: number;
  readonly rows: readonly ResultRow[];
  /** Of the evaluation of most images. */
  readonly guesses: Guesses | null;
}

export const NO_EVALUATION: EvaluationRecord = { version: 1, k: 5, rows: [], guesses: null };

const fileIn = (run: string) => join(run, 'evaluation.json');

/** What is known of the run's weights: nothing when there is no such file, or none of this version. */
export async function readEvaluation(run: string): Promise<EvaluationRecord> {
  try {
    const record = JSON.parse(await readFile(fileIn(run), 'utf8')) as Partial<EvaluationRecord>;
    return record.version === 1 && Array.isArray(record.rows) ? (record as EvaluationRecord) : NO_EVALUATION;
  } catch {
    return NO_EVALUATION;
  }
}

export async function writeEvaluation(run: string, record: EvaluationRecord): Promise<void> {
  await writeFileAtomically(fileIn(run), [Buffer.from(`${JSON.stringify(record)}\n`)]);
}

const nameOf = ({ protocol, scales, of }: ResultRow) => JSON.stringify([protocol, scales, of]);

/** What was known and what is new: a new row takes the place of one on the same protocol, scales and images. */
export function withRows(
  known: EvaluationRecord,
  rows: readonly ResultRow[],
  guesses: Guesses | null,
): EvaluationRecord {
  const fresh = new Set(rows.map(nameOf));
  const better = guesses !== null && guesses.images >= (known.guesses?.images ?? 0);
  return {
    ...known,
    rows: [...known.rows.filter((row) => !fresh.has(nameOf(row))), ...rows],
    guesses: better ? guesses : known.guesses,
  };
}

/**
 * Keeps what an evaluation of one run found.
 * @param of which images: `validation`, `train`, `all`, or a folder.
 */
export async function recordEvaluation(
  run: string,
  { rows, images, k }: Evaluation,
  guesses: Guesses,
  of: string,
): Promise<void> {
  const found = rows
    .filter(({ top1Error }) => top1Error !== null)
    .map(({ protocol, scales, top1Error, top5Error }) => ({
      ...{ protocol, scales, images, of, top1: top1Error, top5: top5Error },
    }));
  await writeEvaluation(run, withRows({ ...(await readEvaluation(run)), k }, found, guesses));
}
