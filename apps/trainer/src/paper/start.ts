/** The beginning of a study: its images looked at, each configuration measured, the budget divided. */
import { mkdir } from 'node:fs/promises';
import { VggError } from '@vgg/core';
import { spread } from '@vgg/data';
import { decodeImage } from '@vgg/data/node';
import { describeEngine, startEngine } from '../engine';
import { locateImages, type OpenedData, openTrainingData, trainingTransform } from '../images/data-set';
import { netOptions } from '../recipe/build';
import { resolveRecipe } from '../recipe/recipe';
import { SETTINGS_OFF } from '../recipe/settings';
import type { SessionArguments, TrainArguments } from '../run/arguments';
import { environment } from '../run/environment';
import { firstNet } from '../run/first-net';
import { measureSpeed, epochSeconds as secondsAtSpeed } from '../run/measure';
import type { Terminal } from '../terminal/terminal';
import { allot, inputFor, LATER_DIVISOR, type Pace, type StudyNet, studyNets } from './plan';
import { type Study, type StudySettings, studyExists } from './study';

/** What a new study is asked for; without an input, its images tell it. */
export type StudyRequest = Omit<StudySettings, 'input' | 'batch'> & { input?: number; batch?: number };

/** Images per step unless told: with few epochs many small steps learn more. */
const BATCH = 64;

/** Pictures looked at to know how large the set's are. */
const SAMPLED = 32;

/** The median of the smallest sides of some pictures, in pixels. */
async function smallestSide({ train }: OpenedData): Promise<number> {
  const some = spread(train, SAMPLED);
  const sides: number[] = [];
  for (let i = 0; i < some.length; i++) {
    const image = await decodeImage(some.location(i), some.key(i)).catch(() => undefined);
    if (image !== undefined) sides.push(Math.min(image.width, image.height));
  }
  if (sides.length === 0) throw new VggError('dataset', `none of ${some.length} images of ${train.name} can be read`);
  return sides.sort((a, b) => a - b)[Math.floor(sides.length / 2)]!;
}

/**
 * What `train` would be asked for to train a net of the study.
 * @param from the run to start from, if any.
 */
export function trainArguments(
  { data, configs: _configs, scales: _scales, budget: _budget, rate, ...settings }: StudySettings,
  net: StudyNet,
  training: { trainImages: number; epochs: number; out: string; from?: string },
  session: SessionArguments,
): TrainArguments {
  const { config, scale } = net;
  const { from, ...kept } = training;
  return {
    ...{ ...session, ...settings, ...SETTINGS_OFF, ...kept, data, config, scale },
    ...{ flip: true, colourShift: true, schedule: 'cosine', patience: 5, momentum: 0.9, init: 'he', dryRun: false },
    rate: net.from?.key === 'weights' && from !== undefined ? rate / LATER_DIVISOR : rate,
    ...(net.from && from !== undefined && { [net.from.key]: from }),
  };
}

/** Measures one configuration for a moment. */
async function measurePace(
  settings: StudySettings,
  net: StudyNet,
  data: OpenedData,
  session: SessionArguments,
  terminal: Terminal,
): Promise<Pace> {
  const asked = trainArguments(settings, net, { trainImages: data.train.length, epochs: 1, out: '' }, session);
  const recipe = resolveRecipe(asked, settings.data, data.train.length);
  const { transform } = await trainingTransform(recipe, data.train, { ...session, terminal });
  const { model } = await firstNet({ recipe, net: netOptions(recipe, data.classes.length) }, terminal);
  const shortest = Math.min(3, settings.budget / 100);
  const speed = await measureSpeed({ ...session, model, recipe, data, transform, shortest });
  model.dispose();
  const { step } = secondsAtSpeed(recipe, { train: 0, validation: 0 }, speed);
  return { trainingImage: step / recipe.batch, pixel: speed.validationImage / recipe.input ** 2 };
}

/**
 * The pace of each configuration: the better one of two rounds. Whatever else the machine does for a moment makes a net seem
 * slow; a plan too bold is mended as the study goes, one too timid is not.
 */
async function measurePaces(
  settings: StudySettings,
  nets: readonly StudyNet[],
  data: OpenedData,
  session: SessionArguments,
  terminal: Terminal,
): Promise<Record<string, Pace>> {
  const first = nets.filter(({ config }, i) => nets.findIndex((net) => net.config === config) === i);
  const paces: Record<string, Pace> = {};
  for (const net of [...first, ...first]) {
    const pace = await measurePace(settings, net, data, session, terminal);
    const before = paces[net.config] ?? pace;
    paces[net.config] = {
      trainingImage: Math.min(before.trainingImage, pace.trainingImage),
      pixel: Math.min(before.pixel, pace.pixel),
    };
  }
  const told = Object.entries(paces).map(
    ([config, { trainingImage }]) => `${config} ${(1 / trainingImage).toFixed(0)}`,
  );
  terminal.say(`images/s in training: ${told.join(', ')}`);
  return paces;
}

/**
 * Plans a study and makes its folder.
 * @param spent seconds since the command began.
 * @throws VggError `VGG_RUN` when the folder holds one already; `VGG_ARGUMENT` when the budget is too small.
 */
export async function newStudy(
  folder: string,
  { input: asked, batch, ...request }: StudyRequest,
  session: SessionArguments,
  terminal: Terminal,
  spent: () => number,
): Promise<Study> {
  if (studyExists(folder)) {
    throw new VggError(
      'run',
      `${folder} already holds a study: choose another --out, or go on with --resume ${folder}`,
    );
  }
  const path = await locateImages(request.data, terminal);
  const data = await openTrainingData(path, request);
  if (data.validation === undefined) {
    throw new VggError('dataset', `${path} has no validation images: --val-fraction above 0 keeps some`);
  }
  const images = { train: data.train.length, validation: data.validation.length };
  const input = asked ?? inputFor(await smallestSide(data));
  const settings: StudySettings = { ...request, data: path, input, batch: Math.min(batch ?? BATCH, images.train) };
  const engine = await startEngine(session.engine);
  terminal.say(describeEngine(engine));
  const nets = studyNets(settings.configs, settings.scales, input);
  await mkdir(folder, { recursive: true });
  const paces = await measurePaces(settings, nets, data, session, terminal);
  return {
    ...{ format: 'vgg-paper', version: 1, created: new Date().toISOString(), engine: engine.name },
    ...{ environment: environment(engine), settings, classes: data.classes.length, images, nets, paces },
    plan: allot(nets, paces, images, input, settings, settings.budget - spent()),
    ...{ spent: spent(), trained: {}, dense: {}, k: Math.min(5, data.classes.length) },
  };
}
