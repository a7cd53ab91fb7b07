/** Starts a study: samples its images, measures each configuration, and divides the budget. */
import { mkdir } from 'node:fs/promises';
import { VggError } from '@vgg/core';
import { type ImageSource, spread } from '@vgg/data';
import { decodeImage } from '@vgg/data/node';
import { describeEngine, startEngine } from '@vgg/engine';
import { scalesFor } from '@vgg/eval';
import { netOptions, resolveRecipe, SETTINGS_OFF } from '@vgg/recipes';
import {
  allot,
  densePixels,
  inputFor,
  isLater,
  LATER_DIVISOR,
  type NetTime,
  type StudyNet,
  studyNets,
} from '@vgg/study';
import { locateImages, type OpenedData, openTrainingData, trainingTransform } from '../images/data-set';
import { describeData, describeTestPart, reportCopies } from '../images/describe';
import { currentJob } from '../job/job';
import type { SessionArguments, TrainArguments } from '../run/arguments';
import { environment } from '../run/environment';
import { firstNet } from '../run/first-net';
import { epochSeconds, measureSpeed } from '../run/measure';
import { checkOutside } from '../run/outside';
import type { Terminal } from '../terminal/terminal';
import { scoresOf } from './score';
import type { Part } from './step';
import { costsOf, type Study, type StudySettings, studyExists } from './study';

/** Settings of a new study. Default `input` follows from the size of its images. */
export type StudyRequest = Omit<StudySettings, 'input' | 'batch'> & {
  input?: number | undefined;
  batch?: number | undefined;
};

/** Default images per step: with few epochs, many small steps learn more. */
const BATCH = 64;

/** Number of images from which the size of all is estimated. */
const SAMPLED = 32;

/** Returns the median of the smallest sides of some images, in pixels. */
async function smallestSide({ train }: OpenedData): Promise<number> {
  const sample = spread(train, SAMPLED);
  const sides: number[] = [];
  for (let i = 0; i < sample.length; i++) {
    const image = await decodeImage(sample.location(i), sample.key(i)).catch(() => undefined);
    if (image !== undefined) sides.push(Math.min(image.width, image.height));
  }
  if (sides.length === 0) throw new VggError('dataset', `none of ${sample.length} images of ${train.name} can be read`);
  return sides.sort((a, b) => a - b)[Math.floor(sides.length / 2)]!;
}

/**
 * Returns the arguments of `train` for a net of the study.
 *
 * @param training.from run to start from, if any.
 */
export function trainArguments(
  settings: StudySettings,
  net: StudyNet,
  training: { trainImages: number; epochs: number; out: string; from?: string | undefined },
  session: SessionArguments,
): TrainArguments {
  const {
    configs: _configs,
    scales: _scales,
    seeds: _seeds,
    fromScratch: _fromScratch,
    budget: _budget,
    ...shared
  } = settings;
  const { from, ...own } = training;
  const result: TrainArguments = {
    ...session,
    ...SETTINGS_OFF,
    ...shared,
    ...own,
    config: net.config,
    scale: net.scale,
    seed: settings.seed + net.seed - 1,
    checkDuplicates: false,
    dryRun: false,
  };
  // A net of few epochs may have fewer than the warm-up.
  result.warmUp = Math.min(settings.warmUp, own.epochs / 2);
  if (net.from === undefined || from === undefined) return result;
  result[net.from.key] = from;
  if (isLater(net)) {
    result.rate = settings.rate / LATER_DIVISOR;
    result.finalRate = settings.finalRate / LATER_DIVISOR;
  }
  return result;
}

/** Returns the mean of the second half: in the first half decoders and engine start. */
function settled(values: readonly number[]): number {
  const later = values.slice(Math.floor(values.length / 2));
  return later.reduce((sum, value) => sum + value, 0) / later.length;
}

/** Images on which evaluation is timed. */
const TIMED_IMAGES = 16;

