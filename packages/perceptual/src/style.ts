/**
 * Style loss: the distance of the correlations of two images' channels, which do not depend on positions (Gatys, Ecker &
 * Bethge 2016; scaled as in Johnson, Alahi & Fei-Fei 2016, arXiv:1603.08155, section 3.2).
 */
import {
  matMul,
  mul,
  reshape,
  type Scalar,
  squaredDifference,
  sum,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { Configuration, Tap, Vgg } from '@vgg/models';
import { checkImages, checkLayers, type LayerWeights, layerOf, weightedSum } from './layers';

/**
 * Computes the Gram matrices of feature maps [n, height, width, channels]: for every two channels the sum over positions of
 * their products, divided by height · width · channels.
 *
 * @returns [n, channels, channels].
 * @throws VggError `VGG_SHAPE` for a tensor that is not a feature map.
 */
export function gramMatrix(map: Tensor): Tensor3D {
  if (map.rank !== 4 || map.size === 0) {
    throw new VggError('shape', `expected a feature map [n, height, width, channels], got [${map.shape}]`);
  }
  const [count, height, width, channels] = map.shape as Tensor4D['shape'];
  return tidy(() => {
    const flat = reshape(map, [count, height * width, channels]);
    return mul(matMul(flat, flat, true, false), 1 / (height * width * channels)) as Tensor3D;
  });
}

/** Computes the {@link gramMatrix} of every layer of `net.features(images, taps)`: once for the image of a style. */
export function gramMatrices<T extends string>(features: Readonly<Record<T, Tensor>>): Record<T, Tensor3D> {
  const entries = Object.entries<Tensor>(features).map(([layer, map]) => [layer, gramMatrix(map)]);
  return Object.fromEntries(entries) as Record<T, Tensor3D>;
}

/**
 * Computes the weighted sum over layers of the squared Frobenius norm of the difference of Gram matrices, averaged over the
 * batch.
 *
 * @param features result of `net.features(images, taps)`; may have layers without a weight.
 * @param grams Gram matrices of the style: one per image, or one for all of them.
 * @throws VggError `VGG_ARGUMENT` for no layers, a bad weight or a layer that is missing; `VGG_SHAPE` for a Gram matrix
 *   that does not fit.
 */
export function styleDistance<W extends LayerWeights>(
  features: Readonly<Record<keyof W & string, Tensor>>,
  grams: Readonly<Record<keyof W & string, Tensor3D>>,
  weights: W,
): Scalar {
  return weightedSum(weights, (layer: keyof W & string) => {
    const gram = gramMatrix(layerOf(features, layer));
    const style = layerOf(grams, layer);
    const [count, channels] = gram.shape;
    if (style.rank !== 3 || style.shape[2] !== channels || ![1, count].includes(style.shape[0])) {
      const expected = `[1 or ${count},${channels},${channels}]`;
      throw new VggError('shape', `expected the Gram matrix of ${layer} as ${expected}, got [${style.shape}]`);
    }
    return mul(sum(squaredDifference(gram, style)), 1 / count) as Scalar;
  });
}

/**
 * Computes the {@link styleDistance} of images; the net is evaluated only up to the deepest of the layers.
 *
 * @param images [n, height, width, 3], or of as many channels as the net has, preprocessed for its weights.
 * @param styles n images, or one for all of them, of any size that is large enough for the layers.
 * @param weights weight of each layer, by any of its names: `{ relu1_2: 1, relu2_2: 1 }`.
 * @throws VggError as `net.features` and {@link styleDistance} do.
 */
export function styleLoss<C extends Configuration, T extends Tap<C>>(
  net: Vgg<C>,
  images: Tensor4D,
  styles: Tensor4D,
  weights: LayerWeights<T>,
): Scalar {
  return tidy(() => {
    const layers = checkLayers(weights);
    for (const each of [images, styles]) checkImages(each, net.options.channels);
    const grams = tidy(() => gramMatrices(net.features(styles, layers)));
    return styleDistance(net.features(images, layers), grams, weights);
  });
}
