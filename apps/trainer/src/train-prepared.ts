/** A prepared run trained: its first net, its metrics and report, and at the end its best weights. */
import { createVgg, zeroInitialiser } from '@vgg/models';
import { restoreCheckpoint } from '@vgg/train';
import { reportSkipped } from './data-set';
import { firstNet } from './first-net';
import type { SessionArguments } from './prepare';
import { RunReport } from './report/run-report';
import { MetricsFile, saveWeights, systemReason } from './run-folder';
import type { Terminal } from './terminal';
import { type Prepared, runTraining, type Trained } from './training';
import type { LivePage } from './ui/live-page';

/** A run trained to its end or to an interruption, and its report, which whoever asked finishes. */
export interface TrainedRun extends Trained {
  report: RunReport;
}

/** Trains a prepared run and, unless it was interrupted, saves its best weights. */
export async function trainPrepared(
  prepared: Prepared,
  options: Pick<SessionArguments, 'workers' | 'strict'>,
  terminal: Terminal,
  livePage?: LivePage,
): Promise<TrainedRun> {
  const { folder, record } = prepared;
  const { train, validation } = record.images;
  terminal.say(
    `training ${record.net.configuration}${record.net.batchNorm ? ' with batch norm' : ''} on ${train} images of ` +
      `${record.classes.length} classes, ${validation} for validation; the run is ${folder.path}`,
  );
  const model = prepared.checkpoint === undefined ? await firstNet(record) : createVgg(record.net, zeroInitialiser());
  // Before the report reads it: a resumed run first drops the lines that its checkpoint does not know.
  const metrics = new MetricsFile(folder, prepared.checkpoint?.state);
  const report = await RunReport.open({
    ...{ path: folder.path, record, model, train: prepared.data.train, validation: prepared.data.validation },
    livePage,
    onFailure: (error) => terminal.warn(`the report could not be written: ${systemReason(error)}`),
  });
  const { result, skipped, exitCode } = await runTraining(prepared, model, options, { terminal, metrics, report });
  const fresh = skipped.filter(({ key }) => !prepared.skipped.some((known) => known.key === key));
  reportSkipped(fresh, terminal);
  if (exitCode === undefined || result.reason !== 'interrupted') {
    const best = await folder.checkpoints.best();
    if (best !== undefined) restoreCheckpoint(best, model);
    await saveWeights(folder, model, record);
  }
  await report.settle();
  model.dispose();
  return { result, skipped: [...prepared.skipped, ...fresh], exitCode, report };
}
