/** Common parts of the losses: layers with weights, and one pass through the net for all of them. */
import { add, mul, type Scalar, type Tensor, Tensor as TensorClass, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/** Weight of each layer by its name: at least one layer; weights are finite and not negative. */
export type LayerWeights<T extends string = string> = Readonly<Record<T, number>>;

/** @throws VggError `VGG_ARGUMENT` for no layer, or a weight that is negative or not finite. */
export function checkLayers<T extends string>(weights: LayerWeights<T>): T[] {
  const names = Object.keys(weights) as T[];
  if (names.length === 0) throw new VggError('argument', 'expected at least one layer with its weight, got none');
  for (const name of names) {
    const weight: number = weights[name];
    if (Number.isFinite(weight) && weight >= 0) continue;
    throw new VggError('argument', `the weight of layer ${name} must be a number of at least 0, got ${weight}`);
  }
  return names;
}

/** @throws VggError `VGG_ARGUMENT` when a layer that has a weight was not computed. */
export function layerOf<T extends string, M extends Tensor>(maps: Readonly<Record<T, M>>, layer: T): M {
  const map: M | undefined = maps[layer];
  if (map !== undefined) return map;
  const got = Object.keys(maps).join(', ') || 'none';
  throw new VggError('argument', `expected the features of ${layer}, which has a weight, got ${got}`);
}

/**
 * @param channels number of channels of the images. Default 3.
 * @throws VggError `VGG_ARGUMENT` for anything but a tensor; `VGG_SHAPE` unless the images are [n, height, width, channels].
 */
export function checkImages(images: Tensor, channels = 3): void {
  if (!(images instanceof TensorClass)) {
    const got = typeof images === 'object' ? `{ ${Object.keys(images ?? {}).slice(0, 4)} }` : String(images);
    throw new VggError('argument', `expected images as a tensor, got ${got}: featureDistance compares features`);
  }
  const { shape } = images;
  if (shape.length === 4 && shape[3] === channels) return;
  const order =
    shape.length === 4 && shape[1] === channels ? ': transpose them, [0, 2, 3, 1], as their channels come first' : '';
  throw new VggError('shape', `expected images [n, height, width, ${channels}], got [${shape}]${order}`);
}

/** @throws VggError `VGG_SHAPE` unless both have one shape. */
export function checkAlike(what: string, a: Tensor, b: Tensor): void {
  if (a.shape.join() === b.shape.join()) return;
  throw new VggError('shape', `${what} must have one shape on both sides, got [${a.shape}] and [${b.shape}]`);
}

/** Returns the sum over layers of weight · distance. */
export function weightedSum<T extends string>(weights: LayerWeights<T>, distance: (layer: T) => Scalar): Scalar {
  return tidy(() => {
    const terms = checkLayers(weights).map((layer) => tidy((): Scalar => mul(distance(layer), weights[layer])));
    return terms.reduce((total, term): Scalar => add(total, term));
  });
}
