/** Batch norm folded into convolutions, for nets that are used and not trained. */
import { add, dispose, div, mul, sqrt, sub, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { EPSILON } from './batch-norm';
import { planLayers } from './plan';
import type { Configuration } from './table';
import { createVgg, type Vgg } from './vgg';

/**
 * Returns a new net without batch norm that computes what `net` computes outside of training, within rounding errors: each
 * convolution has its filters times scale / √(variance + 1e-5), and its bias moved likewise, from the running statistics. It
 * saves a pass over every feature map, and exports as a plain net. No layer of it is frozen. `net` stays as it is, and both
 * are to be disposed.
 *
 * @throws VggError `VGG_ARGUMENT` for a net without batch norm; `VGG_STATE` for a disposed net.
 */
export function foldBatchNorm<C extends Configuration>(net: Vgg<C>): Vgg<C> {
  const { options, variables } = net;
  if (!options.batchNorm) {
    throw new VggError('argument', 'expected a net with batch norm, got one without: use the net as it is');
  }
  if (variables.size === 0) throw new VggError('state', 'this net has been disposed: create a new one');
  const values = tidy(() => foldedValues(net));
  try {
    return createVgg<C>({ ...options, batchNorm: false }, ({ name }) => values[name] ?? variables.get(name)!);
  } finally {
    dispose(values);
  }
}

/** Returns weight and bias of each convolution, by name. */
function foldedValues({ options, variables }: Vgg): Record<string, Tensor> {
  const values: Record<string, Tensor> = {};
  const layers = planLayers(options);
  for (const [i, { kind, name }] of layers.entries()) {
    if (kind !== 'batchNorm') continue;
    const [scale, offset, mean, variance] = ['scale', 'offset', 'mean', 'variance'].map(
      (role) => variables.get(`${name}.${role}`)!,
    );
    const factor = div(scale!, sqrt(add(variance!, EPSILON.varianceEpsilon)));
    // The layer before a batch norm is its convolution.
    const convolution = layers[i - 1]!.name;
    values[`${convolution}.weight`] = mul(variables.get(`${convolution}.weight`)!, factor);
    values[`${convolution}.bias`] = add(mul(sub(variables.get(`${convolution}.bias`)!, mean!), factor), offset!);
  }
  return values;
}
