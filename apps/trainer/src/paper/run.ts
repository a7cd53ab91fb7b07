/** The carrying out of a study: each net trained and evaluated in turn, its file saved after each step. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Evaluation, PROTOCOLS, type Protocol, scalesFor } from '@vgg/eval';
import { evaluateRuns } from '../evaluate/evaluate';
import type { SessionArguments } from '../run/arguments';
import { prepareNew, prepareResumed } from '../run/prepare';
import { trainPrepared } from '../run/train';
import { duration, type Terminal } from '../terminal/terminal';
import { deepest, epochSeconds, epochsLeft, evaluationSeconds, type StudyNet } from './plan';
import { trainArguments } from './start';
import { type Study, saveStudy } from './study';
import type { Result } from './tables';

/** What the steps of a study share. `study` is what its file holds. */
export interface Conduct {
  folder: string;
  study: Study;
  session: SessionArguments;
  terminal: Terminal;
  /** Seconds of the budget that are spent, in earlier sessions too. */
  spent: () => number;
}

function runOf(folder: string, net: string): string {
  return join(folder, 'nets', net);
}

async function save({ folder, study, spent }: Conduct): Promise<void> {
  study.spent = spent();
  await saveStudy(folder, study);
}

/** Whether a net was trained, not left out. */
export function isTrained({ trained }: Study, { name }: StudyNet): boolean {
  return (trained[name]?.epochs ?? 0) > 0;
}

function plannedSeconds({ paces, images, settings, plan }: Study, net: StudyNet): number {
  const some = { train: plan.trainImages, validation: images.validation };
  return plan.epochs[net.name]! * epochSeconds(paces[net.config]!, some, settings.input);
}

/** How much longer training takes than was measured at first: the machine may have other work by now. */
function slowness(study: Study): number {
  const done = study.nets.filter((net) => isTrained(study, net));
  const planned = done.map((net) => {
    const { epochs } = study.trained[net.name]!;
    return (plannedSeconds(study, net) * epochs) / study.plan.epochs[net.name]!;
  });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return done.length === 0 ? 1 : sum(done.map(({ name }) => study.trained[name]!.seconds)) / sum(planned);
}

/** Epochs for the next net out of what is left of the budget. */
function epochsFor({ study, spent }: Conduct, net: StudyNet): number {
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

/** Trains a net, or goes on with it. False says that a signal interrupted it. */
async function train(conduct: Conduct, net: StudyNet): Promise<boolean> {
  const { folder, study, session, terminal, spent } = conduct;
  const { settings, plan, nets, trained } = study;
  const out = runOf(folder, net.name);
  const begun = existsSync(join(out, 'run.json'));
  const epochs = begun ? 1 : epochsFor(conduct, net);
  if (epochs === 0) {
    trained[net.name] = { epochs: 0, seconds: 0 };
    terminal.warn(`no time is left for net ${net.name}: it is left out`);
    return true;
  }
  const before = net.from && nets.find(({ name }) => name === net.from!.net);
  const from = before && isTrained(study, before) ? runOf(folder, before.name) : undefined;
  const began = spent();
  const training = { trainImages: plan.trainImages, epochs, out, ...(from !== undefined && { from }) };
  const prepared = begun
    ? await prepareResumed(out, session, terminal)
    : await prepareNew(trainArguments(settings, net, training, session), terminal);
  const { result, exitCode, report } = await trainPrepared(prepared, session, terminal);
  await report.finish(result.reason === 'interrupted' ? 'interrupted' : 'complete');
  const seconds = (trained[net.name]?.seconds ?? 0) + spent() - began;
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

async function evaluateNets(
  { folder, study, session, terminal }: Conduct,
  nets: readonly StudyNet[],
  protocols: readonly Protocol[],
  limit: number,
): Promise<Result[]> {
  const scales = scalesFor(nets[0]!.scale, 'multi', study.settings.input);
  const runs = nets.map(({ name }) => runOf(folder, name));
  const request = { split: 'val', protocols, scales, limit, strict: session.strict } as const;
  return resultsOf(await evaluateRuns(runs, request, terminal));
}

/** The nets of Tables 5 and 6 under every protocol, on as many images as the time allows. */
async function evaluateDeepest(conduct: Conduct): Promise<void> {
  const { study, terminal, spent } = conduct;
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
  study.protocols = await evaluateNets(conduct, nets, PROTOCOLS, images);
}

/** Carries out what is left of a study. False says that a signal interrupted it. */
export async function carryOut(conduct: Conduct): Promise<boolean> {
  const { study, terminal, spent } = conduct;
  const { nets, plan, settings } = study;
  await save(conduct);
  for (const [i, net] of nets.entries()) {
    const times = `${duration(spent())} of ${duration(settings.budget)} spent`;
    if (study.trained[net.name]?.epochs === undefined) {
      const start = net.from === undefined ? '' : ` from ${net.from.net}`;
      terminal.say(`net ${i + 1} of ${nets.length}, ${net.name}${start}: ${plan.epochs[net.name]} epochs; ${times}`);
      const done = await train(conduct, net);
      await save(conduct);
      if (!done) return false;
    }
    if (isTrained(study, net) && study.dense[net.name] === undefined) {
      study.dense[net.name] = await evaluateNets(conduct, [net], ['single', 'dense'], plan.denseImages);
      await save(conduct);
    }
  }
  if (study.protocols === undefined) await evaluateDeepest(conduct);
  await save(conduct);
  return true;
}