/** Returns the shortest of two times, in seconds: the first one has the start of the engine in it. */
async function shorter(work: () => Promise<unknown>): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 2; i++) {
    const began = performance.now();
    await work();
    shortest = Math.min(shortest, (performance.now() - began) / 1000);
  }
  return shortest;
}

/**
 * Measures the times of one configuration: training on a few batches, evaluation of a few images. Those of several ranks follow from
 * the first one's, without their sums: what is slower shows in the first net.
 */
async function measureTime(
  settings: StudySettings,
  net: StudyNet,
  data: OpenedData & { validation: ImageSource },
  session: SessionArguments,
  { shortest, terminal }: { shortest: number; terminal: Terminal },
): Promise<NetTime> {
  const training = { trainImages: data.train.length, epochs: settings.epochs, out: '' };
  const recipe = resolveRecipe(trainArguments(settings, net, training, session), settings.data, data.train.length);
  const { transform, copies } = await trainingTransform(recipe, data.train, { ...session, terminal });
  reportCopies(copies, terminal);
  const { model } = await firstNet(
    { recipe, net: netOptions(recipe, data.classes.length), classes: data.classes },
    terminal,
  );
  const speed = await measureSpeed({ ...session, model, recipe, data, transform, shortest, middle: settled });
  const source = spread(data.validation, TIMED_IMAGES);
  const { scale } = net;
  const { input } = settings;
  const evaluated = { name: net.name, model, mean: transform.mean };
  const secondsOf = (part: Part, images: ImageSource) =>
    shorter(() => scoresOf(evaluated, images, { part, scale, input, strict: false })).then(
      (time) => time / images.length,
    );
  const few = spread(source, 2);
  const { size } = currentJob();
  const microBatches = Math.ceil(recipe.batch / recipe.microBatch);
  const share = Math.ceil(microBatches / size) / microBatches;
  const time = {
    trainingImage: (share * epochSeconds(recipe, { train: 0, validation: 0 }, speed).step) / recipe.batch,
    densePixel: (await secondsOf('dense', source)) / densePixels(net, input) / size,
    cropPixel: (await secondsOf('crops', few)) / (50 * input ** 2 * scalesFor(scale, 'multi', input).length) / size,
  };
  model.dispose();
  return time;
}

/** Part of the budget for measuring, and the longest time for one measurement of training, in seconds. */
const MEASURING_SHARE = 0.03;
const LONGEST = 3;
/** Part of the budget after which nothing is measured a second time. */
const LONGEST_SHARE = 0.05;

/**
 * Measures the times of each configuration twice, some time apart, and returns the means: other programs may slow the machine down.
 * If the first time took long, there is no second.
 */
async function measureTimes(
  settings: StudySettings,
  nets: readonly StudyNet[],
  data: OpenedData & { validation: ImageSource },
  session: SessionArguments,
  terminal: Terminal,
): Promise<Record<string, NetTime>> {
  const first = nets.filter(({ config }, i) => nets.findIndex((net) => net.config === config) === i);
  const times: Record<string, NetTime> = {};
  const shortest = Math.min(LONGEST, (MEASURING_SHARE * settings.budget) / (2 * first.length));
  const began = performance.now();
  for (const net of [...first, ...first]) {
    const isSecond = times[net.config] !== undefined;
    if (isSecond && (performance.now() - began) / 1000 > LONGEST_SHARE * settings.budget) break;
    const time = await measureTime(settings, net, data, session, { shortest, terminal });
    const before = times[net.config] ?? time;
    times[net.config] = {
      trainingImage: (before.trainingImage + time.trainingImage) / 2,
      densePixel: (before.densePixel + time.densePixel) / 2,
      cropPixel: (before.cropPixel + time.cropPixel) / 2,
    };
  }
  const speeds = Object.entries(times).map(
    ([config, { trainingImage }]) => `${config} ${(1 / trainingImage).toFixed(0)}`,
  );
  terminal.say(`images/s in training: ${speeds.join(', ')}`);
  return times;
}

