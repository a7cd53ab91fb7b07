/**
 * Image descriptor of Appendix B, for a linear classifier or nearest-neighbour search: the last hidden layer of the
 * dense view, averaged over positions, over the image and its mirror image and over scales, then divided by its length.
 */
import {
  add,
  addN,
  concat,
  div,
  maximum,
  mul,
  norm,
  reverse,
  type Tensor2D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { Tap } from './aliases';
import { globalAverage } from './maps';
import type { ResolvedVggOptions } from './options';
import { planLayers } from './plan';
import type { Configuration, ConfigurationName } from './table';
import type { Vgg } from './vgg';

export interface DescriptorOptions<C extends Configuration = ConfigurationName> {
  /**
   * Layer to describe. Default the last hidden one: relu7; relu6 with head `small`, the last feature map (pool5) with
   * `linear` and `none`.
   */
  tap?: Tap<C> | undefined;
  /** Averages the descriptors of the image and its mirror image. Default true. */
  flip?: boolean | undefined;
  /** Combination of the descriptors of several scales: their mean, or their concatenation. Default `average`. */
  scales?: 'average' | 'stack' | undefined;
  /** Divides each descriptor by its Euclidean length, after averaging and concatenation. Default true. */
  normalise?: boolean | undefined;
}

/** Returns the last hidden layer of a net. */
function lastHidden(options: ResolvedVggOptions): string {
  if (options.head === 'paper') return 'relu7';
  if (options.head === 'small') return 'relu6';
  return planLayers(options)
    .filter(({ part }) => part === 'features')
    .at(-1)!.name;
}

/** Smallest divisor, as in PyTorch's `normalize`: a descriptor of zeros stays zero. */
const MIN_LENGTH = 1e-12;

/**
 * Computes the descriptor of Appendix B for every image.
 *
 * @param images preprocessed images [n, height, width, channels]; for several scales Q, one batch of the same n images for
 *   each.
 * @returns [n, units], with `stack` [n, scales · units]. Differentiable.
 * @throws VggError `VGG_ARGUMENT` for no scales or an unknown tap; `VGG_SHAPE` for batches of different counts, images
 *   too small for the tap, or a tap that is not a feature map.
 */
export function descriptor<C extends Configuration>(
  net: Vgg<C>,
  images: Tensor4D | readonly Tensor4D[],
  options: DescriptorOptions<C> = {},
): Tensor2D {
  const { tap = lastHidden(net.options) as Tap<C>, flip = true, scales = 'average', normalise = true } = options;
  const batches = Array.isArray(images) ? (images as readonly Tensor4D[]) : [images as Tensor4D];
  const [first] = batches;
  if (first === undefined) throw new VggError('argument', 'expected images at one scale at least, got none');
  const different = batches.find(({ shape }) => shape[0] !== first.shape[0]);
  if (different !== undefined) {
    throw new VggError(
      'shape',
      `expected the same images at every scale, got ${first.shape[0]} at one and ${different.shape[0]} at another`,
    );
  }
  return tidy(() => {
    const average = (batch: Tensor4D) => tidy(() => globalAverage(net.features(batch, [tap])[tap]));
    const described = batches.map((batch) => {
      if (!flip) return average(batch);
      return tidy(() => mul(add(average(batch), average(reverse(batch, 2))), 0.5) as Tensor2D);
    });
    const whole = scales === 'stack' ? concat(described, 1) : mul(addN(described), 1 / described.length);
    if (!normalise) return whole as Tensor2D;
    return div(whole, maximum(norm(whole, 'euclidean', 1, true), MIN_LENGTH)) as Tensor2D;
  });
}
