/** A recipe: everything that determines what a training run computes, as plain JSON, saved with the run. */
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import {
  type ConfigurationName,
  glorotInitialiser,
  heInitialiser,
  type Initialiser,
  normalInitialiser,
  type ResolvedVggOptions,
  resolveOptions,
} from '@vgg/models';
import { constant, cosine, plateau, type Schedule } from '@vgg/optim';

/** What the command line gives; what it leaves out follows from the data or from other options. */
export interface RecipeArguments {
  data?: string;
  valFraction: number;
  config: ConfigurationName;
  batchNorm: boolean;
  width: number;
  input: number;
  head: 'auto' | 'paper' | 'small' | 'linear';
  dropout: number;
  scale?: number | readonly [number, number];
  flip: boolean;
  colourShift: boolean;
  batch?: number;
  microBatch?: number;
  epochs: number;
  /** The run ends after so many steps, if its epochs did not end it before. */
  maxSteps?: number;
  rate: number;
  schedule: 'plateau' | 'cosine' | 'constant';
  patience: number;
  momentum: number;
  weightDecay: number;
  init: string;
  preInit?: string;
  weights?: string;
  seed: number;
}

export interface Recipe extends Required<Omit<RecipeArguments, 'head' | 'maxSteps' | 'preInit' | 'weights'>> {
  head: 'paper' | 'small' | 'linear';
  maxSteps?: number;
  /** A run of net A, absolute: pre-initialisation (section 3.1). */
  preInit?: string;
  /** A run of the same net whose weights this one starts with, absolute. */
  weights?: string;
}

/** Below this input side the last pool is smaller than 4×4, and 4096 units would only repeat it. */
const SMALLEST_PAPER_INPUT = 128;

/** The paper's batch. */
const BATCH = 256;
const MICRO_BATCH = 32;

/** The paper's S = 256 for a crop of 224, in proportion. */
function proportionalScale(input: number): number {
  return Math.round((input * 256) / 224);
}

function smallestScale(scale: Recipe['scale']): number {
  return typeof scale === 'number' ? scale : scale[0];
}

/** The divisor of the batch nearest to the usual micro-batch: from twice that on, 1 is nearer. */
function microBatchFor(batch: number): number {
  const divisors = Array.from({ length: Math.min(batch, 2 * MICRO_BATCH) }, (_, i) => i + 1).filter(
    (size) => batch % size === 0,
  );
  const distance = (size: number) => Math.abs(size - MICRO_BATCH);
  return divisors.reduce((best, size) => (distance(size) < distance(best) ? size : best));
}

/** Batch and micro-batch: as given, else the paper's batch or what a smaller set fills with whole micro-batches. */
function batchesFor(images: number, { batch, microBatch }: RecipeArguments): Pick<Recipe, 'batch' | 'microBatch'> {
  if (batch !== undefined) return { batch, microBatch: microBatch ?? microBatchFor(batch) };
  const size = Math.min(microBatch ?? MICRO_BATCH, images);
  const most = Math.max(1, Math.floor(Math.min(BATCH, images) / size));
  return { batch: most * size, microBatch: size };
}

/** @throws VggError `VGG_ARGUMENT` for options that contradict each other, before any image is read. */
export function checkArguments({ batch, microBatch, input, scale, preInit, weights }: RecipeArguments): void {
  if (preInit !== undefined && weights !== undefined) {
    throw new VggError('argument', '--pre-init and --weights both say what the run starts from: choose one');
  }
  if (batch !== undefined && microBatch !== undefined && batch % microBatch !== 0) {
    throw new VggError(
      'argument',
      `--batch ${batch} is not a multiple of --micro-batch ${microBatch}: choose a micro-batch that divides it`,
    );
  }
  if (scale !== undefined && smallestScale(scale) < input) {
    throw new VggError(
      'argument',
      `--scale ${smallestScale(scale)} is below the crop, --input ${input}: raise the scale or lower the input`,
    );
  }
}

/**
 * The recipe for `images` training images.
 * @param data the data folder, absolute.
 */
export function resolveRecipe(given: RecipeArguments, data: string, images: number): Recipe {
  checkArguments(given);
  return {
    ...pick(given),
    data,
    head: headFor(given),
    scale: given.scale ?? proportionalScale(given.input),
    ...batchesFor(images, given),
    ...(given.maxSteps !== undefined && { maxSteps: given.maxSteps }),
    ...(given.preInit !== undefined && { preInit: resolve(given.preInit) }),
    ...(given.weights !== undefined && { weights: resolve(given.weights) }),
  };
}

/** The arguments that belong to a recipe, without those of the session. */
function pick(
  given: RecipeArguments,
): Omit<Recipe, 'data' | 'head' | 'scale' | 'batch' | 'microBatch' | 'maxSteps' | 'preInit' | 'weights'> {
  const { valFraction, config, batchNorm, width, input, dropout, flip, colourShift } = given;
  const { epochs, rate, schedule, patience, momentum, weightDecay, init, seed } = given;
  return {
    ...{ valFraction, config, batchNorm, width, input, dropout, flip, colourShift },
    ...{ epochs, rate, schedule, patience, momentum, weightDecay, init, seed },
  };
}

export function headFor({ head, input }: Pick<RecipeArguments, 'head' | 'input'>): Recipe['head'] {
  if (head !== 'auto') return head;
  return input < SMALLEST_PAPER_INPUT ? 'small' : 'paper';
}

type NetRecipe = Pick<Recipe, 'config' | 'batchNorm' | 'width' | 'input' | 'head' | 'dropout'>;

export function netOptions(recipe: NetRecipe, classes: number): ResolvedVggOptions {
  const { config, batchNorm, width, input, head, dropout } = recipe;
  return resolveOptions({ configuration: config, batchNorm, width, inputSize: input, head, dropout, classes });
}

/** @param steps steps of the whole run. */
export function scheduleOf({ schedule, rate, patience }: Recipe, steps: number): Schedule {
  if (schedule === 'plateau') return plateau({ rate, patience }) as Schedule;
  return schedule === 'cosine' ? cosine({ rate, steps }) : constant(rate);
}

/**
 * How weights that no other run gives are drawn.
 * @throws VggError `VGG_ARGUMENT` for anything but glorot, he and normal:SIGMA.
 */
export function initialiserOf({ init, seed }: Pick<Recipe, 'init' | 'seed'>): Initialiser {
  if (init === 'glorot') return glorotInitialiser({ seed });
  if (init === 'he') return heInitialiser({ seed });
  const sigma = Number(/^normal:(.+)$/.exec(init)?.[1]);
  if (sigma > 0 && Number.isFinite(sigma)) return normalInitialiser({ seed, sigma });
  throw new VggError(
    'argument',
    `--init ${init}: expected glorot, he or normal:SIGMA (0.1 in the paper, 0.01 elsewhere)`,
  );
}
