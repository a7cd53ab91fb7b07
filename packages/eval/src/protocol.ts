/** Test protocols (section 3.2) as data, and the checks of an evaluation plan. */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { didYouMean, VggError } from '@vgg/core';
import { type CropSize, cropSides, longerSide, type Rgb, type Size } from '@vgg/data';

/**
 * Kind of view of an image at one scale: its centre crop; the whole image, for the net's dense view; the crops of the 5x5
 * grid.
 */
export type ViewKind = 'centre' | 'dense' | 'grid';

/** Kinds of views that each protocol averages: the posterior of `both` is the mean of dense and multi-crop. */
export const PROTOCOL_VIEWS = {
  single: ['centre'],
  dense: ['dense'],
  'multi-crop': ['grid'],
  both: ['dense', 'grid'],
} as const satisfies Record<string, readonly ViewKind[]>;

/**
 * Test protocol. `single`: one centre crop, not flipped. `dense`: the whole image and its flip through the
 * fully-convolutional net. `multi-crop`: 5x5 crops and their flips, 50 per scale. `both`: the mean of dense and multi-crop.
 */
export type Protocol = keyof typeof PROTOCOL_VIEWS;

export const PROTOCOLS = Object.keys(PROTOCOL_VIEWS) as readonly Protocol[];

/** Part of a net that evaluation uses; `Vgg` of `@vgg/models` is one. */
export interface Classifier {
  readonly options: {
    readonly classes: number;
    /** Side of the square input, or its height and width. */
    readonly inputSize: CropSize;
    /** Number of channels of the input: 3 for RGB, 1 for grey. Default 3. */
    readonly channels?: number | undefined;
    /** Table of the net, if it is not of the paper: its max-pools are the entries `pool` and `M`. */
    readonly configuration?: unknown;
  };
  /** Returns the class scores before the soft-max, [n, classes], of images [n, height, width, channels] of the input size. */
  apply(images: Tensor4D): { readonly logits: Tensor2D };
  /** Returns the map of class scores, [n, h', w', classes], of images whose sides are at least inputSize. */
  dense(images: Tensor4D): { readonly scores: Tensor4D };
}

/** Returns width and height of a net's input. */
export function inputSides({ options: { inputSize } }: Pick<Classifier, 'options'>): Size {
  return cropSides(inputSize);
}

/** Net to evaluate, with the normalisation of its input. */
export interface EvaluatedNet<Model extends Classifier = Classifier> {
  /** Name of the net in results. */
  readonly name: string;
  readonly model: Model;
  /** Mean RGB (0..255) of its training set, subtracted from every pixel; for a net of grey images three equal numbers. */
  readonly mean: Rgb;
  /** Standard deviation (0..255) by which pixels are then divided. Default [1, 1, 1]. */
  readonly std?: Rgb | undefined;
  /** Every Q of this net, in pixels: nets trained at different S are fused each at its own Q. Default that of the evaluation. */
  readonly scales?: readonly number[] | undefined;
}

/** Nets, protocols and scales with which every image is evaluated. */
export interface Plan {
  readonly nets: readonly EvaluatedNet[];
  readonly protocols: readonly Protocol[];
  /** Every Q of the nets without their own, the smallest side of the rescaled image in pixels. */
  readonly scales: readonly number[];
  /** True if dense and multi-crop evaluation also average over the horizontal flip. */
  readonly flips: boolean;
}

/** Returns every Q of a net. */
export function scalesOf({ scales: own }: EvaluatedNet, { scales }: Pick<Plan, 'scales'>): readonly number[] {
  return own ?? scales;
}

/** Returns every Q of some nets, in ascending order if the nets differ. */
export function allScales(nets: readonly EvaluatedNet[], plan: Pick<Plan, 'scales'>): readonly number[] {
  const lists = nets.map((net) => scalesOf(net, plan));
  if (lists.every((list) => list.join() === lists[0]!.join())) return lists[0]!;
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

function checkDistinct(values: readonly unknown[], what: string): void {
  if (values.length === 0) throw new VggError('argument', `evaluation needs at least one ${what}, got none`);
  const duplicate = values.find((value, i) => values.indexOf(value) !== i);
  if (duplicate !== undefined) throw new VggError('argument', `evaluation got the ${what} ${duplicate} twice`);
}

/** @throws VggError `VGG_ARGUMENT` for a plan that cannot be executed: an unknown protocol, a scale below a net's input, ... */
export function checkPlan(plan: Plan): void {
  const { nets, protocols } = plan;
  checkDistinct(
    nets.map(({ name }) => name),
    'net',
  );
  checkDistinct(protocols, 'protocol');
  for (const net of nets) checkDistinct(scalesOf(net, plan), 'scale');
  for (const protocol of protocols) {
    if (Object.hasOwn(PROTOCOL_VIEWS, protocol)) continue;
    const hint = didYouMean(protocol, PROTOCOLS);
    throw new VggError('argument', `unknown protocol ${protocol}${hint}; known are ${PROTOCOLS.join(', ')}`);
  }
  const { classes } = nets[0]!.model.options;
  for (const net of nets) {
    const { name, model, mean } = net;
    if (model.options.classes !== classes) {
      throw new VggError(
        'argument',
        `nets fuse only over the same classes: ${nets[0]!.name} has ${classes}, ${name} has ${model.options.classes}`,
      );
    }
    if (mean.length !== 3 || !mean.every(Number.isFinite)) {
      throw new VggError('argument', `the mean of net ${name} must be three finite numbers, got [${mean}]`);
    }
    const { channels = 3 } = model.options;
    if (channels !== 3 && channels !== 1) {
      throw new VggError(
        'argument',
        `evaluation takes nets of RGB or grey images, net ${name} has ${channels} channels`,
      );
    }
    const least = longerSide(model.options.inputSize);
    const small = scalesOf(net, plan).find((scale) => !Number.isInteger(scale) || scale < least);
    if (small === undefined) continue;
    throw new VggError(
      'argument',
      `${protocols[0]} evaluation of net ${name} needs integer scales Q ≥ ${least}, got ${small}: rescale with Q ≥ ${least}`,
    );
  }
}

/** Returns the kinds of views that the protocols need, each once. */
export function viewKinds(protocols: readonly Protocol[]): ViewKind[] {
  return [...new Set(protocols.flatMap((protocol): readonly ViewKind[] => PROTOCOL_VIEWS[protocol]))];
}
