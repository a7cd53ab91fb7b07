/** `train`: from a folder of images to a run. Without images, the demo. */
import { resolve } from 'node:path';
import { PROTOCOLS } from '@vgg/eval';
import { createVgg, zeroInitialiser } from '@vgg/models';
import { type FitResult, restoreCheckpoint } from '@vgg/train';
import { reportSkipped } from '../data-set';
import { firstNet } from '../first-net';
import { print, table } from '../output';
import { isDemo, prepareNew, prepareResumed, type TrainArguments } from '../prepare';
import { saveWeights } from '../run-folder';
import { createTerminal, type Terminal } from '../terminal';
import { runTraining } from '../training';
import { dryRun } from './dry-run';
import { evaluateRuns, printEvaluation } from './evaluate';

function summaryTable({ training, validation, best }: FitResult): string {
  const row = (name: string, { loss, top1, top5 }: { loss: number; top1: number; top5: number }) => [
    name,
    loss.toFixed(4),
    top1.toFixed(2),
    top5.toFixed(2),
  ];
  const rows = [
    ...(training ? [row('training', training)] : []),
    ...(validation ? [row('validation', validation)] : []),
  ];
  const named = best === null ? '' : `\n\nbest top-1 error ${best.metric.toFixed(2)} % after epoch ${best.epoch + 1}`;
  return `${table(['last epoch', 'loss', 'top-1 error %', 'top-5 error %'], rows)}${named}`;
}

/** The demo's last part: the paper's kind of table for its validation images. */
function evaluateDemo(path: string, { strict }: TrainArguments, terminal: Terminal) {
  return evaluateRuns({ runs: [path], split: 'val', protocols: PROTOCOLS, strict }, terminal);
}

function whatNext(path: string): string {
  const start = 'pnpm --filter trainer start';
  return `
The run is in ${path}. What to try next:
  ${start} predict --run ${path} IMAGE        the five likeliest classes of a picture
  ${start} --config B --epochs 12             a deeper net on the same pictures
  ${start} train --data DIR                   your own pictures: one folder per class
  ${start} inspect --config D                 what the paper's 16-layer net costs
  ${start} train --help                       every option and its default`;
}

export async function trainCommand(options: TrainArguments): Promise<void> {
  const terminal = createTerminal({ stream: process.stderr, quiet: options.quiet });
  if (options.dryRun) return dryRun(options, terminal);
  const prepared = await (options.resume === undefined
    ? prepareNew(options, terminal)
    : prepareResumed(resolve(options.resume), options, terminal));
  const { folder, record } = prepared;
  const { train, validation } = record.images;
  terminal.say(
    `training ${record.net.configuration}${record.net.batchNorm ? ' with batch norm' : ''} on ${train} images of ` +
      `${record.classes.length} classes, ${validation} for validation; the run is ${folder.path}`,
  );
  const model = prepared.checkpoint === undefined ? await firstNet(record) : createVgg(record.net, zeroInitialiser());
  const { result, skipped: later, exitCode } = await runTraining(prepared, model, options, terminal);
  const fresh = later.filter(({ key }) => !prepared.skipped.some((known) => known.key === key));
  reportSkipped(fresh, terminal);
  const skipped = [...prepared.skipped, ...fresh];

  if (exitCode !== undefined && result.reason === 'interrupted') {
    terminal.say(
      `saved after step ${result.step}; go on with: pnpm --filter trainer start train --resume ${folder.path}`,
    );
    process.exitCode = exitCode;
  } else {
    const best = await folder.checkpoints.best();
    if (best !== undefined) restoreCheckpoint(best, model);
    await saveWeights(folder, model, record);
  }
  model.dispose();

  const evaluation =
    isDemo(options) && result.reason !== 'interrupted' ? await evaluateDemo(folder.path, options, terminal) : undefined;
  if (options.json) {
    return print(JSON.stringify({ run: folder.path, ...result, skipped, ...(evaluation && { evaluation }) }, null, 2));
  }
  if (result.training !== undefined) await print(summaryTable(result));
  else if (result.reason !== 'interrupted')
    terminal.say(`the run ended after step ${result.step}, with no epoch completed since it began`);
  if (evaluation !== undefined) {
    await printEvaluation(evaluation);
    await print(whatNext(folder.path));
  }
}
