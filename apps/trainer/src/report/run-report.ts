/** Reports of run folders: opens the images and the weights of a run for them. */
import { join } from 'node:path';
import { isVggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { type LivePage, type ReportData, RunReport, type RunState, reportOfRun } from '@vgg/report';
import { hasWeights } from '../nets/run-files';
import { loadRun, type RunRecord, readRecord } from '../run/folder';
import { openOwnImages } from '../run/images';
import type { Prepared } from '../run/prepare';
import type { Terminal } from '../terminal/terminal';
import { describeRun } from './describe';

/** File name of the report in a run folder. */
export const REPORT = 'report.html';

/** Returns undefined after bad input. Other errors are passed on. */
async function undefinedIfMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isVggError(error)) return undefined;
    throw error;
  }
}

/** Opens the images of a run, if they are still those that it was trained on. */
async function imagesOf(path: string, record: RunRecord) {
  const data = (await undefinedIfMissing(() => openOwnImages(path, record)))?.set;
  return data?.classes.join('\n') === record.classes.join('\n') ? data : undefined;
}

/**
 * Makes the report of a run folder.
 *
 * @param state Default `complete` if the run has its final weights, else `unfinished`.
 * @throws VggError `VGG_RUN` if the folder is not a run.
 */
export async function reportOf(path: string, state?: RunState): Promise<ReportData> {
  const record = await readRecord(path);
  const images = (await imagesOf(path, record)) ?? {};
  const model = await undefinedIfMissing(async () => (await loadRun(path)).model);
  try {
    return await reportOfRun({
      folder: path,
      run: describeRun(path, record),
      state: state ?? (hasWeights({ path }) ? 'complete' : 'unfinished'),
      images,
      model,
    });
  } finally {
    model?.dispose();
  }
}

/** Opens the report of a run under way. A report that cannot be made or written is a warning; training continues. */
export function openRunReport(
  { folder: { path }, record, model, data }: Prepared,
  terminal: Terminal,
  livePage?: LivePage,
): Promise<RunReport> {
  return RunReport.open({
    folder: path,
    file: join(path, REPORT),
    run: describeRun(path, record),
    model,
    train: data.train,
    validation: data.validation,
    livePage,
    lastReport: (state) => reportOf(path, state),
    onFailure: (error) => terminal.warn(`the report could not be written: ${systemReason(error)}`),
  });
}
