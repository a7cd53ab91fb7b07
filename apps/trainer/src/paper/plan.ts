/**
 * The plan of a study: which nets are trained, from what each starts (section 3.1), and how a budget of time is divided over
 * training and evaluation. Arithmetic alone.
 */
import { VggError } from '@vgg/core';
import { scalesFor, type TrainingScale } from '@vgg/eval';
import { CONFIGURATION_NAMES, type ConfigurationName } from '@vgg/models';
import { PAPER_SCALES, type PaperScale } from './figures';

/** A net to train. */
export interface StudyNet {
  /** Its run is `nets/NAME` in the study's folder. */
  name: string;
  config: ConfigurationName;
  /** S in the paper's pixels, at an input of 224. */
  paperScale: PaperScale;
  /** S in this study's pixels. */
  scale: TrainingScale;
  /** The net that it starts from; drawn at random without one. */
  from?: { key: 'preInit' | 'weights'; net: string };
}

/** Of the epochs of a net that starts from scratch, what one gets that goes on from another scale. */
const LATER_SHARE = 0.5;
/** What divides its rate, likewise: the paper's 1e-3 after 1e-2. */
export const LATER_DIVISOR = 10;

/** With fewer epochs than this over all images, a part of the images is taken instead. */
const FEWEST_EPOCHS = 3;

/** Of the budget: dense evaluation of every net; multi-crop of the nets of Tables 5 and 6; kept for what is mismeasured. */
const DENSE_SHARE = 0.12;
const CROPS_SHARE = 0.12;
const RESERVE_SHARE = 0.08;
/** Fewer steps in an epoch than this, or fewer images evaluated, tell nothing. */
const FEWEST_STEPS = 4;
const FEWEST_EVALUATED = 50;

/** The side of the training crop for pictures of this smallest side: its multiple of 32 in the paper's proportion, 224 at most. */
export function inputFor(smallestSide: number): number {
  const proportional = (smallestSide * 224) / 256;
  return Math.min(224, Math.max(32, Math.round(proportional / 32) * 32));
}

/** One of the paper's training scales for another input than 224. */
export function scaleFor(paperScale: PaperScale, input: number): TrainingScale {
  const [low, high] = paperScale.split(':').map((side) => Math.round((Number(side) * input) / 224));
  return high === undefined ? low! : [low!, high];
}

/**
 * The nets of a study in the order of their training. At the first scale the nets deeper than A start from A's layers, if
 * A is among them; at each later scale every net goes on from its own weights of the scale before.
 */
export function studyNets(
  configs: readonly ConfigurationName[],
  scales: readonly PaperScale[],
  input: number,
): StudyNet[] {
  const inOrder = <T>(all: readonly T[], some: readonly T[]) => all.filter((one) => some.includes(one));
  const nets = inOrder(CONFIGURATION_NAMES, configs);
  const name = (config: ConfigurationName, scale: PaperScale) => `${config}-${scale.replace(':', '-')}`;
  return inOrder(PAPER_SCALES, scales).flatMap((paperScale, i, all) =>
    nets.map((config): StudyNet => {
      const before = all[i - 1];
      const deeper = config !== 'A' && config !== 'A-LRN' && nets.includes('A');
      const from =
        before !== undefined
          ? ({ key: 'weights', net: name(config, before) } as const)
          : deeper
            ? ({ key: 'preInit', net: name('A', paperScale) } as const)
            : undefined;
      return {
        name: name(config, paperScale),
        config,
        paperScale,
        scale: scaleFor(paperScale, input),
        ...(from && { from }),
      };
    }),
  );
}

/** The nets of Tables 5 and 6: the two deepest of the last scale. */
export function deepest(nets: readonly StudyNet[]): StudyNet[] {
  const last = nets.at(-1)!.paperScale;
  return nets.filter(({ paperScale }) => paperScale === last).slice(-2);
}

/** Measured of a net, in seconds. */
export interface Pace {
  /** One image of training, its share of the update included. */
  trainingImage: number;
  /** One pixel of a forward pass. */
  pixel: number;
}

