/**
 * Plan of a study: the nets to train, the initial weights of each (section 3.1), and the division of a time budget into
 * training and evaluation. This file computes only; it trains and reads nothing.
 */
import { VggError } from '@vgg/core';
import { scalesFor, type TrainingScale } from '@vgg/eval';
import { CONFIGURATION_NAMES, type ConfigurationName } from '@vgg/models';
import { PAPER_SCALES, type PaperScale } from './figures';

/** Net to train. */
export interface StudyNet {
  /** Name; the run is `nets/NAME` in the folder of the study. */
  name: string;
  config: ConfigurationName;
  /** Training scale S of the paper, in pixels at an input of 224. */
  paperScale: PaperScale;
  /** Training scale S of this study, in pixels. */
  scale: TrainingScale;
  /** Net that it starts from. Default random weights. */
  from?: { key: 'preInit' | 'weights'; net: string } | undefined;
}

/** Epochs of a net that starts from another scale, as a part of those of a net that starts from random weights. */
const LATER_SHARE = 0.5;
/** Divisor of its learning rate: the paper has 1e-3 after 1e-2. */
export const LATER_DIVISOR = 10;

/** Smallest number of epochs. If all images do not allow so many, a part of the images is used. */
const FEWEST_EPOCHS = 3;

/** Parts of the budget: dense evaluation of every net, multi-crop evaluation for Tables 5 and 6, reserve for wrong estimates. */
const DENSE_SHARE = 0.12;
const CROPS_SHARE = 0.12;
const RESERVE_SHARE = 0.08;
/** Smallest numbers of steps in an epoch and of images evaluated that give meaningful results. */
const FEWEST_STEPS = 4;
const FEWEST_EVALUATED = 50;

/** Returns the side of the training crop for images of this smallest side: a multiple of 32 in the paper's proportion, at most 224. */
export function inputFor(smallestSide: number): number {
  const proportional = (smallestSide * 224) / 256;
  return Math.min(224, Math.max(32, Math.round(proportional / 32) * 32));
}

/** Returns a training scale of the paper for another input than 224. */
export function scaleFor(paperScale: PaperScale, input: number): TrainingScale {
  const [low, high] = paperScale.split(':').map((side) => Math.round((Number(side) * input) / 224));
  return high === undefined ? low! : [low!, high];
}

/**
 * Returns the nets of a study in the order of their training. At the first scale the nets deeper than A start from the
 * layers of A, if A is one of the nets. At each later scale every net starts from its own weights of the scale before.
 */
export function studyNets(
  configs: readonly ConfigurationName[],
  scales: readonly PaperScale[],
  input: number,
): StudyNet[] {
  const inOrder = <T>(all: readonly T[], selection: readonly T[]) => all.filter((one) => selection.includes(one));
  const nets = inOrder(CONFIGURATION_NAMES, configs);
  const name = (config: ConfigurationName, scale: PaperScale) => `${config}-${scale.replace(':', '-')}`;
  return inOrder(PAPER_SCALES, scales).flatMap((paperScale, i, all) =>
    nets.map((config): StudyNet => {
      const before = all[i - 1];
      const deeper = config !== 'A' && config !== 'A-LRN' && nets.includes('A');
      const net = { name: name(config, paperScale), config, paperScale, scale: scaleFor(paperScale, input) };
      if (before !== undefined) return { ...net, from: { key: 'weights', net: name(config, before) } };
      return deeper ? { ...net, from: { key: 'preInit', net: name('A', paperScale) } } : net;
    }),
  );
}

/** Returns the nets of Tables 5 and 6: the two deepest of the last scale. */
export function deepest(nets: readonly StudyNet[]): StudyNet[] {
  const last = nets.at(-1)!.paperScale;
  return nets.filter(({ paperScale }) => paperScale === last).slice(-2);
}

/** Measured time of a net, in seconds. */
export interface NetTime {
  /** One image of training, with its part of the update. */
  trainingImage: number;
  /** One pixel of a forward pass. */
  pixel: number;
}

export interface Images {
  train: number;
  validation: number;
}

export interface Allotment {
  /** Number of training images, evenly spread over all. */
  trainImages: number;
  /** Epochs of each net, by its name. */
  epochs: Record<string, number>;
  /** Number of validation images for dense evaluation. */
  denseImages: number;
  /** Number of validation images for multi-crop evaluation. */
  cropImages: number;
}

