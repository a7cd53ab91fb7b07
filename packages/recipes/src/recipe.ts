/** A recipe: everything that determines what a training run computes, as plain JSON, saved with the run. */
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { type CropSize, cropSides, cropText, longerSide } from '@vgg/data';
import { SETTING_NAMES, type Settings } from './settings';

/** Settings of a run, with all that follows from the images filled in; paths are absolute, and `weights` may be a published net. */
export type Recipe = Omit<Settings, 'head' | 'data' | 'scale' | 'batch' | 'microBatch' | 'out'> & {
  data: string;
  head: 'paper' | 'small' | 'linear';
  scale: number | readonly [number, number];
  batch: number;
  microBatch: number;
};

/** Smallest number of places of the last pool for the paper's head, 4×4: 4096 units would only repeat fewer. */
const FEWEST_PLACES = 16;
/** Pixels along a side for one place of the last pool. */
const PIXELS_PER_PLACE = 32;

/** Batch size of the paper (section 3.1). */
const BATCH = 256;
const MICRO_BATCH = 32;

/** Returns the training scale in the paper's proportion, S = 256 for a crop of 224. */
function proportionalScale(input: CropSize): number {
  return Math.round((longerSide(input) * 256) / 224);
}

function smallestScale(scale: Recipe['scale']): number {
  return typeof scale === 'number' ? scale : scale[0];
}

/** Returns the divisor of the batch nearest to the usual micro-batch; a divisor of twice that or more is not considered. */
function microBatchFor(batch: number): number {
  const divisors = Array.from({ length: Math.min(batch, 2 * MICRO_BATCH) }, (_, i) => i + 1).filter(
    (size) => batch % size === 0,
  );
  const distance = (size: number) => Math.abs(size - MICRO_BATCH);
  return divisors.reduce((best, size) => (distance(size) < distance(best) ? size : best));
}

/** Returns batch and micro-batch: as given, else the paper's batch, or as many whole micro-batches as a smaller set fills. */
function batchesFor(images: number, { batch, microBatch }: Settings): Pick<Recipe, 'batch' | 'microBatch'> {
  if (batch !== undefined) return { batch, microBatch: microBatch ?? microBatchFor(batch) };
  const size = Math.min(microBatch ?? MICRO_BATCH, images);
  const most = Math.max(1, Math.floor(Math.min(BATCH, images) / size));
  return { batch: most * size, microBatch: size };
}

/**
 * Checks settings that neither weights nor the size of the images replace, so that they can be checked first of all.
 * @throws VggError `VGG_ARGUMENT` for settings that contradict each other.
 */
export function checkCombinations(settings: Settings): void {
  const { batch, microBatch, preInit, weights, optimiser, layerRates, task, regression } = settings;
  if (regression === 'shared' && task !== 'localise') {
    throw new VggError('argument', '--regression shared only applies to boxes: add --task localise');
  }
  if (optimiser === 'muon' && layerRates.length > 0) {
    throw new VggError('argument', '--layer-rates does not apply to --optimiser muon: use sgd or adamw');
  }
  if (preInit !== undefined && weights !== undefined) {
    throw new VggError('argument', '--pre-init and --weights both give the initial weights: choose one');
  }
  if (batch !== undefined && microBatch !== undefined && batch % microBatch !== 0) {
    throw new VggError(
      'argument',
      `--batch ${batch} is not a multiple of --micro-batch ${microBatch}: choose a micro-batch that divides it`,
    );
  }
}

/**
 * Checks all settings of a run, once those that follow from its weights or images have replaced the defaults.
 * @throws VggError `VGG_ARGUMENT` for settings that contradict each other.
 */
export function checkArguments(given: Settings): void {
  const { input, scale, warmUp, epochs, schedule, rate, finalRate, optimiser, batchNorm } = given;
  checkCombinations(given);
  if (warmUp >= epochs) {
    throw new VggError('argument', `--warm-up ${warmUp} takes all of --epochs ${epochs}: lower it`);
  }
  if (finalRate > 0 && schedule !== 'cosine') {
    throw new VggError(
      'argument',
      `--final-rate ${finalRate} only applies to a cosine schedule: add --schedule cosine`,
    );
  }
  if (finalRate > rate) {
    throw new VggError(
      'argument',
      `--final-rate ${finalRate} is above --rate ${rate}, at which the cosine begins: lower it`,
    );
  }
  if (optimiser === 'muon' && !batchNorm) {
    throw new VggError(
      'argument',
      '--optimiser muon keeps the norms of the weights, which works only with batch norm: add --batch-norm, or use --optimiser sgd',
    );
  }
  if (scale !== undefined && smallestScale(scale) < longerSide(input)) {
    const what = typeof input === 'number' ? 'the crop' : 'the longer side of the crop';
    throw new VggError(
      'argument',
      `--scale ${smallestScale(scale)} is below ${what}, --input ${cropText(input)}: raise the scale or lower the input`,
    );
  }
}

/** Returns the settings that are present, without `out`, which says where a run is kept and nothing of what it computes. */
function present(given: Settings): Settings {
  const names = SETTING_NAMES.filter((name) => name !== 'out' && given[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, given[name]])) as unknown as Settings;
}

/**
 * Returns the recipe for `images` training images.
 * @param data path of the data folder, absolute.
 * @throws VggError as {@link checkArguments}.
 */
export function resolveRecipe(given: Settings, data: string, images: number): Recipe {
  checkArguments(given);
  const recipe: Recipe = {
    ...present(given),
    ...batchesFor(images, given),
    data,
    head: headFor(given),
    scale: given.scale ?? proportionalScale(given.input),
  };
  if (given.preInit !== undefined) recipe.preInit = resolve(given.preInit);
  if (given.weights !== undefined) recipe.weights = weightsOf(given.weights);
  return recipe;
}

/** Returns the name of a published net as it is, and any other weights as an absolute path. A path on the disk wins over a name. */
function weightsOf(text: string): string {
  return basename(text) === text && !existsSync(text) ? text : resolve(text);
}

/** Returns the hidden fully-connected layers of the net: as given, or those that suit the size of the input. */
export function headFor({ head, input }: Pick<Settings, 'head' | 'input'>): Recipe['head'] {
  if (head !== 'auto') return head;
  const { width, height } = cropSides(input);
  const places = Math.floor(height / PIXELS_PER_PLACE) * Math.floor(width / PIXELS_PER_PLACE);
  return places < FEWEST_PLACES ? 'small' : 'paper';
}
