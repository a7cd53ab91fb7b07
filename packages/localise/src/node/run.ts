/** Runs of localisation nets: trained, measured, and opened for use. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '@vgg/core/node';
import type { ClassifyingNet } from '@vgg/eval';
import type { FitResult } from '@vgg/train';
import type { LocalisationPlan } from '../predictions';
import { type BoxRow, bestRow, type MeasureBoxesOptions, measureBoxes } from './measure';
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
 * `localisation.json` in the run folder.
 * @throws VggError as {@link trainBoxes} and {@link measureBoxes}; the reason of `signal` when it is aborted.
 */
export async function trainAndMeasure(
  options: TrainAndMeasureOptions,
): Promise<{ result: FitResult; rows: readonly BoxRow[] }> {
  const { classifier, train, validation = train, transform, run, signal, measure, onTrained } = options;
  const { result, model } = await trainBoxes(options);
  try {
    onTrained?.(result);
    const localisers = [{ model, transform: classifier.transform }];
    const { scale, crop: input } = transform;
    const rows = await measureBoxes({ ...measure, classifier, localisers, source: validation, scale, input, signal });
    await writeFileAtomically(join(run.path, ROWS), [Buffer.from(`${JSON.stringify(rows, null, 2)}\n`)]);
    return { result, rows };
  } finally {
    model.dispose();
  }
}

/**
 * Loads the nets of runs for `locate`, with the windows and scales that had the lowest error in the measurement of the first run. The caller
 * disposes the nets.
 * @throws VggError as {@link loadLocaliser}.
 */
export async function openBoxRuns(
  paths: readonly string[],
  classifier: ClassifyingNet,
): Promise<LocalisationPlan & { localisers: readonly SavedLocaliser[] }> {
  const localisers: SavedLocaliser[] = [];
  for (const path of paths) localisers.push(await loadLocaliser(join(path, BOX_MODEL)));
  const file = join(paths[0]!, ROWS);
  if (!existsSync(file)) return { classifier, localisers };
  const { protocol, scales } = bestRow(JSON.parse(readFileSync(file, 'utf8')) as BoxRow[]);
  return { classifier, localisers, protocol, scales };
}
