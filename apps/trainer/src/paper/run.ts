/** Runs a study: trains and evaluates each net in turn, and saves the file of the study after each step. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration } from '@vgg/core';
import { type Interruption, listenForInterruption } from '@vgg/core/node';
import type { ImageSource } from '@vgg/data';
import {
  byImportance,
  type Course,
  CROPS_SHARE,
  deepest,
  epochsFor,
  epochTime,
  evaluationSeconds,
  FEWEST_EVALUATED,
  netSeconds,
  type StudyNet,
} from '@vgg/study';
import { openRunReport } from '../report/run-report';
import type { SessionArguments } from '../run/arguments';
import { prepareNew } from '../run/prepare';
import { prepareResumed } from '../run/resume';
import { trainPrepared } from '../run/train';
import type { Terminal } from '../terminal/terminal';
import { scoredImages, scoreNet } from './score';
import { trainArguments } from './start';
import { announceStep, type Part } from './step';
import { costsOf, isTrained, readScores, runOf, type Study, saveStudy } from './study';

/** Values that the steps of a study share. */
export interface StudyRun {
  folder: string;
  /** Content of the file of the study. */
  study: Study;
  validation: ImageSource;
  session: SessionArguments;
  terminal: Terminal;
  /** Returns the seconds of the budget that are spent, including earlier sessions. */
  spent: () => number;
}

/** A study whose steps a signal ends. */
type Interruptible = StudyRun & { interruption: Interruption };

/** Part of the budget that is left for the tables and the report. */
const END_SHARE = 0.01;

async function save({ folder, study, spent }: StudyRun): Promise<void> {
  study.spent = spent();
  await saveStudy(folder, study);
}

/** Number of nets, trained last, from which the speed of the next is estimated: other programs may slow the machine down. */
const RECENT = 3;

/** Returns the course of the study so far. */
function courseOf({ study, spent }: StudyRun): Course {
  const { settings, nets, plan, trained } = study;
  const costs = costsOf(study);
  const done = Object.keys(trained)
    .map((name) => nets.find((net) => net.name === name)!)
    .filter((net) => isTrained(study, net))
    .slice(-RECENT);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const planned = sum(done.map((net) => trained[net.name]!.epochs * epochTime(net, plan.trainImages, costs)));
  const slowness = done.length === 0 ? 1 : sum(done.map(({ name }) => trained[name]!.seconds)) / planned;
  const kept = nets.filter(({ name }) => plan.nets.includes(name));
  const toScore = study.evaluated ? [] : deepest(kept.filter(({ seed }) => seed === 1));
  const perImage = sum(toScore.map((net) => evaluationSeconds(net, costs).crops));
  // Of the time that is left, training comes first.
  const crops = Math.min(slowness * plan.cropImages * perImage, CROPS_SHARE * (settings.budget - spent()));
  const overhead =
    done.length === 0
      ? undefined
      : sum(done.map(({ name }) => trained[name]!.whole - trained[name]!.seconds)) / done.length;
  const secondsLeft = settings.budget * (1 - END_SHARE) - spent() - crops;
  return { slowness, overhead, secondsLeft };
}

