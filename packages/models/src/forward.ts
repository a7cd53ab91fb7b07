/**
 * Computation of a net layer by layer, for training, classification, the dense view (section 3.2) and feature taps. An
 * activation is disposed once the next layer has used it, unless it is tapped or kept for a gradient.
 */
import {
  mul,
  relu,
  reshape,
  softmax,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import type { RandomStream } from '@vgg/core';
import { batchNormWithGradient, type ChannelMoments, channelMoments } from './batch-norm';
import { untracked } from './operation';
import { connect, convolve, dropOut, localResponseNorm, maxPool } from './operations';
import type { Layer } from './plan';

export interface Walk {
  layers: readonly Layer[];
  variables: ReadonlyMap<string, Variable>;
  /** Layers without gradients, whose batch norm uses the running statistics. */
  frozen: ReadonlySet<string>;
  /** Names of the layers whose outputs are returned, at least one. The computation stops after the last of them. */
  taps: ReadonlySet<string>;
  /** True for the dense view: fully-connected layers are convolutions over the whole feature map. */
  dense: boolean;
  /** Index of the first layer to run. Default 0. */
  start?: number | undefined;
  /** Set in training: the images are constants, batch norm uses the batch's statistics, and dropout is active. */
  training?: { rate: number; stream: ((layer: string) => RandomStream) | undefined } | undefined;
}

export type WalkResult = {
  taps: Record<string, Tensor>;
  batchStatistics: Record<string, Tensor1D>;
};

type Step = { y: Tensor; statistics?: ChannelMoments };

/**
 * Runs the layers on images [n, h, w, channels], or on the output of the layer before `start`, to the last tap. The caller owns the
 * returned tensors.
 */
export function walkLayers(input: Tensor, walk: Walk): WalkResult {
  return tidy(() => {
    const taps: Record<string, Tensor> = {};
    const batchStatistics: Record<string, Tensor1D> = {};
    let x = input;
    let constantInput = walk.training !== undefined;
    const last = walk.layers.map(({ name }) => walk.taps.has(name)).lastIndexOf(true);
    for (let i = walk.start ?? 0; i <= last; i++) {
      const layer = walk.layers[i]!;
      const rectified = fusesRelu(walk, i);
      const run = () => runLayer(x, layer, walk, { relu: rectified, constantInput });
      const untrained = constantInput && !hasVariables(layer);
      const { y, statistics }: Step = tidy(() => (untrained ? { y: untracked(() => run().y) } : run()));
      if (statistics !== undefined) {
        batchStatistics[`${layer.name}.mean`] = statistics.mean;
        batchStatistics[`${layer.name}.variance`] = statistics.variance;
      }
      if (x !== input && !Object.values(taps).includes(x)) x.dispose();
      x = y;
      if (!walk.frozen.has(layer.name) && hasVariables(layer)) constantInput = false;
      if (rectified) i += 1;
      const { name } = walk.layers[i]!;
      if (walk.taps.has(name)) taps[name] = x;
    }
    return { taps, batchStatistics };
  });
}

function hasVariables({ kind }: Layer): boolean {
  return kind === 'convolution' || kind === 'fullyConnected' || kind === 'batchNorm';
}

/**
 * True if the layer at `i` is one operation with the next: when a ReLU follows and no tap needs the value before it.
 */
function fusesRelu({ layers, taps }: Walk, i: number): boolean {
  const layer = layers[i]!;
  return hasVariables(layer) && layers[i + 1]?.kind === 'relu' && !taps.has(layer.name);
}

function runLayer(x: Tensor, layer: Layer, walk: Walk, mode: { relu: boolean; constantInput: boolean }): Step {
  const variable = (role: string) => walk.variables.get(`${layer.name}.${role}`)!;
  const common = {
    relu: mode.relu,
    constant: { input: mode.constantInput, variables: walk.frozen.has(layer.name) },
  };
  switch (layer.kind) {
    case 'convolution':
      return { y: convolve(x as Tensor4D, { ...common, weight: variable('weight'), bias: variable('bias') }) };
    case 'batchNorm': {
      const affine = { ...common, scale: variable('scale'), offset: variable('offset') };
      if (walk.training === undefined || walk.frozen.has(layer.name)) {
        const running = { mean: variable('mean'), variance: variable('variance'), ofBatch: false };
        return { y: batchNormWithGradient(x as Tensor4D, { ...affine, ...running }) };
      }
      const statistics = channelMoments(x as Tensor4D);
      const y = batchNormWithGradient(x as Tensor4D, { ...affine, ...statistics, ofBatch: true });
      return { y, statistics: unbiased(statistics, x.size) };
    }
    case 'relu':
      return { y: relu(x) };
    case 'localResponseNorm':
      return { y: localResponseNorm(x as Tensor4D) };
    case 'maxPool':
      return { y: maxPool(x as Tensor4D) };
    case 'fullyConnected': {
      const weighted = { ...common, weight: variable('weight'), bias: variable('bias') };
      return { y: walk.dense ? connectEverywhere(x as Tensor4D, layer, weighted) : connect(flattened(x), weighted) };
    }
    case 'dropout': {
      const { rate, stream } = walk.training ?? {};
      return { y: rate && stream ? dropOut(x as Tensor2D, rate, stream(layer.name)) : x.clone() };
    }
    case 'softmax':
      return { y: softmax(x) };
  }
}

/** Reshapes [n, ...] to [n, units]: rows, then columns, then channels. */
function flattened(x: Tensor): Tensor2D {
  const count = x.shape[0]!;
  return reshape(x, [count, x.size / count]);
}

/**
 * Computes a fully-connected layer as a convolution (section 3.2). Its weight [height · width · channels, out],
 * reshaped to [height, width, channels, out], is the filter, without a copy. A 1x1 convolution is a matrix product over all
 * positions.
 */
function connectEverywhere(
  x: Tensor4D,
  { window }: Layer & { kind: 'fullyConnected' },
  weighted: Parameters<typeof connect>[1],
): Tensor4D {
  const [count, height, width, channels] = x.shape;
  const { weight } = weighted;
  const outputs = weight.shape[1]!;
  if (window[0] * window[1] > 1) {
    return convolve(x, { ...weighted, weight: reshape(weight, [...window, channels, outputs]) }, 'valid');
  }
  return reshape(connect(reshape(x, [-1, channels]), weighted), [count, height, width, outputs]);
}

/** Replaces the variance by the unbiased one, which running statistics average, as in PyTorch. */
function unbiased({ mean, variance }: ChannelMoments, size: number): ChannelMoments {
  const count = size / mean.size;
  return { mean, variance: untracked(() => mul(variance, count / (count - 1))) };
}
