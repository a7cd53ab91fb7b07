/** Runs of localisation nets: trained, measured, and opened for use. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { fileError, writeFileAtomically } from '@vgg/core/node';
import { type ClassifyingNet, checkClasses, PROTOCOLS } from '@vgg/eval';
import type { FitResult } from '@vgg/train';
import type { LocalisationPlan } from '../predictions';
import { type BoxMeasurement, type BoxRow, bestRow, type MeasureBoxesOptions, measureBoxes } from './measure';
import { BOX_MODEL, loadLocaliser, type SavedLocaliser, type TrainBoxesOptions, trainBoxes } from './train';

/** File of the measurements in a run folder. */
const ROWS = 'localisation.json';

/** Options of {@link trainAndMeasure}. */
export interface TrainAndMeasureOptions extends TrainBoxesOptions {
  /** Number of images that are measured at most, and a listener for the progress. */
  readonly measure?: Pick<MeasureBoxesOptions, 'limit' | 'onProgress'> | undefined;
  /** Called when the training is complete, before the measurement. */
  readonly onTrained?: ((result: FitResult) => void) | undefined;
}

/**
 * Trains a localisation net, measures it on the validation images (without them on the training images), and writes the rows to
 * `localisation.json` in the run folder. `skipped` lists the unusable images of the training and the measurement.
 * @throws VggError as {@link trainBoxes} and {@link measureBoxes}; the reason of `signal` when it is aborted.
 */
export async function trainAndMeasure(
  options: TrainAndMeasureOptions,
): Promise<BoxMeasurement & { result: FitResult }> {
  const { classifier, train, validation = train, transform, run, strict, signal, measure, onTrained } = options;
  const { result, model, skipped } = await trainBoxes(options);
  try {
    onTrained?.(result);
    const localisers = [{ model, transform: classifier.transform }];
    const { scale, crop: input } = transform;
    const own = { classifier, localisers, source: validation, scale, input, strict, signal };
    const { rows, skipped: others } = await measureBoxes({ ...measure, ...own });
    await writeFileAtomically(join(run.path, ROWS), [Buffer.from(`${JSON.stringify(rows, null, 2)}\n`)]);
    return { result, rows, skipped: [...skipped, ...others] };
  } finally {
    model.dispose();
  }
}

/** Returns true for what {@link trainAndMeasure} writes, as far as it is used. */
function areRows(value: unknown): value is BoxRow[] {
  const isRow = (row: Partial<BoxRow> | null) =>
    PROTOCOLS.some((name) => name === row?.protocol) &&
    [row?.top5Error, row?.meanOverlap].every(Number.isFinite) &&
    Array.isArray(row?.scales) &&
    row.scales.length > 0 &&
    row.scales.every((scale) => Number.isInteger(scale) && scale > 0);
  return Array.isArray(value) && value.length > 0 && value.every(isRow);
}

/** Returns the rows of a run folder; undefined if it was not measured. @throws VggError `VGG_RUN` for a damaged file. */
async function readRows(run: string): Promise<BoxRow[] | undefined> {
  const file = join(run, ROWS);
  if (!existsSync(file)) return undefined;
  let rows: unknown;
  try {
    rows = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw fileError('read', file, error);
  }
  if (areRows(rows)) return rows;
  throw new VggError('run', `${file} is damaged: expected the measurements of a run: remove it, or train again`);
}

/**
 * Loads the nets of runs for `locate`, with the windows and scales that had the lowest error in the measurement of the first run. The caller
 * disposes the nets.
 * @throws VggError as {@link loadLocaliser}; `VGG_DATASET` for classes other than the classifier's, `VGG_RUN` for damaged measurements.
 */
export async function openBoxRuns(
  paths: readonly string[],
  classifier: ClassifyingNet,
): Promise<LocalisationPlan & { localisers: readonly SavedLocaliser[] }> {
  const localisers: SavedLocaliser[] = [];
  try {
    for (const path of paths) {
      const saved = await loadLocaliser(join(path, BOX_MODEL));
      localisers.push(saved);
      checkClasses({ name: 'the classifier', classes: classifier.classes }, { name: path, classes: saved.classes });
    }
    const rows = await readRows(paths[0]!);
    if (rows === undefined) return { classifier, localisers };
    const { protocol, scales } = bestRow(rows);
    return { classifier, localisers, protocol, scales };
  } catch (error) {
    for (const { model } of localisers) model.dispose();
    throw error;
  }
}
