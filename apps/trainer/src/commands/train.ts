/** `train`: from a folder of images to a run. Without images, the demo. */
import { join } from 'node:path';
import { isVggError } from '@vgg/core';
import { type Evaluation, PROTOCOLS, scalesFor } from '@vgg/eval';
import type { FitResult } from '@vgg/train';
import { evaluateRuns } from '../evaluation';
import { print, table } from '../output';
import { isDemo, prepareNew, prepareResumed, type TrainArguments } from '../prepare';
import { REPORT } from '../report/make';
import { createTerminal, type Terminal } from '../terminal';
import { trainPrepared } from '../train-prepared';
import type { Prepared } from '../training';
import { LivePage } from '../ui/live-page';
import { dryRun } from './dry-run';
import { printEvaluation } from './evaluate';

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

/** As many validation images as are evaluated densely when training has ended: enough to look at, little beside an epoch. */
const DENSE_IMAGES = 256;

/** What the best weights get wrong: of the demo every protocol, else the dense view of some images at the run's own scale. */
async function evaluateBest(
  { folder, record, data }: Prepared,
  options: TrainArguments,
  terminal: Terminal,
): Promise<Evaluation | undefined> {
  const runs = [folder.path];
  const request = { split: 'val', strict: options.strict } as const;
  if (isDemo(options)) return evaluateRuns(runs, { ...request, protocols: PROTOCOLS }, terminal);
  if (data.validation === undefined) return undefined;
  const scales = scalesFor(record.transform.scale, 'single', record.transform.crop);
  await evaluateRuns(runs, { ...request, protocols: ['dense'], scales, limit: DENSE_IMAGES }, terminal);
  return undefined;
}

function whatNext(path: string): string {
  const start = 'pnpm --filter trainer start';
  return `
The run is in ${path}. What to try next:
  open ${join(path, REPORT)} in a browser: curves, mistakes, class maps
  ${start} predict --run ${path} IMAGE        the five likeliest classes of a picture
  ${start} --config B --epochs 12             a deeper net on the same pictures
  ${start} train --data DIR                   your own pictures: one folder per class
  ${start} inspect --config D                 what the paper's 16-layer net costs
  ${start} train --help                       every option and its default`;
}

function howToGoOn(path: string): string {
  return `go on with: pnpm --filter trainer start train --resume ${path}`;
}

/** Where the disk or the data failed, the run is as good as interrupted. */
async function tellHowToGoOn(error: unknown, { folder }: Prepared, terminal: Terminal): Promise<void> {
  if (!isVggError(error) || error.code !== 'VGG_IO') return;
  const [step] = await folder.checkpoints.steps().catch(() => []);
  if (step !== undefined) terminal.say(`the run is kept up to step ${step}; ${howToGoOn(folder.path)}`);
}

export async function trainCommand(options: TrainArguments): Promise<void> {
  const terminal = createTerminal({ stream: process.stderr, quiet: options.quiet });
  if (options.dryRun) return dryRun(options, terminal);
  if (!options.ui) return train(options, terminal);
  const livePage = await LivePage.start(options.uiPort);
  terminal.say(`the live page is ${livePage.url}`);
  let ending = 'The run has ended. This page is not updated any more; the report stays in the run folder.';
  try {
    await train(options, terminal, livePage);
  } catch (error) {
    ending = `The run has failed: ${error instanceof Error ? error.message : String(error)}`;
    throw error;
  } finally {
    await livePage.close(ending);
  }
}

async function train(options: TrainArguments, terminal: Terminal, livePage?: LivePage): Promise<void> {
  const prepared = await (options.resume === undefined
    ? prepareNew(options, terminal)
    : prepareResumed(options.resume, options, terminal));
  const { folder } = prepared;
  const trained = await trainPrepared(prepared, options, terminal, livePage).catch(async (error: unknown) => {
    await tellHowToGoOn(error, prepared, terminal);
    throw error;
  });
  const { result, skipped, exitCode, report, finished } = trained;
  if (finished) {
    terminal.say(
      `${folder.path} is finished: it ended after epoch ${result.epoch}, step ${result.step}; nothing is left to train`,
    );
    if (options.json) await print(JSON.stringify({ run: folder.path, ...result, skipped }, null, 2));
    return;
  }
  if (exitCode !== undefined && result.reason === 'interrupted') {
    terminal.say(`saved after step ${result.step}; ${howToGoOn(folder.path)}`);
    process.exitCode = exitCode;
  }

  const interrupted = result.reason === 'interrupted';
  const evaluation = interrupted ? undefined : await evaluateBest(prepared, options, terminal);
  await report.finish(interrupted ? 'interrupted' : 'complete');
  if (options.json) {
    return print(JSON.stringify({ run: folder.path, ...result, skipped, ...(evaluation && { evaluation }) }, null, 2));
  }
  if (result.training !== undefined) await print(summaryTable(result));
  else if (result.reason !== 'interrupted')
    terminal.say(`the run ended after step ${result.step}, with no epoch completed since it began`);
  terminal.say(`the report is ${join(folder.path, REPORT)}`);
  if (evaluation !== undefined) {
    await printEvaluation(evaluation);
    await print(whatNext(folder.path));
  }
}
