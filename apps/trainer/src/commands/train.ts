/** `train`: trains a net on a folder of images. Without images, runs the demo. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Communicator, isVggError, VggError } from '@vgg/core';
import { type SettingName, smokeSettings } from '@vgg/recipes';
import { LivePage } from '@vgg/report';
import { type FitResult, requireSameSettings } from '@vgg/train';
import { evaluateBest, isEvaluated, joinEvaluation, skipEvaluation } from '../evaluate/after-training';
import { enterJob, startRanks } from '../job/job';
import { openRunReport, REPORT } from '../report/run-report';
import type { TrainArguments } from '../run/arguments';
import { discardRunFolder, isBoxRun } from '../run/folder';
import { type Prepared, prepareNew } from '../run/prepare';
import { prepareResumed } from '../run/resume';
import { joinTraining, trainPrepared } from '../run/train';
import { COMMAND } from '../terminal/command';
import { print, shellWord, table } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';
import { hasSecondNet, printDemo, trainSecond } from './demo';
import { dryRun } from './dry-run';
import { runFindRate } from './find-rate';

/** Returns the losses and errors of the last epoch; with five classes or fewer, the top-5 error is always 0 and left out. */
function summaryTable({ training, validation, best }: FitResult, classes: number): string {
  const shown = classes > 5 ? 4 : 3;
  const row = (name: string, { loss, top1, top5 }: { loss: number; top1: number; top5: number }) =>
    [name, loss.toFixed(4), top1.toFixed(2), top5.toFixed(2)].slice(0, shown);
  const rows = [training && row('training', training), validation && row('validation', validation)];
  const bestLine =
    best === null ? '' : `\n\nbest top-1 error ${best.metric.toFixed(2)} % after epoch ${best.epoch + 1}`;
  return `${table(
    ['last epoch', 'loss', 'top-1 error %', 'top-5 error %'].slice(0, shown),
    rows.filter((one) => one !== undefined),
  )}${bestLine}`;
}

function whatNext(path: string): string {
  const start = COMMAND;
  return `
The run is in ${path}. What to try next:
  open ${join(path, REPORT)} in a browser: curves, mistakes, class maps
  ${start} predict --run ${shellWord(path)} IMAGE        the five most likely classes of an image
  ${start} --config B --epochs 12             a deeper net on the same images
  ${start} train --data DIR                   your own images: one folder per class
  ${start} inspect --config D                 what the paper's 16-layer net costs
  ${start} train --help                       every option and its default`;
}

/** Returns the reason why a run ended before its last epoch; undefined if it did not. */
function endText(
  { reason, best }: FitResult,
  { earlyStop, patience }: Prepared['record']['recipe'],
): string | undefined {
  const last = best === null ? '' : `; the best was after epoch ${best.epoch + 1}, and its weights are saved`;
  if (reason === 'early-stop') return `early stopping: no improvement in ${earlyStop} validations${last}`;
  if (reason === 'schedule') {
    return `the schedule has ended: no improvement in ${patience} validations at the lowest rate${last}`;
  }
  return undefined;
}

function predictHint(path: string): string {
  return `use it: ${COMMAND} predict --run ${shellWord(path)} IMAGE`;
}

function resumeHint(path: string): string {
  return `continue with: ${COMMAND} train --resume ${shellWord(path)}`;
}

/** Prints how to resume after an error of the disk or the data, which is like an interruption. */
async function printResumeHint(error: unknown, { folder }: Prepared, terminal: Terminal): Promise<void> {
  if (!isVggError(error) || error.code !== 'VGG_IO') return;
  const [step] = await folder.checkpoints.steps().catch(() => []);
  if (step !== undefined) terminal.say(`the run is saved up to step ${step}; ${resumeHint(folder.path)}`);
}

/** @throws VggError `VGG_ARGUMENT` if several ranks are to do what one process does: the others would wait for it. */
function checkRanks({ dryRun, findRate }: TrainArguments, ranks: number): void {
  if (ranks === 1 || !(dryRun || findRate)) return;
  const option = dryRun ? '--dry-run' : '--find-rate';
  throw new VggError('argument', `${option} runs on one process, got ${ranks} ranks: leave out --ranks or mpirun`);
}

/** Checks that all ranks were started with the same options, which are rank 0's in the end. Some concern one machine alone. */
async function requireSameOptions(job: Communicator, options: TrainArguments): Promise<void> {
  const { workers, ranks, hosts, mpirun, ui, uiPort, json, quiet, signal, given, fromRecipe, ...compared } = options;
  await requireSameSettings(job, { ...compared });
}

/** Trains and evaluates as a rank other than the first. */
async function joinRun(options: TrainArguments): Promise<void> {
  const trained = await joinTraining(options);
  if (trained.reason !== 'interrupted') await joinEvaluation(trained, options.strict);
  trained.model.dispose();
}

