/** `train --dry-run`: prints the resolved recipe, its memory, and the time of an epoch, measured on a few real steps. */
import { availableParallelism, totalmem } from 'node:os';
import { spread } from '@vgg/data';
import type { EngineName } from '@vgg/engine';
import { createVgg, type ResolvedVggOptions, type Vgg } from '@vgg/models';
import type { Recipe } from '@vgg/recipes';
import { formatRecipe, initialiserOf } from '@vgg/recipes';
import { validationsOf } from '@vgg/train';
import { trainingTransform } from '../images/data-set';
import type { TrainArguments } from '../run/arguments';
import { checkPredecessor, firstNet } from '../run/first-net';
import { span } from '../run/introduction';
import { epochSeconds, measureSpeed, type Speed } from '../run/measure';
import { trainingMemory } from '../run/memory';
import { type PlannedRun, planRun } from '../run/plan';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

/** Number of images for the statistics: the speed does not depend on them, so a sample is enough. */
const STATISTICS_IMAGES = 256;

/** Returns the first net of a recipe; initialised randomly if the run that it starts from does not exist yet. */
async function netToMeasure({ recipe, net, data }: PlannedRun, terminal: Terminal): Promise<Vgg> {
  try {
    await checkPredecessor(recipe, terminal);
  } catch (error) {
    terminal.warn((error as Error).message);
    return createVgg(net, initialiserOf(recipe));
  }
  return (await firstNet({ recipe, net, classes: data.classes }, terminal)).model;
}

/** `25 MiB`, `1.9 GiB`. */
function bytes(count: number): string {
  return count < 2 ** 30 ? `${(count / 2 ** 20).toFixed(0)} MiB` : `${(count / 2 ** 30).toFixed(1)} GiB`;
}

export interface DryRun {
  recipe: Recipe;
  out: string | undefined;
  net: ResolvedVggOptions;
  engine: EngineName;
  images: { train: number; validation: number };
  /** Bytes: by the net's numbers; the most that this whole process took; the machine's. */
  memory: { computed: number; measured: number; machine: number };
  seconds: { step: number; training: number; validation: number; epoch: number; run: number };
  steps: number;
  epochs: number;
  speed: Speed;
}

/** @param shortest seconds measured, at least. */
export async function planAndMeasure(options: TrainArguments, terminal: Terminal, shortest?: number): Promise<DryRun> {
  const planned = await planRun(options, terminal);
  const { recipe, data, net, engine } = planned;
  const images = { train: data.train.length, validation: data.validation?.length ?? 0 };
  const { workers, strict, out } = options;
  const sample = spread(data.train, STATISTICS_IMAGES);
  const { transform } = await trainingTransform(recipe, sample, { workers, strict, terminal });
  const model = await netToMeasure(planned, terminal);
  terminal.say(`measuring a few steps of ${recipe.microBatch} images`);
  const speed = await measureSpeed({
    model,
    recipe,
    data,
    transform,
    workers,
    strict,
    shortest,
  });
  model.dispose();

  const { step, training, validation } = epochSeconds(recipe, images, speed);
  const perEpoch = Math.floor(images.train / recipe.batch);
  const steps = Math.min(recipe.maxSteps ?? Number.POSITIVE_INFINITY, recipe.epochs * perEpoch);
  const epochs = steps / perEpoch;
  const epoch = training + validation;
  const validations = validationsOf({ steps, batchesPerEpoch: perEpoch, validateEvery: recipe.validateEvery });
  const memory = {
    computed: trainingMemory(net, recipe),
    measured: process.resourceUsage().maxRSS * 1024,
    machine: totalmem(),
  };
  const seconds = { step, training, validation, epoch, run: steps * step + validations * validation };
  return { recipe, net, engine: engine.name, images, memory, seconds, steps, epochs, speed, out };
}

export async function dryRun(options: TrainArguments, terminal: Terminal): Promise<void> {
  const planned = await planAndMeasure(options, terminal);
  if (options.json) return print(JSON.stringify(planned, null, 2));
  const { recipe, out, net, images, engine, memory, seconds, steps, epochs } = planned;
  await print(`${formatRecipe({ ...recipe, out })}
images   ${images.train} for training, ${images.validation} for validation, ${net.classes} classes
memory   ${bytes(memory.computed)} for the net, ${bytes(memory.measured)} measured for the whole process, of ${bytes(memory.machine)}
speed    ${(recipe.batch / seconds.step).toPrecision(2)} images/s (engine ${engine}, ${availableParallelism()} cores), ${span(seconds.step)} a step of ${recipe.batch}
epoch    ${span(seconds.epoch)}: ${span(seconds.training)} training, ${span(seconds.validation)} validation
run      at most ${span(seconds.run)}: ${steps} steps, ${Number(epochs.toPrecision(3))} epochs`);
}
