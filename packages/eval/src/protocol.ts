/** The ways of looking at a test image (section 3.2), as data, and the checks of a request made of them. */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { didYouMean, VggError } from '@vgg/core';
import type { Rgb } from '@vgg/data';

/**
 * One way to pass an image at one scale through a net: its centre crop; the whole image through the dense view; the
 * crops of the 5x5 grid.
 */
export type Look = 'centre' | 'dense' | 'grid';

/** What each protocol averages: the posterior of `both` is the mean of dense and multi-crop. */
export const PROTOCOL_LOOKS = {
  single: ['centre'],
  dense: ['dense'],
  'multi-crop': ['grid'],
  both: ['dense', 'grid'],
} as const satisfies Record<string, readonly Look[]>;

/**
 * `single`: one centre crop, not flipped. `dense`: the whole image and its flip through the fully-convolutional net.
 * `multi-crop`: 5x5 crops and their flips, 50 a scale. `both`: the mean of dense and multi-crop.
 */
export type Protocol = keyof typeof PROTOCOL_LOOKS;

export const PROTOCOLS = Object.keys(PROTOCOL_LOOKS) as readonly Protocol[];

/** The part of a network that evaluation uses; `Vgg` of `@vgg/models` is one. */
export interface Classifier {
  readonly options: { readonly classes: number; readonly inputSize: number };
  /** Class scores before the soft-max, [n, classes], of images [n, inputSize, inputSize, 3]. */
  apply(images: Tensor4D): { readonly logits: Tensor2D };
  /** The map of class scores, [n, h', w', classes], of images of any sides from inputSize on. */
  dense(images: Tensor4D): { readonly scores: Tensor4D };
}

/** A network and what its input needs. */
export interface EvaluatedNet {
  /** What results call it. */
  readonly name: string;
  readonly model: Classifier;
  /** Mean RGB (0..255) of its training set, subtracted from every pixel. */
  readonly mean: Rgb;
  /** What pixels are then divided by (0..255); not at all unless given. */
  readonly std?: Rgb;
}

/** What is asked of each image. */
export interface Plan {
  readonly nets: readonly EvaluatedNet[];
  readonly protocols: readonly Protocol[];
  /** Every Q, the smallest side in pixels of the rescaled image. */
  readonly scales: readonly number[];
  /** Whether dense and multi-crop average over the horizontal flip too. */
  readonly flips: boolean;
}

function checkDistinct(values: readonly unknown[], what: string): void {
  if (values.length === 0) throw new VggError('argument', `evaluation needs at least one ${what}, got none`);
  const repeated = values.find((value, i) => values.indexOf(value) !== i);
  if (repeated !== undefined) throw new VggError('argument', `evaluation got the ${what} ${repeated} twice`);
}

/** @throws VggError `VGG_ARGUMENT` for what cannot be evaluated: an unknown protocol, a scale below a net's input, ... */
export function checkPlan({ nets, protocols, scales }: Plan): void {
  checkDistinct(
    nets.map(({ name }) => name),
    'net',
  );
  checkDistinct(protocols, 'protocol');
  checkDistinct(scales, 'scale');
  for (const protocol of protocols) {
    if (Object.hasOwn(PROTOCOL_LOOKS, protocol)) continue;
    const hint = didYouMean(protocol, PROTOCOLS);
    throw new VggError('argument', `unknown protocol ${protocol}${hint}; known are ${PROTOCOLS.join(', ')}`);
  }
  const { classes } = nets[0]!.model.options;
  for (const { name, model, mean } of nets) {
    if (model.options.classes !== classes) {
      throw new VggError(
        'argument',
        `nets fuse only over the same classes: ${nets[0]!.name} has ${classes}, ${name} has ${model.options.classes}`,
      );
    }
    if (mean.length !== 3 || !mean.every(Number.isFinite)) {
      throw new VggError('argument', `the mean of net ${name} must be three finite numbers, got [${mean}]`);
    }
    const small = scales.find((scale) => !Number.isInteger(scale) || scale < model.options.inputSize);
    if (small === undefined) continue;
    const least = model.options.inputSize;
    throw new VggError(
      'argument',
      `${protocols[0]} evaluation of net ${name} needs integer scales Q ≥ ${least}, got ${small}: rescale with Q ≥ ${least}`,
    );
  }
}

/** The looks that the protocols need, each once. */
export function looksOf(protocols: readonly Protocol[]): Look[] {
  return [...new Set(protocols.flatMap((protocol): readonly Look[] => PROTOCOL_LOOKS[protocol]))];
}
