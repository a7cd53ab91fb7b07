/** A prepared run trained: its first net, its metrics and report, and at the end its best weights. */
import { systemReason } from '@vgg/core/node';
import { createVgg, zeroInitialiser } from '@vgg/models';
import type { LivePage, RunReport } from '@vgg/report';
import { restoreCheckpoint } from '@vgg/train';
import { openRunReport } from '../report/run-report';
import type { Terminal } from '../terminal/terminal';
import { firstNet } from './first-net';
import { hasWeights, saveWeights } from './folder';
import type { SessionArguments } from './prepare';
import { type Prepared, runTraining, type Trained } from './train';

/** A run trained to its end or to an interruption, and its report, which whoever asked finishes. */
export interface TrainedRun extends Trained {
  report: RunReport;
  /** Whether it had been trained to its end before: nothing was done now. */
  finished: boolean;
}

/** Trains a prepared run and, unless it was interrupted, saves its best weights; either way its folder is given back. */
export async function trainPrepared(
  prepared: Prepared,
  options: Pick<SessionArguments, 'workers' | 'strict' | 'checkpointEvery'>,
  terminal: Terminal,
  livePage?: LivePage,
): Promise<TrainedRun> {
  try {
    return await train(prepared, options, terminal, livePage);
  } finally {
    prepared.folder.close();
  }
}

async function train(
  ...[prepared, options, terminal, livePage]: Parameters<typeof trainPrepared>
): Promise<TrainedRun> {
  const { folder, record } = prepared;
  const { train: images, validation } = record.images;
  terminal.say(
    `training ${record.net.configuration}${record.net.batchNorm ? ' with batch norm' : ''} on ${images} images of ` +
      `${record.classes.length} classes, ${validation} for validation; the run is ${folder.path}`,
  );
  const model = prepared.checkpoint === undefined ? await firstNet(record) : createVgg(record.net, zeroInitialiser());
  // Before the report reads it: a resumed run first drops what its checkpoint does not know.
  const log = folder.record(prepared.checkpoint);
  const report = await openRunReport({
    ...{ path: folder.path, record, model, train: prepared.data.train, validation: prepared.data.validation },
    livePage,
    onFailure: (error) => terminal.warn(`the report could not be written: ${systemReason(error)}`),
  });
  const trained = await runTraining(prepared, model, options, { terminal, log, report }).catch(async (error) => {
    // What ended the run is said last.
    await report.settle();
    throw error;
  });
  const interrupted = trained.result.reason === 'interrupted';
  const finished = !interrupted && prepared.checkpoint?.state.step === trained.result.step && hasWeights(folder);
  if (!interrupted && !finished) {
    const best = await folder.checkpoints.best();
    if (best !== undefined) restoreCheckpoint(best, model);
    await saveWeights(folder, model, record);
  }
  await report.settle();
  model.dispose();
  return { ...trained, report, finished };
}
