/** A recipe: everything that determines what a training run computes, as plain JSON, saved with the run. */
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import {
  type ConfigurationName,
  glorotInitialiser,
  heInitialiser,
  type Initialiser,
  layersNamed,
  normalInitialiser,
  type ResolvedVggOptions,
  resolveOptions,
} from '@vgg/models';
import {
  constant,
  cosine,
  DECAY_WEIGHTS_ONLY,
  MomentumSgd,
  Muon,
  type Optimiser,
  type ParameterGroup,
  plateau,
  warmUp as rateWarmUp,
  type Schedule,
} from '@vgg/optim';
import type { FitOptions } from '@vgg/train';

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
  /** Trains on so many images, taken evenly over the set. */
  trainImages?: number;
  epochs: number;
  /** The run ends after so many steps, if its epochs did not end it before. */
  maxSteps?: number;
  rate: number;
  schedule: 'plateau' | 'cosine' | 'constant';
  /** Where a cosine ends. */
  finalRate: number;
  patience: number;
  /** Epochs, any fraction; 0 for none. */
  warmUp: number;
  optimiser: 'sgd' | 'muon';
  momentum: number;
  weightDecay: number;
  /** Probability that a rectangle of a crop is erased; 0 for never. */
  randomErasing: number;
  /** 0 for none. */
  labelSmoothing: number;
  /** Probability that a micro-batch's pictures get parts of each other; 0 for never. */
  cutMix: number;
  /** The greatest norm of a step's gradient; 0 for any. */
  clipNorm: number;
  /** Decay of the averaged weights; 0 where they are not averaged. */
  averageDecay: number;
  /** Validations without improvement that end the run; 0 for none. */
  earlyStop: number;
  /** Epochs from one validation to the next; the last epoch has one besides. */
  validateEvery: number;
  /** Layers, stages or groups that stay as they are. */
  freeze: readonly string[];
  init: string;
  preInit?: string;
  weights?: string;
  seed: number;
}

export interface Recipe
  extends Required<Omit<RecipeArguments, 'head' | 'trainImages' | 'maxSteps' | 'preInit' | 'weights'>> {
  head: 'paper' | 'small' | 'linear';
  trainImages?: number;
  maxSteps?: number;
  /** A run of net A, absolute: pre-initialisation (section 3.1). */
  preInit?: string;
  /** A run of the same net whose weights this one starts with, absolute. */
  weights?: string;
}

/** Below this input side the last pool is smaller than 4×4, and 4096 units would only repeat it. */
const SMALLEST_PAPER_INPUT = 128;

/** What the paper does without, off: for records of runs that know nothing of it. */
export const EXTRAS_OFF = {
  ...{ warmUp: 0, randomErasing: 0, labelSmoothing: 0, cutMix: 0, clipNorm: 0, averageDecay: 0, earlyStop: 0 },
  freeze: [] as readonly string[],
  optimiser: 'sgd' as const,
  finalRate: 0,
  validateEvery: 1,
};

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
export function checkArguments(given: RecipeArguments): void {
  const { batch, microBatch, input, scale, preInit, weights, warmUp, epochs, optimiser, batchNorm } = given;
  const { schedule, rate, finalRate } = given;
  if (warmUp >= epochs) {
    throw new VggError('argument', `--warm-up ${warmUp} takes all of --epochs ${epochs}: lower it`);
  }
  if (finalRate > 0 && schedule !== 'cosine') {
    throw new VggError('argument', `--final-rate ${finalRate} is where a cosine ends: add --schedule cosine`);
  }
  if (finalRate > rate) {
    throw new VggError(
      'argument',
      `--final-rate ${finalRate} is above --rate ${rate}, where the cosine begins: lower it`,
    );
  }
  if (optimiser === 'muon' && !batchNorm) {
    throw new VggError(
      'argument',
      '--optimiser muon keeps the size of the weights, which only batch norm makes up for: add --batch-norm or take sgd',
    );
  }
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
    ...(given.trainImages !== undefined && { trainImages: given.trainImages }),
    ...(given.maxSteps !== undefined && { maxSteps: given.maxSteps }),
    ...(given.preInit !== undefined && { preInit: resolve(given.preInit) }),
    ...(given.weights !== undefined && { weights: resolve(given.weights) }),
  };
}

