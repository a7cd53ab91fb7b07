/** Plan of a new run: its recipe, images and engine, before anything is written. */
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { listenForInterruption } from '@vgg/core/node';
import { cropText } from '@vgg/data';
import { DEMO_IMAGES, makeDemoImages } from '@vgg/data/node';
import { describeEngine, type Engine, startEngine } from '@vgg/engine';
import type { ResolvedVggOptions } from '@vgg/models';
import {
  checkArguments,
  checkCombinations,
  checkFreezing,
  initialiserOf,
  netOptions,
  optimiserOf,
  PRECLUDING,
  type Recipe,
  resolveRecipe,
  type SettingName,
  smallSettings,
} from '@vgg/recipes';
import { locateImages, type OpenedData, openTrainingData } from '../images/data-set';
import { describeData, reportDuplicates, reportSharedImages } from '../images/describe';
import type { Terminal } from '../terminal/terminal';
import type { TrainArguments } from './arguments';
import { medianSide } from './introduction';
import { checkMemory } from './memory';
import { netOfWeights, settingsOfWeights } from './net-of-weights';

/** Returns true for the demo, which draws its own images. */
export function isDemo({ recipe, data, resume }: TrainArguments): boolean {
  return recipe === 'demo' && data === undefined && resume === undefined;
}

/** Returns the folder of the images; the demo first draws its own. */
async function imagesFolder(options: TrainArguments, terminal: Terminal): Promise<string> {
  if (options.data !== undefined) return locateImages(options.data, terminal);
  if (!isDemo(options)) throw new VggError('argument', `the recipe ${options.recipe} needs images: add --data DIR`);
  const folder = resolve('runs/demo-images');
  const interruption = listenForInterruption(() =>
    terminal.say('stopping: training has not started and nothing is saved; run the same command to start again'),
  );
  try {
    if (await makeDemoImages(folder, DEMO_IMAGES, interruption.signal))
      terminal.say(`drew the demo's images in ${folder}`);
  } finally {
    interruption.end();
  }
  if (interruption.exitCode !== undefined) process.exit(interruption.exitCode);
  return folder;
}

/** A planned run: recipe resolved for the images, engine started, nothing written. */
export interface PlannedRun {
  recipe: Recipe;
  data: OpenedData;
  net: ResolvedVggOptions;
  engine: Engine;
}

/**
 * Returns the options with the net of `--weights`: its settings count unless they are options of the command line; those of a
 * recipe count too if the recipe itself names the weights.
 */
async function withNetOfWeights(options: TrainArguments, terminal: Terminal): Promise<TrainArguments> {
  const { given, fromRecipe, weights } = options;
  if (given === undefined || weights === undefined) return options;
  const known = await netOfWeights(weights, terminal);
  if (known === undefined) return options;
  const kept = given.has('weights') ? given : new Set([...given, ...(fromRecipe ?? [])]);
  return { ...options, ...settingsOfWeights(options, known, kept) };
}

/** Returns true if the settings for a small folder apply: neither a recipe nor a net is given. */
function isSmall({ given, recipe }: TrainArguments): boolean {
  return given !== undefined && recipe === undefined && !PRECLUDING.some((name) => given.has(name));
}

/** Returns the options with the settings for a small folder, and says so. */
async function withSmallSettings(
  options: TrainArguments,
  { train }: OpenedData,
  terminal: Terminal,
): Promise<TrainArguments> {
  const { given = new Set() } = options;
  const side = await medianSide(train);
  const settings = smallSettings(train.length, side, {
    epochs: given.has('epochs') ? options.epochs : undefined,
    batch: options.batch,
  });
  const unwritten = Object.entries(settings).filter(([name]) => !given.has(name as SettingName));
  const result: TrainArguments = { ...options, ...Object.fromEntries(unwritten) };
  const { config, width, input, batch, epochs, rate, schedule } = result;
  terminal.say(
    `no net or recipe is given: a small one for ${train.length} images with sides of about ${side} pixels: net ${config} with ` +
      `batch norm, width ${width}, input ${cropText(input)}, batch ${batch}, ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}, ${schedule} rate from ${rate}; for the ` +
      "paper's own settings add --recipe paper",
  );
  return result;
}

/**
 * Plans a run without writing anything.
 * @throws VggError for options that contradict each other, images that cannot be used, a net too large for the engine.
 */
export async function planRun(given: TrainArguments, terminal: Terminal): Promise<PlannedRun> {
  checkCombinations(given);
  const fetched = await withNetOfWeights(given, terminal);
  const small = isSmall(fetched);
  if (!small) checkArguments(fetched);
  initialiserOf(fetched);
  const path = await imagesFolder(fetched, terminal);
  const data = await openTrainingData(path, fetched);
  if (!isDemo(fetched)) describeData(data, terminal);
  reportSharedImages(path, data, terminal);
  if (fetched.checkDuplicates) await reportDuplicates(data, terminal);
  const options = small ? await withSmallSettings(fetched, data, terminal) : fetched;
  const recipe = resolveRecipe(options, path, data.train.length);
  if (recipe.batch > data.train.length) {
    throw new VggError(
      'argument',
      `a batch of ${recipe.batch} needs as many images, but ${path} has ${data.train.length} for training: lower --batch`,
    );
  }
  const engine = await startEngine(options.engine, options.device);
  terminal.say(describeEngine(engine));
  const net = netOptions(recipe, data.classes.length);
  checkFreezing(net, recipe);
  optimiserOf(recipe, net).dispose();
  checkMemory(net, recipe, engine.name);
  return { recipe, data, net, engine };
}
