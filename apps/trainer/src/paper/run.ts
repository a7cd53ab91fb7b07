/** Runs a study: trains and evaluates each net in turn, and saves the file of the study after each step. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration } from '@vgg/core';
import { type Evaluation, PROTOCOLS, type Protocol, scalesFor } from '@vgg/eval';
import { type EvaluationRequest, evaluateRuns } from '../evaluate/evaluate';
import { openRunReport } from '../report/run-report';
import type { SessionArguments } from '../run/arguments';
import { prepareNew, prepareResumed } from '../run/prepare';
import { trainPrepared } from '../run/train';
import type { Terminal } from '../terminal/terminal';
import { deepest, epochsLeft, epochTime, evaluationSeconds, type StudyNet } from './plan';
import { trainArguments } from './start';
import { type Study, saveStudy } from './study';
import type { Result } from './tables';

/** Values that the steps of a study share. */
export interface StudyRun {
  folder: string;
  /** Content of the file of the study. */
  study: Study;
  session: SessionArguments;
  terminal: Terminal;
  /** Returns the seconds of the budget that are spent, including earlier sessions. */
  spent: () => number;
}

function runOf(folder: string, net: string): string {
  return join(folder, 'nets', net);
}

async function save({ folder, study, spent }: StudyRun): Promise<void> {
  study.spent = spent();
  await saveStudy(folder, study);
}

/** Returns true if a net was trained, not left out. */
export function isTrained({ trained }: Study, { name }: StudyNet): boolean {
  return (trained[name]?.epochs ?? 0) > 0;
}

function plannedSeconds({ paces, images, settings, plan }: Study, net: StudyNet): number {
  const used = { train: plan.trainImages, validation: images.validation };
  return plan.epochs[net.name]! * epochTime(paces[net.config]!, used, settings.input);
}

/** Returns the time of training so far, divided by its estimate: other programs may slow the machine down. */
function slowness(study: Study): number {
  const done = study.nets.filter((net) => isTrained(study, net));
  const planned = done.map((net) => {
    const { epochs } = study.trained[net.name]!;
    return (plannedSeconds(study, net) * epochs) / study.plan.epochs[net.name]!;
  });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return done.length === 0 ? 1 : sum(done.map(({ name }) => study.trained[name]!.seconds)) / sum(planned);
}

/** Returns the epochs of the next net, from the time left in the budget. */
function epochsFor({ study, spent }: StudyRun, net: StudyNet): number {
  const { nets, plan, settings, paces } = study;
  const left = nets.slice(nets.indexOf(net));
  const slow = slowness(study);
  const cost = (one: StudyNet) => evaluationSeconds(one, settings.input, paces[one.config]!);
  const evaluation =
    left.reduce((sum, one) => sum + plan.denseImages * cost(one).dense, 0) +
    deepest(nets).reduce((sum, one) => sum + plan.cropImages * cost(one).crops, 0);
  const planned = (some: readonly StudyNet[]) => slow * some.reduce((sum, one) => sum + plannedSeconds(study, one), 0);
  const secondsLeft = settings.budget - spent() - slow * evaluation;
  return epochsLeft(plan.epochs[net.name]!, { own: planned([net]), remaining: planned(left) }, secondsLeft);
}