/** Returns true for a net that starts from its own weights of another scale. */
export function isLater({ from }: StudyNet): boolean {
  return from?.key === 'weights';
}

/** Returns the seconds to evaluate one image at the net's test scales: `dense` with a single crop, `crops` with the grid of crops too. */
export function evaluationSeconds(net: StudyNet, input: number, time: NetTime): { dense: number; crops: number } {
  const scales = scalesFor(net.scale, 'multi', input);
  const dense = scales.reduce((sum, q) => sum + 2 * q * q + input * input, 0);
  return { dense: dense * time.pixel, crops: (scales.length * 50 * input * input + dense) * time.pixel };
}

/** Returns the seconds of one epoch of a net with its validation. */
export function epochTime(time: NetTime, images: Images, input: number): number {
  return images.train * time.trainingImage + images.validation * input * input * time.pixel;
}

/**
 * Divides a budget. Every net of the first scale gets the same number of epochs, every later one half of it. A slower net
 * gets more time, not fewer epochs.
 *
 * @param epochs largest number of epochs of a net.
 * @param seconds time left in the budget.
 * @throws VggError `VGG_ARGUMENT` if that is too little for a few steps and a few images.
 */
export function allot(
  nets: readonly StudyNet[],
  times: Readonly<Record<string, NetTime>>,
  images: Images,
  input: number,
  { batch, epochs: most }: { batch: number; epochs: number },
  seconds: number,
): Allotment {
  const costs = nets.map((net) => evaluationSeconds(net, input, times[net.config]!));
  const tested = deepest(nets);
  const affordable = (share: number, cost: number) =>
    Math.min(images.validation, Math.max(FEWEST_EVALUATED, Math.floor((share * seconds) / cost)));
  const dense = costs.reduce((sum, cost) => sum + cost.dense, 0);
  const crops = costs.reduce((sum, cost, i) => sum + (tested.includes(nets[i]!) ? cost.crops : 0), 0);
  const denseImages = affordable(DENSE_SHARE, dense);
  const cropImages = affordable(CROPS_SHARE, crops);
  const training = seconds * (1 - RESERVE_SHARE) - denseImages * dense - cropImages * crops;

  const share = (net: StudyNet) => (isLater(net) ? LATER_SHARE : 1);
  const perEpoch = (used: Images) =>
    nets.reduce((sum, net) => sum + share(net) * epochTime(times[net.config]!, used, input), 0);
  let trainImages = images.train;
  let epochs = Math.min(most, Math.floor(training / perEpoch(images)));
  const fewest = Math.min(FEWEST_EPOCHS, most);
  if (epochs < fewest) {
    const validation = perEpoch({ train: 0, validation: images.validation });
    const forImages = training / fewest - validation;
    trainImages = Math.floor((images.train * forImages) / (perEpoch(images) - validation));
    epochs = fewest;
  }
  const least = FEWEST_STEPS * batch;
  if (trainImages < Math.min(least, images.train)) {
    const floor =
      Math.min(FEWEST_EVALUATED, images.validation) * (dense + crops) + fewest * perEpoch({ ...images, train: least });
    const minutes = Math.ceil(floor / (1 - RESERVE_SHARE - DENSE_SHARE - CROPS_SHARE) / 60);
    throw new VggError(
      'argument',
      `${Math.round(seconds)} s are too few for ${nets.length} nets: raise --budget to ${minutes}m or more, or lower --width ` +
        'or --input, or ask for fewer --configs or --scales',
    );
  }
  const epochsOf = (net: StudyNet) => Math.max(1, Math.round(share(net) * epochs));
  return {
    trainImages,
    epochs: Object.fromEntries(nets.map((net) => [net.name, epochsOf(net)])),
    denseImages,
    cropImages,
  };
}

/**
 * Returns the epochs of the next net, from the time left after the nets before it: as planned, or its share of the time left,
 * or 0 if there is no time for one epoch.
 *
 * @param planned planned seconds of this net, and of all remaining nets.
 */
export function epochsLeft(epochs: number, planned: { own: number; remaining: number }, secondsLeft: number): number {
  if (planned.remaining <= secondsLeft) return epochs;
  const affordable = (epochs * secondsLeft) / planned.remaining;
  if (affordable >= 1) return Math.floor(affordable);
  return planned.own / epochs <= secondsLeft ? 1 : 0;
}
