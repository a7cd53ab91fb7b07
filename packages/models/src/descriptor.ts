/**
 * The image descriptor of Appendix B: the last hidden layer of the dense net, averaged over positions, with that of the
 * mirrored image and over scales, and brought to length 1, for a linear classifier or nearest neighbours.
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
import type { ConfigurationName } from './table';
import type { Vgg } from './vgg';

export interface DescriptorOptions<C extends ConfigurationName = ConfigurationName> {
  /** The layer described. Default the last hidden one: relu7, relu6 under head `small`, pool5 under `linear` and `none`. */
  tap?: Tap<C>;
  /** Whether the mirrored image's descriptor is averaged in. Default true. */
  flip?: boolean;
  /** How the descriptors of several scales are combined: their mean, or one after the other. Default `average`. */
  scales?: 'average' | 'stack';
  /** Whether each descriptor is divided by its Euclidean length, after all averaging and stacking. Default true. */
  normalise?: boolean;
}

/** The last hidden layer under each head. */
const LAST_HIDDEN = { paper: 'relu7', small: 'relu6', linear: 'pool5', none: 'pool5' } as const;

/** The least length to divide by, as PyTorch's `normalize`: an all-zero descriptor stays zero. */
const LEAST_LENGTH = 1e-12;

/**
 * Appendix B's descriptor of every image.
 *
 * @param images the same n images as the net takes them, rescaled to each Q: one batch [n, height, width, 3], or several.
 * @returns [n, units], with `stack` [n, scales · units]. Differentiable.
 * @throws VggError `VGG_ARGUMENT` for no scales or an unknown tap; `VGG_SHAPE` for batches of different counts, images too
 *   small for the tap, or a tap that is no feature map.
 */
export function descriptor<C extends ConfigurationName>(
  net: Vgg<C>,
  images: Tensor4D | readonly Tensor4D[],
  options: DescriptorOptions<C> = {},
): Tensor2D {
  const { tap = LAST_HIDDEN[net.options.head] as Tap<C>, flip = true, scales = 'average', normalise = true } = options;
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
    return div(whole, maximum(norm(whole, 'euclidean', 1, true), LEAST_LENGTH)) as Tensor2D;
  });
}