/** Trains a net, or resumes it. Returns false if a signal interrupted it. */
async function train(studyRun: StudyRun, net: StudyNet): Promise<boolean> {
  const { folder, study, session, terminal, spent } = studyRun;
  const { settings, plan, nets, trained } = study;
  const out = runOf(folder, net.name);
  const resumed = existsSync(join(out, 'run.json'));
  const epochs = resumed ? 1 : epochsFor(studyRun, net);
  if (epochs === 0) {
    trained[net.name] = { epochs: 0, seconds: 0 };
    terminal.warn(`no time is left for net ${net.name}: it is left out`);
    return true;
  }
  const before = net.from && nets.find(({ name }) => name === net.from!.net);
  const from = before && isTrained(study, before) ? runOf(folder, before.name) : undefined;
  const training = { trainImages: plan.trainImages, epochs, out, from };
  const prepared = resumed
    ? await prepareResumed(out, session, terminal)
    : await prepareNew(trainArguments(settings, net, training, session), terminal);
  // Only training counts, without the opening of the images and the report.
  const start = spent();
  const { result, exitCode, report } = await trainPrepared(prepared, session, terminal, () =>
    openRunReport(prepared, terminal),
  );
  const seconds = (trained[net.name]?.seconds ?? 0) + spent() - start;
  await report.finish(result.reason === 'interrupted' ? 'interrupted' : 'complete');
  if (result.reason === 'interrupted') {
    process.exitCode = exitCode ?? 1;
    return false;
  }
  trained[net.name] = { epochs: prepared.record.recipe.epochs, seconds };
  return true;
}

function resultsOf({ rows }: Evaluation): Result[] {
  return rows.map(({ nets, protocol, scales, images, top1Error, top5Error }) => {
    const names = nets.map((path) => path.split(/[\\/]/).at(-1)!);
    return { nets: names, protocol, scales, images, top1Error, top5Error };
  });
}

/** Evaluates nets on a number of validation images, at the test scales of the first. */
async function evaluateStudyNets(
  { folder, study, session, terminal }: StudyRun,
  nets: readonly StudyNet[],
  protocols: readonly Protocol[],
  limit: number,
): Promise<Result[]> {
  const scales = scalesFor(nets[0]!.scale, 'multi', study.settings.input);
  const runs = nets.map(({ name }) => runOf(folder, name));
  const request: EvaluationRequest = { split: 'val', protocols, scales, limit, strict: session.strict };
  return resultsOf(await evaluateRuns(runs, request, terminal));
}

/** Evaluates the nets of Tables 5 and 6 under every protocol, on as many images as the time allows. */
async function evaluateDeepest(studyRun: StudyRun): Promise<void> {
  const { study, terminal, spent } = studyRun;
  const { plan, settings, paces } = study;
  const nets = deepest(study.nets.filter((net) => isTrained(study, net)));
  const perImage = nets.reduce((sum, net) => sum + evaluationSeconds(net, settings.input, paces[net.config]!).crops, 0);
  const affordable = Math.floor((settings.budget - spent()) / (perImage * slowness(study)));
  const images = Math.min(plan.cropImages, affordable);
  if (images < Math.min(20, plan.cropImages)) {
    study.protocols = [];
    terminal.warn('no time is left for multi-crop evaluation: Tables 5 and 6 are left out');
    return;
  }
  plan.cropImages = images;
  study.protocols = await evaluateStudyNets(studyRun, nets, PROTOCOLS, images);
}

/** Runs the remaining steps of a study. Returns false if a signal interrupted it. */
export async function carryOut(studyRun: StudyRun): Promise<boolean> {
  const { study, terminal, spent } = studyRun;
  const { nets, plan, settings } = study;
  await save(studyRun);
  for (const [i, net] of nets.entries()) {
    const times = `${formatDuration(spent())} of ${formatDuration(settings.budget)} spent`;
    if (study.trained[net.name]?.epochs === undefined) {
      const start = net.from === undefined ? '' : ` from ${net.from.net}`;
      terminal.say(`net ${i + 1} of ${nets.length}, ${net.name}${start}: ${plan.epochs[net.name]} epochs; ${times}`);
      const done = await train(studyRun, net);
      await save(studyRun);
      if (!done) return false;
    }
    if (isTrained(study, net) && study.dense[net.name] === undefined) {
      study.dense[net.name] = await evaluateStudyNets(studyRun, [net], ['single', 'dense'], plan.denseImages);
      await save(studyRun);
    }
  }
  if (study.protocols === undefined) await evaluateDeepest(studyRun);
  await save(studyRun);
  return true;
}
