/** Lines that describe a new run before its first step: images, classes, settings, time. */
import { dispose } from '@tensorflow/tfjs-core';
import { constantError, countsOf, cropSides, type ImageSource, labelsOf, spread } from '@vgg/data';
import { decodeImage } from '@vgg/data/node';
import type { Vgg } from '@vgg/models';
import type { Recipe } from '@vgg/recipes';
import { batchSums, validationsOf } from '@vgg/train';
import type { OpenedData } from '../images/data-set';
import type { Terminal } from '../terminal/terminal';
import { epochSeconds } from './measure';

/** Number of images from which the size of all is estimated. */
const SAMPLED = 16;

/** Returns the median of the smallest sides of some images, in pixels; 0 if none of them can be read. */
export async function medianSide(images: ImageSource): Promise<number> {
  const sample = spread(images, SAMPLED);
  const sides: number[] = [];
  for (let i = 0; i < sample.length; i++) {
    const image = await decodeImage(sample.location(i), sample.key(i)).catch(() => undefined);
    if (image !== undefined) sides.push(Math.min(image.width, image.height));
  }
  return sides.sort((a, b) => a - b)[Math.floor(sides.length / 2)] ?? 0;
}

/** Number of classes whose images are counted one by one. */
const LISTED = 12;
/** Number of times by which the largest class must exceed the smallest to be called unbalanced. */
const UNBALANCED = 2;

/** Returns the lines about the classes: their images, imbalance, and the error of an answer without looking. */
export function describeClasses({ classes, train, validation }: OpenedData, recipe: Recipe): string[] {
  const counts = countsOf(labelsOf(train), classes.length);
  const order = Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]!);
  const nameOf = (index: number) => `${classes[index]} ${counts[index]}`;
  const largest = order[0]!;
  const smallest = order.at(-1)!;
  const list =
    classes.length <= LISTED
      ? order.map(nameOf).join(', ')
      : `${counts[smallest]} to ${counts[largest]} each (${nameOf(largest)}, ..., ${nameOf(smallest)})`;
  const lines = [`training images of ${classes.length} classes: ${list}`];
  if (counts[largest]! > UNBALANCED * counts[smallest]!) {
    const remedy = recipe.classWeights === 'none' && recipe.sampling === 'all';
    lines.push(
      `the classes are unbalanced: ${classes[largest]} has ${(counts[largest]! / counts[smallest]!).toFixed(1)} times the ` +
        `images of ${classes[smallest]}${remedy ? '; --class-weights balanced or --sampling balanced make up for it' : ''}`,
    );
  }
  const guess = 100 * (1 - 1 / classes.length);
  const measured = validation === undefined ? counts : countsOf(labelsOf(validation), classes.length);
  lines.push(
    `error without looking at the image: ${guess.toFixed(1)} % by guessing, ${constantError(measured).toFixed(1)} % by always ` +
      'answering the most frequent class',
  );
  const used = Math.floor(train.length / recipe.batch) * recipe.batch;
  if (used < train.length) {
    lines.push(
      `an epoch uses ${used} of the ${train.length} training images, other ones each time: whole batches of ${recipe.batch}`,
    );
  }
  return lines;
}

/** Number of images whose gradient is timed first. */
const FEW = 4;
/** Repetitions: the first one is slower. */
const TIMES = 2;
/** Seconds that a whole micro-batch may take, by the time of a few images, to be timed itself. */
const SHORT = 3;

/** Returns the seconds that the gradient of some blank images takes. Changes nothing. */
async function secondsOf(size: number, model: Vgg, { input, seed }: Recipe): Promise<number> {
  const { width, height } = cropSides(input);
  const images = new Float32Array(size * height * width * 3);
  const blank = { images, labels: new Int32Array(size), size, height, width, index: 0 };
  let seconds = 0;
  for (let i = 0; i < TIMES; i++) {
    const began = performance.now();
    const sums = await batchSums({ model, microBatches: [blank], seed, step: 0 });
    if (sums !== undefined) dispose([...sums.gradients.values(), ...sums.statistics.values()]);
    seconds = (performance.now() - began) / 1000;
  }
  return seconds;
}

/**
 * Returns the seconds that a micro-batch of the recipe takes: in proportion to a few images, and where that is short, of the whole
 * micro-batch, since a small net needs nearly as long for few images.
 */
async function secondsPerMicroBatch(model: Vgg, recipe: Recipe): Promise<number> {
  const size = Math.min(FEW, recipe.microBatch);
  const seconds = ((await secondsOf(size, model, recipe)) * recipe.microBatch) / size;
  return seconds > SHORT ? seconds : secondsOf(recipe.microBatch, model, recipe);
}

/** Returns `40 s`, `12 min`, `5.1 h` or `24 days`: a short measurement is good for two digits. */
export function span(seconds: number): string {
  const units: [name: string, seconds: number][] = [
    ['days', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  const [name, unit] = units.find(([, size]) => seconds >= 2 * size) ?? ['s', 1];
  const value = seconds / unit;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${name}`;
}

/** Duration from which a run is long: the estimate becomes a warning, with the way to a shorter one. */
const LONG = 3600;

/** Says how long the run will take, from the gradient of a few images. */
export async function sayEstimate(model: Vgg, recipe: Recipe, data: OpenedData, terminal: Terminal): Promise<void> {
  const images = { train: data.train.length, validation: data.validation?.length ?? 0 };
  const microBatch = await secondsPerMicroBatch(model, recipe);
  const speed = { microBatch, update: 0, validationImage: microBatch / recipe.microBatch / 3, measured: TIMES };
  const { step, validation } = epochSeconds(recipe, images, speed);
  const batchesPerEpoch = Math.floor(images.train / recipe.batch);
  const steps = Math.min(recipe.maxSteps ?? Number.POSITIVE_INFINITY, recipe.epochs * batchesPerEpoch);
  const validations = validationsOf({ steps, batchesPerEpoch, validateEvery: recipe.validateEvery });
  const run = steps * step + validations * validation;
  const line = `${steps} ${steps === 1 ? 'step' : 'steps'} of ${recipe.batch} images will take about ${span(run)}, a step ${span(step)}`;
  if (run < LONG) return terminal.say(line);
  terminal.warn(
    `${line}. A small net trains in minutes: "train --data DIR" without a net or a recipe; --dry-run measures more exactly`,
  );
}
