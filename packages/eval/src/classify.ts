/** Classification of images with a net that has its own preprocessing and class names. */
import { type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { requireInteger, VggError } from '@vgg/core';
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

/** Net with its class names and preprocessing, as `loadNet` of `@vgg/weights` returns it. */
export interface ClassifyingNet {
  readonly model: Classifier;
  /** Class names in the order of the outputs. */
  readonly classes: readonly string[];
  /** Preprocessing of the net's images; undefined if it is not known. */
  readonly transform: ImageTransform | undefined;
}

/** Options of {@link classify} and {@link netInput}. */
export interface ClassifyOptions {
  /** Number of guesses to return. Default 5. */
  readonly top?: number | undefined;
  /** Preprocessing of the image. One that differs from the net's own is refused unless `foreign` is true. */
  readonly transform?: ImageTransform | undefined;
  /** True if `transform` may differ from the net's own. Default false. */
  readonly foreign?: boolean | undefined;
}

/** Class that the image may show. */
export interface Guess {
  readonly name: string;
  /** Index of the class among the outputs. */
  readonly index: number;
  readonly probability: number;
}

/** Formats a transform as one line for errors. */
function format({ resize, scale, interpolation, crop, channels, range, mean, std }: ImageTransform): string {
  return `${resize} ${scale}, ${interpolation}, crop ${crop}, ${channels} 0..${range}, mean [${mean}], std [${std}]`;
}

/** Returns the transform to use: the net's own, or another if that is allowed. */
function selectTransform(
  { transform: own, model }: ClassifyingNet,
  { transform: other, foreign = false }: ClassifyOptions,
): ImageTransform {
  if (other !== undefined && own !== undefined && !foreign && !sameTransform(other, own)) {
    throw new VggError(
      'argument',
      `the net takes images by its own transform (${format(own)}), got another (${format(other)}): leave it out, or set foreign`,
    );
  }
  const transform = other ?? own;
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
 * Returns the net for `evaluate` and `predict`, with its own mean and standard deviation; their protocols rescale and crop.
 * @throws VggError `VGG_ARGUMENT` when the net has no transform or its order of colours is not RGB.
 */
export function evaluatedNet(name: string, { model, transform }: ClassifyingNet): EvaluatedNet {
  if (transform === undefined) throw new VggError('argument', `nothing says how the net ${name} takes its images`);
  const { channels, range, mean, std } = transform;
  if (channels !== 'RGB')
    throw new VggError('argument', `evaluation takes nets of RGB, the net ${name} is of ${channels}`);
  const rescale = ([red, green, blue]: Rgb): Rgb => [(red * 255) / range, (green * 255) / range, (blue * 255) / range];
  return { name, model, mean: rescale(mean), std: rescale(std) };
}

/**
 * Prepares an image as the net's input, [1, inputSize, inputSize, 3], by the net's own transform.
 * @throws VggError `VGG_ARGUMENT` when the net has no transform or another one is passed, `VGG_SHAPE` for data that does not
 *   fit the image's sides.
 */
export function netInput(net: ClassifyingNet, image: RawImage, options: ClassifyOptions = {}): Tensor4D {
  const { data, width, height } = prepareImage(image, selectTransform(net, options));
  return tensor4d(data, [1, height, width, 3]);
}

/**
 * Returns the most probable classes of an image, most probable first. The image is prepared as the net's training images.
 * @throws VggError as {@link netInput}, and `VGG_NON_FINITE` when the net returns NaN.
 */
export async function classify(net: ClassifyingNet, image: RawImage, options: ClassifyOptions = {}): Promise<Guess[]> {
  const { top = 5 } = options;
  requireInteger('top', top, 1);
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
