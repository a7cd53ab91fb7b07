/** Division of a time budget into training and evaluation. This file computes only; it trains and reads nothing. */
import { VggError } from '@vgg/core';
import { scalesFor } from '@vgg/eval';
import { byImportance, deepest, isLater, type StudyNet } from './nets';

/** Epochs of a net that starts from another scale, as a part of those of a net that starts from random weights. */
const LATER_SHARE = 0.5;
/** Divisor of its learning rate: the paper has 1e-3 after 1e-2. */
export const LATER_DIVISOR = 10;

/** Smallest numbers of epochs and of steps that show something: seeds and nets are left out so that the others reach both. */
const ENOUGH_EPOCHS = 6;
const ENOUGH_STEPS = 500;
/** Smallest number of epochs. If all images do not allow so many, a part of the images is used. */
const FEWEST_EPOCHS = 3;
/** Smallest number of nets that are compared, unless not even these fit. */
const FEWEST_NETS = 2;
/** Smallest numbers of steps in an epoch and of images evaluated. */
const FEWEST_STEPS = 4;
export const FEWEST_EVALUATED = 20;

/** Largest parts of the budget for dense evaluation of every net and for multi-crop evaluation; the reserve for wrong estimates. */
const DENSE_SHARE = 0.12;
export const CROPS_SHARE = 0.12;
const RESERVE_SHARE = 0.03;

/** Seconds for the preparation and the report of a net, before they are measured. */
const OVERHEAD = 2;

/** Measured time of a net, in seconds. */
export interface NetTime {
  /** One image of training, with its part of the update. */
  trainingImage: number;
  /** One pixel of dense evaluation, with its part of the preparation of the images. */
  densePixel: number;
  /** One pixel of multi-crop evaluation. */
  cropPixel: number;
}

/** Numbers of images. */
export interface ImageCounts {
  train: number;
  validation: number;
}

/** Division of a budget. */
export interface Allotment {
  /** Names of the nets to train; the others are trained if time is left. */
  nets: readonly string[];
  /** Number of training images, evenly spread over all. */
  trainImages: number;
  /** Epochs of each net, by its name. */
  epochs: Record<string, number>;
  /** Number of validation images for dense evaluation. */
  denseImages: number;
  /** Number of validation images for multi-crop evaluation, as far as the time allows. */
  cropImages: number;
}

/** Properties of a study on which its time depends. */
export interface StudyCosts {
  times: Readonly<Record<string, NetTime>>;
  images: ImageCounts;
  input: number;
  /** Images per step. */
  batch: number;
  /** Largest number of epochs of a net. */
  epochs: number;
}

/** Returns the number of pixels of dense evaluation of an image at the net's test scales, with a single crop at each. */
export function densePixels({ scale }: StudyNet, input: number): number {
  return scalesFor(scale, 'multi', input).reduce((sum, q) => sum + 2 * q * q + input * input, 0);
}

/** Time of an image of validation, as a part of one of training, which has a gradient too. */
const VALIDATION_SHARE = 0.5;

/** Returns the seconds to evaluate one image at the net's test scales: `dense` with a single crop, `crops` for the grid of crops. */
export function evaluationSeconds(net: StudyNet, { input, times }: Pick<StudyCosts, 'input' | 'times'>) {
  const { densePixel, cropPixel } = times[net.config]!;
  const scales = scalesFor(net.scale, 'multi', input);
  return {
    dense: densePixel * densePixels(net, input),
    crops: cropPixel * scales.length * 50 * input * input,
  };
}

/** Returns the seconds of one epoch of a net with its validation. */
export function epochTime(net: StudyNet, train: number, { times, images }: StudyCosts): number {
  return (train + VALIDATION_SHARE * images.validation) * times[net.config]!.trainingImage;
}

/** Returns the epochs of a net if one that starts from random weights has `epochs`. */
function epochsOf(net: StudyNet, epochs: number): number {
  return Math.max(1, Math.round((isLater(net) ? LATER_SHARE : 1) * epochs));
}

/** Returns the largest number of epochs, up to a limit, whose training fits into a time. */
function epochsIn(seconds: number, nets: readonly StudyNet[], train: number, costs: StudyCosts): number {
  const total = (epochs: number) =>
    nets.reduce((sum, net) => sum + epochsOf(net, epochs) * epochTime(net, train, costs), 0);
  let epochs = Math.min(costs.epochs, Math.ceil(seconds / total(1)) * 2 + 1);
  while (epochs > 0 && total(epochs) > seconds) epochs -= 1;
  return epochs;
}

/** Returns the seconds for training some nets, and the images that are evaluated in the others. */
function divide(seconds: number, nets: readonly StudyNet[], costs: StudyCosts) {
  const { validation } = costs.images;
  const dense = nets.reduce((sum, net) => sum + evaluationSeconds(net, costs).dense, 0);
  const crops = deepest(nets).reduce((sum, net) => sum + evaluationSeconds(net, costs).crops, 0);
  const affordable = (share: number, cost: number) => Math.min(validation, Math.floor((share * seconds) / cost));
  const denseImages = Math.max(Math.min(FEWEST_EVALUATED, validation), affordable(DENSE_SHARE, dense));
  const cropImages = Math.min(denseImages, affordable(CROPS_SHARE, crops));
  const training = seconds * (1 - RESERVE_SHARE) - OVERHEAD * nets.length - denseImages * dense - cropImages * crops;
  return { denseImages, cropImages, training };
}