/** A study with its validation images. */
export interface OpenedStudy {
  study: Study;
  validation: ImageSource;
}

/** @throws VggError `VGG_DATASET` if there are no validation images. */
export async function openImages(settings: Pick<StudySettings, 'data' | 'valFraction' | 'layout'>, terminal: Terminal) {
  const path = await locateImages(settings.data, terminal);
  const data = await openTrainingData(path, settings);
  const { validation } = data;
  if (validation === undefined) {
    throw new VggError('dataset', `${path} has no validation images: --val-fraction above 0 keeps some`);
  }
  return { path, data: { ...data, validation } };
}

/**
 * Plans a study and makes its folder.
 *
 * @param spent returns the seconds since the start of the command.
 * @throws VggError `VGG_RUN` if the folder already holds a study; `VGG_ARGUMENT` if the budget is too small.
 */
export async function newStudy(
  folder: string,
  { input: requestedInput, batch, ...request }: StudyRequest,
  session: SessionArguments,
  terminal: Terminal,
  spent: () => number,
): Promise<OpenedStudy> {
  checkOutside(folder, request.data);
  if (studyExists(folder)) {
    throw new VggError(
      'run',
      `${folder} already holds a study: choose another --out, or continue with --resume ${folder}`,
    );
  }
  const { path, data } = await openImages(request, terminal);
  describeData(data, terminal);
  describeTestPart(data, terminal);
  const images = { train: data.train.length, validation: data.validation.length };
  const input = requestedInput ?? inputFor(await smallestSide(data));
  const settings: StudySettings = { ...request, data: path, input, batch: Math.min(batch ?? BATCH, images.train) };
  const nets = studyNets(settings);
  const training = { trainImages: images.train, epochs: settings.epochs, out: '' };
  const recipe = resolveRecipe(trainArguments(settings, nets[0]!, training, session), path, images.train);
  const engine = await startEngine(session.engine, session.device);
  terminal.say(describeEngine(engine));
  const times = await measureTimes(settings, nets, data, session, terminal);
  const plan = allot(nets, costsOf({ settings, images, times }), settings.budget - spent());
  sayNarrowed({ nets, plan, settings, images }, terminal);
  await mkdir(folder, { recursive: true });
  const study: Study = {
    format: 'vgg-paper',
    version: 2,
    created: new Date().toISOString(),
    engine: engine.name,
    environment: environment(engine),
    settings,
    recipe,
    classes: data.classes.length,
    images,
    nets,
    times,
    plan,
    spent: spent(),
    trained: {},
    interrupted: {},
    evaluated: false,
  };
  return { study, validation: data.validation };
}

/** Says in one line each how the budget narrows the study: fewer nets, fewer epochs, fewer images. */
function sayNarrowed(
  { nets, plan, settings, images }: Pick<Study, 'nets' | 'plan' | 'settings' | 'images'>,
  terminal: Terminal,
): void {
  const kept = nets.filter(({ name }) => plan.nets.includes(name));
  const seeds = kept.reduce((most, { seed }) => Math.max(most, seed), 1);
  if (seeds < settings.seeds) terminal.say(`the budget allows ${seeds} of ${settings.seeds} random seeds`);
  const out = nets.filter(({ name, seed }) => seed <= seeds && !plan.nets.includes(name)).map(({ name }) => name);
  if (out.length > 0) {
    terminal.say(`the budget is too short for these nets, which are trained only if time is left: ${out.join(', ')}`);
  }
  const epochs = plan.epochs[nets[0]!.name]!;
  if (epochs < settings.epochs) terminal.say(`the budget allows ${epochs} of ${settings.epochs} epochs per net`);
  if (plan.trainImages < images.train) {
    terminal.say(`the budget allows ${plan.trainImages} of ${images.train} training images`);
  }
}
