/** Makes the report of a run folder: its history, what was evaluated, and pictures from its images and weights. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isVggError } from '@vgg/core';
import { openSource } from '@vgg/data/node';
import { writeFileAtomically } from '@vgg/weights/node';
import { type EvaluationRecord, readEvaluation } from '../evaluate/file';
import { splitOptions } from '../images/data-set';
import { loadRun, type RunRecord, readRecord } from '../run/folder';
import { assemble, type Pictures } from './assemble';
import type { ReportData, RunState, StudyData } from './data';
import { firstFilters, heatMaps, mistakesShown, trainingCrops } from './gather';
import { readHistory } from './history';
import { pageAssets, reportHtml } from './html';

export const REPORT = 'report.html';

export function batchesPerEpoch({ recipe, images }: RunRecord): number {
  return Math.max(1, Math.floor(images.train / recipe.batch));
}

/** The run's images, if they are still there and still those that it was trained on. */
async function imagesOf({ recipe, classes }: RunRecord) {
  try {
    const data = await openSource(recipe.data, splitOptions(recipe.valFraction, recipe.seed));
    return data.classes.join('\n') === classes.join('\n') ? data : undefined;
  } catch (error) {
    if (isVggError(error)) return undefined;
    throw error;
  }
}

/** The weights, if there are any yet. */
async function modelOf(path: string) {
  try {
    return (await loadRun(path)).model;
  } catch (error) {
    if (isVggError(error)) return undefined;
    throw error;
  }
}

async function picturesOf(path: string, record: RunRecord, { guesses }: EvaluationRecord): Promise<Pictures> {
  const data = await imagesOf(record);
  const model = await modelOf(path);
  const watched = data?.validation ?? data?.train;
  try {
    const gone = `The images are not in ${record.recipe.data} any more.`;
    const unlearned = 'The run has no weights yet.';
    const missing: Pictures['missing'] = {
      ...(data?.train === undefined && { crops: gone }),
      ...(model === undefined && { filters: unlearned, heatMaps: unlearned }),
      ...(watched === undefined && { heatMaps: gone }),
    };
    return {
      crops: data?.train === undefined ? [] : await trainingCrops(data.train, record),
      filters: model === undefined ? null : await firstFilters(model),
      mistakes: await mistakesShown(guesses?.mistakes ?? [], record.classes, watched),
      heatMaps: watched === undefined || model === undefined ? [] : await heatMaps(watched, record, model),
      missing,
    };
  } finally {
    model?.dispose();
  }
}

/**
 * The report of a run folder.
 * @param state what to say of it; unless given, whether it has its final weights.
 * @throws VggError `VGG_RUN` when the folder is not a run.
 */
export async function reportOf(path: string, state?: RunState): Promise<ReportData> {
  const record = await readRecord(path);
  const history = await readHistory(join(path, 'metrics.jsonl'), batchesPerEpoch(record));
  const evaluation = await readEvaluation(path);
  const ended = existsSync(join(path, 'model.safetensors')) ? 'complete' : 'unfinished';
  return assemble({
    path,
    record,
    history,
    state: state ?? ended,
    activity: null,
    evaluation,
    pictures: await picturesOf(path, record, evaluation),
  });
}

/** @param path of the file; it is written beside, synced and renamed. */
export async function writeReport(path: string, data: ReportData | StudyData): Promise<void> {
  await writeFileAtomically(path, [Buffer.from(reportHtml(data, await pageAssets()))]);
}