export interface Images {
  train: number;
  validation: number;
}

export interface Allotment {
  /** Training images, evenly taken. */
  trainImages: number;
  /** Epochs of each net. */
  epochs: Record<string, number>;
  /** Validation images under dense evaluation. */
  denseImages: number;
  /** Validation images under multi-crop evaluation. */
  cropImages: number;
}

/** Whether a net goes on from its own weights of another scale. */
export function isLater({ from }: StudyNet): boolean {
  return from?.key === 'weights';
}

/** Seconds of one image's evaluation over the net's test scales: dense with a single crop; with the grid of crops besides. */
export function evaluationSeconds(net: StudyNet, input: number, pace: Pace): { dense: number; crops: number } {
  const scales = scalesFor(net.scale, 'multi', input);
  const dense = scales.reduce((sum, q) => sum + 2 * q * q + input * input, 0);
  return { dense: dense * pace.pixel, crops: (scales.length * 50 * input * input + dense) * pace.pixel };
}

/** Seconds of one epoch of a net with its validation. */
export function epochSeconds(pace: Pace, images: Images, input: number): number {
  return images.train * pace.trainingImage + images.validation * input * input * pace.pixel;
}

/**
 * Divides a budget: every net of the first scale gets the same epochs, every later one half of them; a slower net takes
 * more of the time, not fewer epochs.
 * @param epochs the most that a net gets.
 * @param seconds what is left of the budget.
 * @throws VggError `VGG_ARGUMENT` when that is too little for a few steps and a few images.
 */
export function allot(
  nets: readonly StudyNet[],
  paces: Readonly<Record<string, Pace>>,
  images: Images,
  input: number,
  { batch, epochs: most }: { batch: number; epochs: number },
  seconds: number,
): Allotment {
  const costs = nets.map((net) => evaluationSeconds(net, input, paces[net.config]!));
  const perImage = (kind: 'dense' | 'crops', some: readonly StudyNet[]) =>
    costs.reduce((sum, cost, i) => sum + (some.includes(nets[i]!) ? cost[kind] : 0), 0);
  const affordable = (share: number, cost: number) =>
    Math.min(images.validation, Math.max(FEWEST_EVALUATED, Math.floor((share * seconds) / cost)));
  const [dense, crops] = [perImage('dense', nets), perImage('crops', deepest(nets))];
  const denseImages = affordable(DENSE_SHARE, dense);
  const cropImages = affordable(CROPS_SHARE, crops);
  const training = seconds * (1 - RESERVE_SHARE) - denseImages * dense - cropImages * crops;

  const share = (net: StudyNet) => (isLater(net) ? LATER_SHARE : 1);
  const perEpoch = (some: Images) =>
    nets.reduce((sum, net) => sum + share(net) * epochSeconds(paces[net.config]!, some, input), 0);
  let [trainImages, epochs] = [images.train, Math.min(most, Math.floor(training / perEpoch(images)))];
  const fewest = Math.min(FEWEST_EPOCHS, most);
  if (epochs < fewest) {
    const validation = perEpoch({ train: 0, validation: images.validation });
    const forImages = training / fewest - validation;
    trainImages = Math.floor((images.train * forImages) / (perEpoch(images) - validation));
    epochs = fewest;
  }
  const least = FEWEST_STEPS * batch;
  if (trainImages < Math.min(least, images.train)) {
    const floor = FEWEST_EVALUATED * (dense + crops) + fewest * perEpoch({ ...images, train: least });
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
 * The epochs of the next net, once it is known how long those before it took: as planned, or its share of what is left;
 * 0 when not even one epoch fits.
 * @param planned seconds of this and of all remaining nets, as planned.
 */
export function epochsLeft(epochs: number, planned: { own: number; remaining: number }, secondsLeft: number): number {
  if (planned.remaining <= secondsLeft) return epochs;
  const afforded = (epochs * secondsLeft) / planned.remaining;
  if (afforded >= 1) return Math.floor(afforded);
  return planned.own / epochs <= secondsLeft ? 1 : 0;
}