/**
 * Divides a budget. All nets that start from random weights get the same number of epochs, those that start from another scale half
 * of it. A slower net gets more time, not fewer epochs. If the time is short, there are first fewer epochs, down to 6 epochs and
 * 500 steps; then fewer seeds, fewer nets, fewer epochs (3), fewer images.
 *
 * @param nets every net, in the order of training.
 * @param seconds time left in the budget.
 * @throws VggError `VGG_ARGUMENT` if not even one net fits.
 */
export function allot(nets: readonly StudyNet[], costs: StudyCosts, seconds: number): Allotment {
  const { images, batch } = costs;
  const steps = Math.max(1, Math.floor(images.train / batch));
  const enough = Math.min(costs.epochs, Math.max(ENOUGH_EPOCHS, Math.ceil(ENOUGH_STEPS / steps)));
  const fewest = Math.min(FEWEST_EPOCHS, costs.epochs);
  const least = Math.min(images.train, FEWEST_STEPS * batch);
  const ranked = byImportance(nets);
  const plan = (kept: readonly StudyNet[], epochs: number, trainImages: number): Allotment => {
    const { denseImages, cropImages } = divide(seconds, kept, costs);
    return {
      nets: nets.filter((net) => kept.includes(net)).map(({ name }) => name),
      trainImages,
      epochs: Object.fromEntries(nets.map((net) => [net.name, epochsOf(net, epochs)])),
      denseImages,
      cropImages,
    };
  };
  const seeds = nets.at(-1)!.seed;
  const perSeed = nets.length / seeds;
  const whole = Array.from({ length: seeds }, (_, i) => (seeds - i) * perSeed);
  const fewer = Array.from({ length: perSeed - 1 }, (_, i) => perSeed - 1 - i);
  for (const count of [...whole, ...fewer]) {
    const kept = ranked.slice(0, count);
    const epochs = epochsIn(divide(seconds, kept, costs).training, kept, images.train, costs);
    if (epochs >= (count > FEWEST_NETS ? enough : fewest)) return plan(kept, epochs, images.train);
    if (count > FEWEST_NETS) continue;
    const trainImages = imagesIn(divide(seconds, kept, costs).training / fewest, kept, costs);
    if (trainImages >= least) return plan(kept, fewest, trainImages);
  }
  const [only] = ranked;
  const one = [only!];
  if (imagesIn(divide(seconds, one, costs).training, one, costs) >= least) return plan(one, 1, least);
  const floor = OVERHEAD + FEWEST_EVALUATED * evaluationSeconds(only!, costs).dense + epochTime(only!, least, costs);
  const needed = floor / (1 - RESERVE_SHARE - DENSE_SHARE - CROPS_SHARE);
  throw new VggError(
    'argument',
    `${Math.round(seconds)} s are too few for one net: raise --budget by ${formatSpan(needed - seconds)} or more, ` +
      'or lower --width or --input',
  );
}

function formatSpan(seconds: number): string {
  return seconds < 90 ? `${Math.max(1, Math.ceil(seconds))}s` : `${Math.ceil(seconds / 60)}m`;
}

/** Returns the number of training images of which an epoch of each net fits into a time. */
function imagesIn(seconds: number, nets: readonly StudyNet[], costs: StudyCosts): number {
  const fixed = nets.reduce((sum, net) => sum + epochTime(net, 0, costs), 0);
  const perImage = nets.reduce((sum, net) => sum + costs.times[net.config]!.trainingImage, 0);
  return Math.min(costs.images.train, Math.floor((seconds - fixed) / perImage));
}

/** Part of its planned epochs that a net gets at least, as long as others can be left out for it. */
const FAIR_SHARE = 0.8;

/** Course of a study so far, from which the epochs of its next net follow. */
export interface Course {
  /** Time of training so far, divided by its estimate. */
  slowness: number;
  /** Seconds that a net takes in addition to its training and its evaluation. */
  overhead: number | undefined;
  /** Seconds that are left for the nets and their dense evaluation. */
  secondsLeft: number;
}

/** Returns the seconds that a net will take: preparation, training, dense evaluation. */
export function netSeconds(net: StudyNet, plan: Allotment, costs: StudyCosts, course: Course): number {
  const training = plan.epochs[net.name]! * epochTime(net, plan.trainImages, costs);
  const evaluation = plan.denseImages * evaluationSeconds(net, costs).dense;
  return (course.overhead ?? OVERHEAD) + course.slowness * (training + evaluation);
}

/**
 * Returns the epochs of the next net, 0 to leave it out. If training is slower than planned, other nets that show less are left
 * out later, so that this one is not trained for less than the ones before; if that is not enough, it gets fewer epochs.
 *
 * @param left the planned nets that are not yet trained, this one among them, or this one alone.
 */
export function epochsFor(
  net: StudyNet,
  left: readonly StudyNet[],
  plan: Allotment,
  costs: StudyCosts,
  course: Course,
): number {
  const planned = plan.epochs[net.name]!;
  const ranked = byImportance(left);
  const seconds = (kept: readonly StudyNet[]) =>
    kept.reduce((sum, one) => sum + netSeconds(one, plan, costs, course), 0);
  for (let count = ranked.length; count > 0; count--) {
    const kept = ranked.slice(0, count);
    if (!kept.includes(net)) return 0;
    const share = course.secondsLeft / seconds(kept);
    if (share >= 1) return planned;
    if (share >= FAIR_SHARE || count === 1) return Math.min(planned, Math.floor(planned * share));
  }
  return 0;
}
