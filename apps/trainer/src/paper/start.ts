/** Starts a study: samples its images, measures each configuration, and divides the budget. */
import { mkdir, rmdir } from 'node:fs/promises';
import { type Tensor4D, tidy, zeros } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { spread } from '@vgg/data';
import { decodeImage } from '@vgg/data/node';
import { describeEngine, startEngine } from '@vgg/engine';
import type { Vgg } from '@vgg/models';
import { netOptions, type Recipe, resolveRecipe, SETTINGS_OFF } from '@vgg/recipes';
import { locateImages, type OpenedData, openTrainingData, trainingTransform } from '../images/data-set';
import { describeData, describeTestPart } from '../images/describe';
import type { SessionArguments, TrainArguments } from '../run/arguments';
import { environment } from '../run/environment';
import { firstNet } from '../run/first-net';
import { epochSeconds, measureSpeed } from '../run/measure';
import type { Terminal } from '../terminal/terminal';
import { allot, inputFor, isLater, LATER_DIVISOR, type NetTime, type StudyNet, studyNets } from './plan';
import { type Study, type StudySettings, studyExists } from './study';

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
  { data, configs: _configs, scales: _scales, budget: _budget, rate, layout = 'auto', ...settings }: StudySettings,
  net: StudyNet,
  training: { trainImages: number; epochs: number; out: string; from?: string | undefined },
  session: SessionArguments,
): TrainArguments {
  const { trainImages, epochs, out, from } = training;
  const result: TrainArguments = {
    ...session,
    ...settings,
    ...SETTINGS_OFF,
    trainImages,
    epochs,
    out,
    data,
    layout,
    config: net.config,
    scale: net.scale,
    flip: true,
    colourShift: true,
    schedule: 'cosine',
    patience: 5,
    momentum: 0.9,
    init: 'he',
    dryRun: false,
    rate,
  };
  if (net.from === undefined || from === undefined) return result;
  result[net.from.key] = from;
  if (isLater(net)) result.rate = rate / LATER_DIVISOR;
  return result;
}

/** Measures the times of one configuration on a few batches. */
async function measureTime(
  settings: StudySettings,
  net: StudyNet,
  data: OpenedData,
  session: SessionArguments,
  terminal: Terminal,
): Promise<NetTime> {
  const trainingArguments = trainArguments(
    settings,
    net,
    { trainImages: data.train.length, epochs: 1, out: '' },
    session,
  );
  const recipe = resolveRecipe(trainingArguments, settings.data, data.train.length);
  const { transform } = await trainingTransform(recipe, data.train, { ...session, terminal });
  const { model } = await firstNet(
    { recipe, net: netOptions(recipe, data.classes.length), classes: data.classes },
    terminal,
  );
  const shortest = Math.min(3, settings.budget / 100);
  const speed = await measureSpeed({ ...session, model, recipe, data, transform, shortest });
  const pixel = await secondsPerPixel(model, recipe);
  model.dispose();
  const { step } = epochSeconds(recipe, { train: 0, validation: 0 }, speed);
  return { trainingImage: step / recipe.batch, pixel };
}

/** Forward passes of which the shortest counts. */
const PASSES = 4;

/**
 * Returns the seconds that a forward pass takes for each pixel, from blank crops. An evaluation decodes an image once for up to 153
 * views, so the time of decoding does not count.
 */
async function secondsPerPixel(model: Vgg, { input, microBatch }: Recipe): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PASSES; i++) {
    const began = performance.now();
    const logits = tidy(() => model.apply(zeros([microBatch, input, input, 3]) as Tensor4D).logits);
    await logits.data();
    logits.dispose();
    shortest = Math.min(shortest, (performance.now() - began) / 1000);
  }
  return shortest / (microBatch * input ** 2);
}

/**
 * Measures the times of each configuration twice and keeps the shorter ones. Other programs can make a net seem slow for a moment;
 * the study corrects a plan with too many epochs, but not one with too few.
 */
async function measureTimes(
  settings: StudySettings,
  nets: readonly StudyNet[],
  data: OpenedData,
  session: SessionArguments,
  terminal: Terminal,
): Promise<Record<string, NetTime>> {
  const first = nets.filter(({ config }, i) => nets.findIndex((net) => net.config === config) === i);
  const times: Record<string, NetTime> = {};
  for (const net of [...first, ...first]) {
    const time = await measureTime(settings, net, data, session, terminal);
    const before = times[net.config] ?? time;
    times[net.config] = {
      trainingImage: Math.min(before.trainingImage, time.trainingImage),
      pixel: Math.min(before.pixel, time.pixel),
    };
  }
  const speeds = Object.entries(times).map(
    ([config, { trainingImage }]) => `${config} ${(1 / trainingImage).toFixed(0)}`,
  );
  terminal.say(`images/s in training: ${speeds.join(', ')}`);
  return times;
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
): Promise<Study> {
  if (studyExists(folder)) {
    throw new VggError(
      'run',
      `${folder} already holds a study: choose another --out, or continue with --resume ${folder}`,
    );
  }
  const path = await locateImages(request.data, terminal);
  const data = await openTrainingData(path, { ...request, layout: request.layout ?? 'auto' });
  describeData(data, terminal);
  describeTestPart(data, terminal);
  if (data.validation === undefined) {
    throw new VggError('dataset', `${path} has no validation images: --val-fraction above 0 keeps some`);
  }
  const images = { train: data.train.length, validation: data.validation.length };
  const input = requestedInput ?? inputFor(await smallestSide(data));
  const settings: StudySettings = { ...request, data: path, input, batch: Math.min(batch ?? BATCH, images.train) };
  const engine = await startEngine(session.engine, session.device);
  terminal.say(describeEngine(engine));
  const nets = studyNets(settings.configs, settings.scales, input);
  await mkdir(folder, { recursive: true });
  try {
    return await planned();
  } catch (error) {
    await rmdir(folder).catch(() => undefined); // Only an empty folder can be removed.
    throw error;
  }

  async function planned(): Promise<Study> {
    const paces = await measureTimes(settings, nets, data, session, terminal);
    return {
      format: 'vgg-paper',
      version: 1,
      created: new Date().toISOString(),
      engine: engine.name,
      environment: environment(engine),
      settings,
      classes: data.classes.length,
      images,
      nets,
      paces,
      plan: allot(nets, paces, images, input, settings, settings.budget - spent()),
      spent: spent(),
      trained: {},
      dense: {},
      k: Math.min(5, data.classes.length),
    };
  }
}