export async function runTrain(options: TrainArguments, terminal: Terminal): Promise<void> {
  if (options.task === 'localise' || (await isBoxRun(options.resume)))
    return (await import('./localise')).runLocalise(options, terminal);
  const { ranks = 1, hosts, mpirun } = options;
  checkRanks(options, ranks);
  if (await startRanks({ ranks, hosts, mpirun })) return;
  const job = await enterJob('train', true);
  await requireSameOptions(job, options);
  checkRanks(options, job.size);
  if (job.rank > 0) return joinRun(options);
  if (options.dryRun) return dryRun(options, terminal);
  if (options.findRate) return runFindRate(options, terminal);
  if (options.smoke) return smokeRun(options, terminal);
  if (!options.ui) return train(options, terminal);
  const livePage = await LivePage.start(options.uiPort);
  terminal.say(`the live page is ${livePage.url}`);
  let ending = 'The run has ended. This page is no longer updated; the report is in the run folder.';
  try {
    await train(options, terminal, livePage);
  } catch (error) {
    ending = `The run has failed: ${error instanceof Error ? error.message : String(error)}`;
    throw error;
  } finally {
    await livePage.close(ending);
  }
}

/** Trains two steps on a few images, with all that follows, in a folder that is deleted. */
async function smokeRun(options: TrainArguments, terminal: Terminal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vgg-smoke-'));
  const began = performance.now();
  try {
    const few = { ...smokeSettings(options), out: join(folder, 'run') };
    const given = options.given && new Set([...options.given, ...(Object.keys(few) as SettingName[])]);
    await train({ ...options, ...few, given }, terminal);
    if (process.exitCode === undefined) {
      terminal.say(
        `the smoke run worked, in ${((performance.now() - began) / 1000).toFixed(0)} s; nothing of it is kept`,
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function train(options: TrainArguments, terminal: Terminal, livePage?: LivePage): Promise<void> {
  const prepared = await (options.resume === undefined
    ? prepareNew(options, terminal)
    : prepareResumed(options.resume, options, terminal));
  const { folder } = prepared;
  const trained = await trainPrepared(prepared, options, terminal, () =>
    openRunReport(prepared, terminal, livePage),
  ).catch(async (error: unknown) => {
    await printResumeHint(error, prepared, terminal);
    if (options.resume === undefined) await discardRunFolder(folder);
    throw error;
  });
  const { result, skipped, report, finished } = trained;
  const { path } = folder;
  const classes = prepared.record.classes.length;
  const end = endText(result, prepared.record.recipe);
  if (end !== undefined && !finished) terminal.say(end);
  // With five classes or fewer, the top-5 error is always 0 and left out.
  const shown = (key: string, value: unknown) => (key === 'top5' && classes <= 5 ? undefined : value);
  const printJson = (more: object = {}) => print(JSON.stringify({ run: path, ...result, skipped, ...more }, shown, 2));
  if (finished && (await isEvaluated(path, prepared.record))) {
    await skipEvaluation(prepared.record);
    terminal.say(
      `${path} is finished: it ended after epoch ${result.epoch}, step ${result.step}; there is nothing left to train. To ` +
        `train it for longer: --resume ${shellWord(path)} --epochs ${prepared.record.recipe.epochs * 2}`,
    );
    if (options.json) await printJson();
    return;
  }
  if (result.reason === 'interrupted') {
    if (trained.exitCode !== undefined) {
      terminal.say(`saved after step ${result.step}; ${resumeHint(path)}`);
      process.exitCode = trained.exitCode;
    }
    if (result.step === 0) {
      terminal.say('no step was trained: there is nothing to report');
      if (options.json) await printJson();
      return;
    }
    terminal.say('writing the report; press Ctrl-C to leave it out, the run is saved');
    await report.finish('interrupted');
    if (options.json) return printJson();
    if (result.training !== undefined) await print(summaryTable(result, classes));
    terminal.say(`the report is ${join(path, REPORT)}`);
    return;
  }

  if (finished) terminal.say(`${path} is trained; only its evaluation is left`);
  const { record } = prepared;
  const second = hasSecondNet(prepared, options) ? await trainSecond(prepared, options, terminal) : undefined;
  if (second?.isInterrupted) {
    terminal.say(`the second net is saved; ${resumeHint(path)}`);
    process.exitCode = second.exitCode;
    await report.finish('complete');
    if (options.json) await printJson();
    return;
  }
  const { evaluation, exitCode } = await evaluateBest(
    { path, second: second?.path, record, strict: options.strict, resumeHint: resumeHint(path) },
    terminal,
  );
  if (exitCode !== undefined) {
    process.exitCode = exitCode;
    if (options.json) await printJson();
    return;
  }
  terminal.say('writing the report');
  await report.finish('complete');
  await second?.report.finish('complete');
  if (options.json) return printJson(evaluation && { evaluation });
  if (result.training !== undefined) await print(summaryTable(result, classes));
  else if (!finished) terminal.say(`the run ended after step ${result.step}, before an epoch was completed`);
  // The folder of a smoke run is removed.
  if (options.smoke) return;
  terminal.say(`the report is ${join(path, REPORT)}`);
  if (evaluation !== undefined) {
    await printDemo(evaluation, second === undefined ? [path] : [path, second.path]);
    await print(whatNext(path));
  } else terminal.say(predictHint(path));
}