/** Longest time of a timer, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Trains a net, or resumes it. Returns false if a signal interrupted it. */
async function train(
  { folder, study, session, terminal, spent, interruption }: Interruptible,
  net: StudyNet,
  epochs: number,
): Promise<boolean> {
  const { settings, plan, nets, trained } = study;
  const began = spent();
  const out = runOf(folder, net.name);
  const before = net.from && nets.find(({ name }) => name === net.from!.net);
  const from = before && isTrained(study, before) ? runOf(folder, before.name) : undefined;
  const training = { trainImages: plan.trainImages, epochs, out, from };
  const prepared = existsSync(join(out, 'run.json'))
    ? await prepareResumed(out, session, terminal)
    : await prepareNew(trainArguments(settings, net, training, session), terminal);
  const start = spent();
  // The first net has no time limit: without a net there is no study.
  const isFirst = !nets.some((one) => isTrained(study, one));
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), isFirst ? LONGEST_TIMER : (settings.budget - start) * 1000);
  await announceStep({ kind: 'train' });
  const { result, report } = await trainPrepared(
    prepared,
    { ...session, signal: AbortSignal.any([timeout.signal, interruption.signal]) },
    terminal,
    () => openRunReport(prepared, terminal),
  ).finally(() => clearTimeout(timer));
  const earlier = study.interrupted[net.name] ?? 0;
  const seconds = earlier + spent() - start;
  await report.finish(result.reason === 'interrupted' ? 'interrupted' : 'complete');
  if (result.reason === 'interrupted') {
    study.interrupted[net.name] = seconds;
    if (interruption.signal.aborted) return false;
    trained[net.name] = { epochs: 0, seconds: 0, whole: 0 };
    terminal.warn(`the time is over in the training of net ${net.name}: it is left out`);
    return true;
  }
  const endedEarly = result.reason !== 'complete';
  trained[net.name] = { epochs: result.epoch, seconds, whole: earlier + spent() - began, endedEarly };
  return true;
}

/** Scores images with some nets. Returns false if a signal interrupted it; the nets that are done are saved. */
async function score(studyRun: Interruptible, nets: readonly StudyNet[], part: Part, images: number): Promise<boolean> {
  const { folder, study, validation, session, terminal, interruption } = studyRun;
  const { signal } = interruption;
  const request = { folder, part, images, validation, input: study.settings.input, strict: session.strict, signal };
  try {
    for (const net of nets) {
      await scoreNet({ ...request, net }, terminal);
      signal.throwIfAborted();
    }
    return true;
  } catch (error) {
    if (!signal.aborted) throw error;
    return false;
  }
}

/** Largest part of the time that is left which one round of the evaluation is to take. */
const ROUND_SHARE = 0.6;

/** Evaluates the nets of Tables 5 and 6 multi-crop, on as many images as the time allows, up to a limit. */
async function scoreDeepest(studyRun: Interruptible, nets: readonly StudyNet[], limit: number): Promise<boolean> {
  const { folder, study, terminal, spent } = studyRun;
  const { settings } = study;
  const costs = costsOf(study);
  let perImage = nets.reduce((sum, net) => sum + evaluationSeconds(net, costs).crops, 0) * courseOf(studyRun).slowness;
  let done = 0;
  for (const { name } of nets) {
    const own = scoredImages(await readScores(folder, name), 'crops');
    done = name === nets[0]!.name ? own : Math.min(done, own);
  }
  while (done < limit) {
    const left = settings.budget * (1 - END_SHARE) - spent();
    const few = Math.min(FEWEST_EVALUATED, limit - done);
    if (left < few * perImage) break;
    const affordable = Math.floor((ROUND_SHARE * left) / perImage);
    const more = Math.min(limit - done, Math.max(few, done === 0 ? Math.min(affordable, 2 * few) : affordable));
    const start = spent();
    if (!(await score(studyRun, nets, 'crops', done + more))) return false;
    perImage = (spent() - start) / more;
    done += more;
    await save(studyRun);
  }
  if (done === 0)
    terminal.warn(`no time is left for multi-crop evaluation of ${nets.map(({ name }) => name).join(', ')}`);
  return true;
}

