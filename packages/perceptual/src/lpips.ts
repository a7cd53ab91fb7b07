/**
 * LPIPS, the learned perceptual image patch similarity of Zhang et al. 2018 (arXiv:1801.03924), version 0.1, on VGG-16.
 * The features of five layers are normalised to length 1 at each position; their squared differences are weighted by
 * channel, averaged over positions and summed over layers. Its authors published the weights of the channels.
 */
import {
  add,
  addN,
  div,
  maximum,
  mean,
  mul,
  reshape,
  sqrt,
  square,
  squaredDifference,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tensor1d,
  tidy,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { Vgg } from '@vgg/models';
import { asFloat32, type WeightSource } from '@vgg/weights';
import { checkAlike, checkImages } from './layers';

/** Layers that LPIPS compares, in the order of its `lin` weights. */
export const LPIPS_TAPS = ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3', 'relu5_3'] as const;

/** Weights of the channels of {@link LPIPS_TAPS}, layer by layer. */
export type LpipsWeights = readonly Float32Array[];

/** Parameters of the scaling layer: it prepares images of -1 to 1 for torchvision's VGG-16. */
const SHIFT = [-0.03, -0.088, -0.188];
const SCALE = [0.458, 0.448, 0.45];

/** Number added to the length by which features are divided, as in the authors' code. */
const LENGTH_EPSILON = 1e-10;
/** Smallest sum of squares whose root is taken: at 0 the gradient of the root is infinite. */
const LEAST_SQUARE = 1e-30;

/**
 * Reads the linear weights as the LPIPS repository publishes them (`lpips/weights/v0.1/vgg.pth`: `lin0.model.1.weight`
 * [1, 64, 1, 1] to `lin4.model.1.weight` [1, 512, 1, 1]), or from a whole LPIPS state dict, whose other tensors are ignored.
 *
 * @param source an open file of any format that `@vgg/weights` reads.
 * @throws VggError `VGG_WEIGHTS`, one line that names what is missing, misshapen or not finite.
 */
export async function lpipsWeights(source: Pick<WeightSource, 'tensors' | 'read'>): Promise<LpipsWeights> {
  return await Promise.all(
    LPIPS_TAPS.map(async (_, layer) => {
      const name = `lin${layer}.model.1.weight`;
      const info = source.tensors.get(name);
      if (info === undefined) {
        const names = [...source.tensors.keys()].slice(0, 3).join(', ') || 'nothing';
        throw new VggError('weights', `expected the linear weights of LPIPS, got no ${name} among ${names}`);
      }
      const [one, channels, ...rest] = info.shape;
      if (info.shape.length !== 4 || one !== 1 || !channels || rest.some((side) => side !== 1)) {
        throw new VggError('weights', `expected ${name} as [1, channels, 1, 1], got [${info.shape}]`);
      }
      const values = asFloat32(await source.read(name));
      if (values.every(Number.isFinite)) return values;
      throw new VggError('weights', `${name} holds numbers that are not finite: the file is damaged`);
    }),
  );
}

/**
 * Computes the perceptual difference of pairs of images, at least 0; 0 for equal images. Differentiable in both images.
 *
 * @param net VGG-16 with torchvision's ImageNet weights; the convolutions are enough (`head: 'none'`).
 * @param weights result of {@link lpipsWeights}.
 * @param images [n, height, width, 3], RGB from -1 to 1, sides of at least 16. Other ranges give meaningless numbers.
 * @param references images of the same shape.
 * @returns one number per pair, [n].
 * @throws VggError `VGG_SHAPE` for images of different shapes, of another order of axes or too small; `VGG_WEIGHTS` when the net's channels are not
 *   those of the weights.
 */
export function lpips(net: Vgg<'D'>, weights: LpipsWeights, images: Tensor4D, references: Tensor4D): Tensor1D {
  return tidy(() => {
    for (const each of [images, references]) checkImages(each);
    checkAlike('the images', images, references);
    const imageFeatures = unitFeatures(net, images);
    const referenceFeatures = unitFeatures(net, references);
    const distances = LPIPS_TAPS.map((tap, layer) => {
      const channels = imageFeatures[tap].shape[3]!;
      const linear = weights[layer];
      if (linear?.length !== channels) {
        throw new VggError(
          'weights',
          `${tap} of the net has ${channels} channels, the linear weights are for ${linear?.length ?? 0}: use VGG-16 of full width`,
        );
      }
      return tidy((): Tensor1D => {
        const differences = mul(squaredDifference(imageFeatures[tap], referenceFeatures[tap]), tensor1d(linear));
        return mean(sum(differences, 3), [1, 2]);
      });
    });
    return addN(distances);
  });
}

/** Computes the features of images of -1 to 1, with the channels of each position normalised to length 1. */
function unitFeatures(net: Vgg<'D'>, images: Tensor4D): Record<(typeof LPIPS_TAPS)[number], Tensor> {
  const input = div<Tensor4D>(sub(images, tensor1d(SHIFT)), tensor1d(SCALE));
  const features = net.features(input, LPIPS_TAPS);
  return Object.fromEntries(
    Object.entries(features).map(([tap, map]) => [
      tap,
      tidy(() => {
        const [n, height, width] = map.shape as Tensor4D['shape'];
        const squares = reshape(sum(square(map), 3), [n, height, width, 1]);
        return div(map, add(sqrt(maximum(squares, LEAST_SQUARE)), LENGTH_EPSILON));
      }),
    ]),
  ) as Record<(typeof LPIPS_TAPS)[number], Tensor>;
}