/** The arguments that belong to a recipe, without those of the session. */
function pick(
  given: RecipeArguments,
): Omit<
  Recipe,
  'data' | 'head' | 'scale' | 'batch' | 'microBatch' | 'trainImages' | 'maxSteps' | 'preInit' | 'weights'
> {
  const { valFraction, config, batchNorm, width, input, dropout, flip, colourShift } = given;
  const { epochs, rate, finalRate, schedule, patience, warmUp, optimiser, momentum, weightDecay, init, seed } = given;
  const { randomErasing, labelSmoothing, cutMix, clipNorm, averageDecay, earlyStop, validateEvery, freeze } = given;
  return {
    ...{ valFraction, config, batchNorm, width, input, dropout, flip, colourShift },
    ...{ epochs, rate, finalRate, schedule, patience, warmUp, optimiser, momentum, weightDecay, init, seed },
    ...{ randomErasing, labelSmoothing, cutMix, clipNorm, averageDecay, earlyStop, validateEvery, freeze },
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

/** @throws VggError `VGG_ARGUMENT` when a name to freeze is no layer of the net, or nothing is left to train. */
export function checkFreezing(net: ResolvedVggOptions, { freeze }: Pick<Recipe, 'freeze'>): void {
  const frozen = new Set(layersNamed(net, freeze));
  if (layersNamed(net, ['features', 'classifier']).some((layer) => !frozen.has(layer))) return;
  throw new VggError('argument', `--freeze ${freeze.join()} freezes every layer: leave one to train`);
}

/** @param epochSteps steps of an epoch. */
export function scheduleOf(recipe: Recipe, epochSteps: number): Schedule {
  const { schedule, rate, finalRate, patience, warmUp, epochs, maxSteps = Number.POSITIVE_INFINITY } = recipe;
  const first = Math.round(warmUp * epochSteps);
  const steps = Math.max(1, Math.min(epochs * epochSteps, maxSteps) - first);
  const rest = {
    plateau: () => plateau({ rate, patience }) as Schedule,
    cosine: () => cosine({ rate, steps, floor: finalRate }) as Schedule,
    constant: () => constant(rate) as Schedule,
  }[schedule]();
  return first > 0 ? rateWarmUp(first, rest) : rest;
}

/**
 * What Muon leaves to momentum SGD: at its rate fully-connected layers overshoot, whose gradients grow with the features
 * that they see (docs/decisions/0103).
 */
const BESIDE_MUON: readonly ParameterGroup[] = [
  { match: 'fc*.weight', rateMultiple: 1 / 6 },
  { match: 'fc*.bias', rateMultiple: 1 / 6, decayMultiple: 0 },
  ...DECAY_WEIGHTS_ONLY,
];

/** What updates the weights; whoever asks disposes it. */
export function optimiserOf({
  optimiser,
  momentum,
  weightDecay,
}: Pick<Recipe, 'optimiser' | 'momentum' | 'weightDecay'>): Optimiser {
  const sgd = { rule: 'caffe', momentum, weightDecay } as const;
  return optimiser === 'muon'
    ? new Muon({ rest: new MomentumSgd({ ...sgd, groups: BESIDE_MUON }) })
    : new MomentumSgd(sgd);
}

/** What a run of the recipe trains with that the paper does without: each left out where its option is 0. */
export function extrasOf({
  labelSmoothing,
  cutMix,
  clipNorm,
  averageDecay,
  earlyStop,
}: Recipe): Pick<FitOptions, 'labelSmoothing' | 'cutMix' | 'clipNorm' | 'averageDecay' | 'earlyStop'> {
  const extras = { labelSmoothing, cutMix, clipNorm, averageDecay, earlyStop };
  return Object.fromEntries(Object.entries(extras).filter(([, value]) => value > 0));
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
