/** Report of a run folder: its history, its evaluations, and images made from its data set and its weights. */
import { join } from 'node:path';
import { assemble, type ImageSections } from './assemble';
import type { ReportData, RunState, Section } from './data';
import { type EvaluationRecord, readEvaluation } from './evaluation';
import { readHistory } from './history';
import { firstFilters, heatMaps, mistakesWithImages, trainingCrops } from './image-sections';
import type { RunDescription, RunImages, RunNet } from './run';

/** Metrics of a run, in its folder. */
const METRICS = 'metrics.jsonl';

/** Reads the history of a run folder; an empty one before the first step. */
export function historyOf(folder: string, { batchesPerEpoch }: RunDescription) {
  return readHistory(join(folder, METRICS), batchesPerEpoch);
}

export interface RunFolderOptions {
  /** Folder with `metrics.jsonl` and `evaluation.json`. */
  readonly folder: string;
  readonly run: RunDescription;
  readonly state: RunState;
  readonly images: RunImages;
  /** Net with the best weights; undefined if the run has none yet. */
  readonly model?: RunNet | undefined;
}

async function imageSections(options: RunFolderOptions, { guesses }: EvaluationRecord): Promise<ImageSections> {
  const { run, model, images } = options;
  const { train } = images;
  const evaluated = images.validation ?? train;
  const missing: Partial<Record<Section, string>> = {};
  if (model === undefined) {
    missing.filters = 'The run has no weights yet.';
    missing.heatMaps = missing.filters;
  }
  const noImages = `The images are no longer in ${run.data}.`;
  if (train === undefined) missing.crops = noImages;
  if (evaluated === undefined) missing.heatMaps = noImages;
  return {
    crops: train === undefined ? [] : await trainingCrops(train, run),
    filters: model === undefined ? null : await firstFilters(model),
    mistakes: await mistakesWithImages(guesses?.mistakes ?? [], run.classes, evaluated),
    heatMaps: evaluated === undefined || model === undefined ? [] : await heatMaps(evaluated, run, model),
    missing,
  };
}

/** Returns the report of a run folder. */
export async function reportOfRun(options: RunFolderOptions): Promise<ReportData> {
  const { folder, run, state } = options;
  const evaluation = await readEvaluation(folder);
  return assemble({
    run,
    state,
    history: await historyOf(folder, run),
    activity: null,
    evaluation,
    images: await imageSections(options, evaluation),
  });
}
