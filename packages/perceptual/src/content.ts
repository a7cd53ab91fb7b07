/**
 * Perceptual loss: how far two images are apart as the net sees them, by the feature reconstruction loss of Johnson, Alahi
 * & Fei-Fei 2016 (arXiv:1603.08155, section 3.2), the content loss of style transfer.
 */
import { dispose, mean, type Scalar, squaredDifference, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { ConfigurationName, Tap, Vgg } from '@vgg/models';
import { checkAlike, checkLayers, type LayerWeights, layerOf, weightedSum } from './layers';

export type { LayerWeights } from './layers';

/**
 * The weighted sum over layers of the mean squared difference of two images' features, with one of which it is
 * differentiable, or both. The mean is over the batch, positions and channels.
 *
 * @param features of `net.features(images, taps)`; may hold more layers than have weights.
 * @param targets features of the same shapes, computed once and kept.
 * @throws VggError `VGG_ARGUMENT` for no layers, a bad weight or a layer that is missing; `VGG_SHAPE` for features of
 *   different shapes.
 */
export function featureDistance<W extends LayerWeights>(
  features: Readonly<Record<keyof W & string, Tensor>>,
  targets: Readonly<Record<keyof W & string, Tensor>>,
  weights: W,
): Scalar {
  return weightedSum(weights, (layer: keyof W & string) => {
    const [ours, theirs] = [layerOf(features, layer), layerOf(targets, layer)];
    checkAlike(layer, ours, theirs);
    return mean(squaredDifference(ours, theirs));
  });
}

/**
 * {@link featureDistance} of images, computed to the deepest of the layers and no further.
 *
 * @param images [n, height, width, 3], as the net takes them: the preprocessing of its weights done.
 * @param targets of the same shape.
 * @param weights by any name of a layer, `{ relu3_3: 1 }` or `{ 'features.15': 1 }`.
 * @throws VggError as `net.features` and {@link featureDistance} do.
 */
export function perceptualLoss<C extends ConfigurationName, T extends Tap<C>>(
  net: Vgg<C>,
  images: Tensor4D,
  targets: Tensor4D,
  weights: LayerWeights<T>,
): Scalar {
  return tidy(() => {
    const layers = checkLayers(weights);
    checkAlike('the images', images, targets);
    const wanted = net.features(targets, layers);
    const loss = featureDistance(net.features(images, layers), wanted, weights);
    dispose(wanted);
    return loss;
  });
}
