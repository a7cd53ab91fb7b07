/** Transforms of training and evaluation images by the preparation of a trained net, so that no part of it can be lost. */
import { VggError } from '@vgg/core';
import { leastScale, type Normalisation, type Resizing } from './normalise';
import type { ImageTransform } from './prepare';
import { checkTransform, type EvaluationTransform, type TrainTransform } from './transform';

/** Net that says how its images are prepared, as `loadNet` of `@vgg/weights` returns it. */
export interface PreparedNet {
  /** Preparation of its images; undefined if it is not known. */
  readonly transform: ImageTransform | undefined;
  /** Preparation of its training images: its scale S may be a range. */
  readonly preprocessing?: { readonly scale: number | readonly [number, number] } | undefined;
}

/** Part of a training transform that does not belong to the net. */
export type AugmentationOptions = {
  readonly [K in 'scale' | 'flip' | 'colour' | 'erasing' | 'smallestArea' | 'jitter' | 'trivialAugment']?:
    | TrainTransform[K]
    | undefined;
};

/** Preparation of a net's training images, to be saved with its weights. It is a `Preprocessing` of `@vgg/weights`. */
export interface ImagePreprocessing extends Resizing, Normalisation {
  /** Smallest side S in pixels: fixed, or the range of scale jittering. */
  readonly scale: number | readonly [number, number];
}

function transformOf({ transform }: PreparedNet): ImageTransform {
  if (transform !== undefined) return transform;
  throw new VggError(
    'argument',
    'the preprocessing of this net is not known: load it with { preprocessing }, or write the transform yourself',
  );
}

function checkNotOwn(options: object): void {
  const ofTheNet = ['crop', 'mean', 'std', 'range', 'channels', 'resize', 'interpolation'].find(
    (key) => key in options,
  );
  if (ofTheNet === undefined) return;
  throw new VggError('argument', `${ofTheNet} is the net's own: leave it out, or write the whole transform yourself`);
}

/** Returns the scale for a crop: integers that cover it. */
function scaleFor(scale: TrainTransform['scale'], transform: ImageTransform): TrainTransform['scale'] {
  const least = leastScale(transform);
  const side = (value: number) => Math.max(least, Math.round(value));
  return typeof scale === 'number' ? side(scale) : [side(scale[0]), side(scale[1])];
}

/**
 * Returns the transform to train a net further: images are prepared as those that it was trained on, at its scale S, and mirrored
 * at random.
 * @param augmentation values to change; `flip` is true and `colour` null by default.
 * @throws VggError `VGG_ARGUMENT` if the net's preparation is not known, or for an invalid value.
 */
export function trainingTransform(net: PreparedNet, augmentation: AugmentationOptions = {}): TrainTransform {
  const transform = transformOf(net);
  checkNotOwn(augmentation);
  const { scale = scaleFor(net.preprocessing?.scale ?? transform.scale, transform) } = augmentation;
  const { flip = true, colour = null } = augmentation;
  const result = { ...transform, ...augmentation, scale, flip, colour };
  checkTransform(result, 'training');
  return result;
}

/**
 * Returns the transform to evaluate a net: images are prepared as `classify` of `@vgg/eval` does.
 * @param options `scale`: smallest side Q in pixels. Default the net's own.
 * @throws VggError `VGG_ARGUMENT` if the net's preparation is not known, or for an invalid value.
 */
export function evaluationTransform(
  net: PreparedNet,
  options: { readonly scale?: number | undefined } = {},
): EvaluationTransform {
  const transform = transformOf(net);
  checkNotOwn(options);
  const result = { ...transform, ...options, scale: options.scale ?? transform.scale };
  checkTransform(result, 'evaluation');
  return result;
}

/** Returns the preparation that a net was trained with, for its weight file: a transform without crop and augmentation. */
export function preprocessingOf({
  mean,
  std,
  range,
  channels,
  resize,
  interpolation,
  scale,
}: TrainTransform | EvaluationTransform): ImagePreprocessing {
  return { mean, std, range, channels, resize, interpolation, scale };
}
