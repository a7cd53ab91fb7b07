/** Classifying photographs with a net that knows its own preprocessing and classes. */
import { type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import {
  checkImageTransform,
  type ImageTransform,
  prepareImage,
  type RawImage,
  type Rgb,
  sameTransform,
} from '@vgg/data';
import { topClasses } from './metrics';
import type { Classifier, EvaluatedNet } from './protocol';
import { softmax } from './score';

/** A net with what its use needs, as `loadNet` of `@vgg/weights` gives it. */
export interface ClassifyingNet {
  readonly model: Classifier;
  /** Class names in the order of the outputs. */
  readonly classes: readonly string[];
  /** How the net takes its images; undefined where that is not known. */
  readonly transform: ImageTransform | undefined;
}

export interface ClassifyOptions {
  /** How many guesses are wanted. Default 5. */
  readonly top?: number;
  /** Another preparation of the image than the net's own: refused, unless the net has none or `foreign` is set. */
  readonly transform?: ImageTransform;
  /** Takes a transform that is not the net's own. Default false. */
  readonly foreign?: boolean;
}

/** A class that the image may show. */
export interface Guess {
  readonly name: string;
  /** The class's place among the outputs. */
  readonly index: number;
  readonly probability: number;
}

/** The one line of a transform that errors show. */
function shown({ resize, scale, interpolation, crop, channels, range, mean, std }: ImageTransform): string {
  return `${resize} ${scale}, ${interpolation}, crop ${crop}, ${channels} 0..${range}, mean [${mean}], std [${std}]`;
}

/** The transform to use: the net's own, or another where that is allowed. */
function chosen({ transform: own, model }: ClassifyingNet, { transform: asked, foreign = false }: ClassifyOptions) {
  if (asked !== undefined && own !== undefined && !foreign && !sameTransform(asked, own)) {
    throw new VggError(
      'argument',
      `the net takes images by its own transform (${shown(own)}), got another (${shown(asked)}): leave it out, or set foreign`,
    );
  }
  const transform = asked ?? own;
  if (transform === undefined) {
    throw new VggError('argument', 'nothing says how the net takes its images: give a transform');
  }
  checkImageTransform(transform);
  const { inputSize } = model.options;
  if (transform.crop !== inputSize) {
    throw new VggError('argument', `the net takes images of ${inputSize}, the transform cuts ${transform.crop}`);
  }
  return transform;
}

/**
 * The net for `evaluate` and `predict`, whose protocols crop and rescale themselves: mean and deviation are the net's own.
 * @throws VggError `VGG_ARGUMENT` when the net has no transform, or takes its colours in another order than RGB.
 */
export function evaluatedNet(name: string, { model, transform }: ClassifyingNet): EvaluatedNet {
  if (transform === undefined) throw new VggError('argument', `nothing says how the net ${name} takes its images`);
  const { channels, range, mean, std } = transform;
  if (channels !== 'RGB')
    throw new VggError('argument', `evaluation takes nets of RGB, the net ${name} is of ${channels}`);
  const scaled = ([red, green, blue]: Rgb): Rgb => [(red * 255) / range, (green * 255) / range, (blue * 255) / range];
  return { name, model, mean: scaled(mean), std: scaled(std) };
}

/**
 * A photograph as the net's input, [1, inputSize, inputSize, 3], by the net's own transform.
 * @throws VggError `VGG_ARGUMENT` when the net has no transform or another was asked for, `VGG_SHAPE` for data that does not
 *   fit the image's sides.
 */
export function netInput(net: ClassifyingNet, image: RawImage, options: ClassifyOptions = {}): Tensor4D {
  const { data, width, height } = prepareImage(image, chosen(net, options));
  return tensor4d(data, [1, height, width, 3]);
}

/**
 * What a photograph shows: the likeliest classes, likeliest first. The image is prepared as the net was trained.
 * @throws VggError as {@link netInput}, and `VGG_NON_FINITE` when the net gives NaN.
 */
export async function classify(net: ClassifyingNet, image: RawImage, options: ClassifyOptions = {}): Promise<Guess[]> {
  const { top = 5 } = options;
  if (!Number.isInteger(top) || top < 1)
    throw new VggError('argument', `top must be an integer of at least 1, got ${top}`);
  if (net.classes.length !== net.model.options.classes) {
    const { classes } = net.model.options;
    throw new VggError('argument', `the net has ${classes} classes, got names for ${net.classes.length}`);
  }
  const logits = tidy(() => net.model.apply(netInput(net, image, options)).logits);
  try {
    const scores = await logits.data();
    if (!scores.every(Number.isFinite)) {
      throw new VggError('nonFinite', 'the net gives class scores that are not finite: its weights are damaged');
    }
    const posterior = softmax(scores);
    const best = topClasses(posterior, Math.min(top, posterior.length));
    return best.map((index) => ({ name: net.classes[index]!, index, probability: posterior[index]! }));
  } finally {
    logits.dispose();
  }
}
