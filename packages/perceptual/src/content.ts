/**
 * Perceptual loss: the distance of two images in a net's features. This is the feature reconstruction loss of Johnson,
 * Alahi & Fei-Fei 2016 (arXiv:1603.08155, section 3.2), the content loss of style transfer.
 */
import { dispose, mean, type Scalar, squaredDifference, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { Configuration, Tap, Vgg } from '@vgg/models';
import { checkAlike, checkImages, checkLayers, type LayerWeights, layerOf, weightedSum } from './layers';

export type { LayerWeights } from './layers';

/**
 * Computes the weighted sum over layers of the mean squared difference of two images' features, differentiable in both. The
 * mean is over the batch, positions and channels.
 *
 * @param features result of `net.features(images, taps)`; may have layers without a weight.
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
    const feature = layerOf(features, layer);
    const target = layerOf(targets, layer);
    checkAlike(layer, feature, target);
    return mean(squaredDifference(feature, target));
  });
}

/**
 * Computes the {@link featureDistance} of images; the net is evaluated only up to the deepest of the layers.
 *
 * @param images [n, height, width, 3], or of as many channels as the net has, preprocessed for its weights.
 * @param targets images of the same shape.
 * @param weights weight of each layer, by any of its names: `{ relu3_3: 1 }` or `{ 'features.15': 1 }`.
 * @throws VggError as `net.features` and {@link featureDistance} do.
 */
export function perceptualLoss<C extends Configuration, T extends Tap<C>>(
  net: Vgg<C>,
  images: Tensor4D,
  targets: Tensor4D,
  weights: LayerWeights<T>,
): Scalar {
  return tidy(() => {
    const layers = checkLayers(weights);
    for (const each of [images, targets]) checkImages(each, net.options.channels);
    checkAlike('the images', images, targets);
    const targetFeatures = net.features(targets, layers);
    const loss = featureDistance(net.features(images, layers), targetFeatures, weights);
    dispose(targetFeatures);
    return loss;
  });
}