/** Returns the next net: the next of the plan, then any other that fits into the time that is left. Undefined at the end. */
function nextNet(studyRun: StudyRun): { net: StudyNet; epochs: number; extra: boolean } | undefined {
  const { study, folder, terminal } = studyRun;
  const { nets, plan, trained } = study;
  const costs = costsOf(study);
  const open = nets.filter(({ name }) => trained[name] === undefined);
  const begun = open.find(({ name }) => existsSync(join(runOf(folder, name), 'run.json')));
  if (begun !== undefined) return { net: begun, epochs: plan.epochs[begun.name]!, extra: false };
  const canStart = ({ from }: StudyNet) => from?.key !== 'weights' || isTrained(study, { name: from.net });
  const course = courseOf(studyRun);
  const planned = open.filter((net) => plan.nets.includes(net.name));
  for (const net of planned) {
    // Those not left out meanwhile that can start, now or after another of them.
    const left: StudyNet[] = [];
    for (const one of planned) {
      if (trained[one.name] !== undefined) continue;
      if (canStart(one) || left.some(({ name }) => name === one.from!.net)) left.push(one);
    }
    const epochs = canStart(net) ? epochsFor(net, left, plan, costs, course) : 0;
    if (epochs > 0) return { net, epochs, extra: false };
    trained[net.name] = { epochs: 0, seconds: 0, whole: 0 };
    terminal.warn(`no time is left for net ${net.name}: it is left out`);
  }
  const extra = byImportance(nets).find((net) => {
    if (isTrained(study, net) || !canStart(net)) return false;
    return netSeconds(net, plan, costs, course) <= course.secondsLeft;
  });
  return extra && { net: extra, epochs: plan.epochs[extra.name]!, extra: true };
}

/** Runs the remaining steps of a study. Returns false, and sets the exit code, if a signal interrupted it; the study is then saved. */
export async function carryOut(studyRun: StudyRun): Promise<boolean> {
  const interruption = listenForInterruption(() => studyRun.terminal.say('stopping: the study is being saved'));
  try {
    const done = await takeSteps({ ...studyRun, interruption });
    if (!done) process.exitCode = interruption.exitCode ?? 1;
    return done;
  } finally {
    interruption.end();
  }
}

async function takeSteps(studyRun: Interruptible): Promise<boolean> {
  const { folder, study, terminal, spent } = studyRun;
  const { plan, settings } = study;
  await save(studyRun);
  for (const net of study.nets.filter((one) => isTrained(study, one))) {
    if (scoredImages(await readScores(folder, net.name), 'dense') >= plan.denseImages) continue;
    if (!(await score(studyRun, [net], 'dense', plan.denseImages))) return false;
  }
  for (let next = nextNet(studyRun); next !== undefined; next = nextNet(studyRun)) {
    const { net, epochs, extra } = next;
    // The evaluation of the first seed comes before further nets, which may take all the time.
    if ((extra || net.seed > 1) && !study.evaluated) {
      if (!(await scoreSeed(studyRun, 1, plan.cropImages))) return false;
      continue;
    }
    const count = study.nets.filter((one) => isTrained(study, one)).length + 1;
    const times = `${formatDuration(spent())} of ${formatDuration(settings.budget)} spent`;
    const start = net.from && isTrained(study, { name: net.from.net }) ? ` from ${net.from.net}` : '';
    terminal.say(
      `net ${count} of ${Math.max(count, plan.nets.length)}, ${net.name}${start}: ${epochs} epochs; ${times}`,
    );
    const done = await train(studyRun, net, epochs);
    await save(studyRun);
    if (!done) return false;
    if (isTrained(study, net) && !(await score(studyRun, [net], 'dense', plan.denseImages))) return false;
  }
  for (const seed of new Set(study.nets.map((net) => net.seed))) {
    if (!(await scoreSeed(studyRun, seed, plan.denseImages))) return false;
  }
  return true;
}

/** Evaluates the deepest nets of a random seed multi-crop. */
async function scoreSeed(studyRun: Interruptible, seed: number, limit: number): Promise<boolean> {
  const { study } = studyRun;
  const nets = deepest(study.nets.filter((net) => net.seed === seed && isTrained(study, net)));
  if (nets.length > 0 && !(await scoreDeepest(studyRun, nets, limit))) return false;
  study.evaluated = true;
  return true;
}
