/** The operations of the layers, except batch norm. Convolution, bias and ReLU are one kernel, in training too. */
import {
  _FusedMatMul,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  FusedConv2D,
  LRN,
  LRNGrad,
  MaxPool,
  MaxPoolGrad,
  matMul,
  mul,
  reshape,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor2d,
  tidy,
} from '@tensorflow/tfjs-core';
import type { RandomStream } from '@vgg/core';
import { backendKernel } from './backend-kernels';
import { type Constants, differentiated, operation, runKernel } from './operation';

/** Axes of images and positions. */
const SPATIAL = [0, 1, 2];

/** Variables of a convolution or a fully-connected layer. */
export interface Weighted {
  weight: Tensor;
  bias: Tensor;
  /** True if a ReLU follows. */
  relu: boolean;
  constant?: Constants;
}

/**
 * Computes a convolution with stride 1, bias and, if `relu`, a ReLU. `x` is [n, h, w, in], the weight [kh, kw, in,
 * out]. 'same' padding is that of the paper: 1 for 3x3, 0 for 1x1; 'valid' is for the dense view.
 */
export function convolve(
  x: Tensor4D,
  { weight, bias, relu, constant = {} }: Weighted,
  pad: 'same' | 'valid' = 'same',
): Tensor4D {
  const geometry = { strides: [1, 1], dilations: [1, 1], pad, dataFormat: 'NHWC', dimRoundingMode: undefined };
  const fused = { ...geometry, activation: relu ? 'relu' : 'linear', leakyreluAlpha: undefined };
  const inputShape = x.shape;
  const filterShape = weight.shape;
  return operation<Tensor4D>(
    { inputs: differentiated<Tensor>(x, { weight, bias }, constant), saved: [x, weight], relu },
    () => runKernel(FusedConv2D, { x, filter: weight, bias }, fused),
    (dy, [keptX, filter]) => ({
      input: () => runKernel(Conv2DBackpropInput, { dy, filter: filter! }, { ...geometry, inputShape }),
      weight: () => runKernel(Conv2DBackpropFilter, { x: keptX!, dy }, { ...geometry, filterShape }),
      bias: () => sum(dy, SPATIAL),
    }),
  );
}

/** Computes x · weight + bias and, if `relu`, a ReLU. `x` is [n, in], the weight [in, out]. */
export function connect(x: Tensor2D, { weight, bias, relu, constant = {} }: Weighted): Tensor2D {
  const fused = {
    transposeA: false,
    transposeB: false,
    activation: relu ? 'relu' : 'linear',
    leakyreluAlpha: undefined,
  };
  return operation(
    { inputs: differentiated<Tensor>(x, { weight, bias }, constant), saved: [x, weight], relu },
    () => {
      const a = reshape(x, [1, ...x.shape]);
      const b = reshape(weight, [1, ...weight.shape]);
      const product = runKernel(_FusedMatMul, { a, b, bias }, fused);
      return reshape(product, [product.shape[1]!, product.shape[2]!]) as Tensor2D;
    },
    (dy, [keptX, keptWeight]) => ({
      input: () => matMul(dy, keptWeight!, false, true),
      weight: () => matMul(keptX!, dy, true, false),
      bias: () => sum(dy, 0),
    }),
  );
}

/**
 * Applies dropout (section 3.1): each number of `x` [n, units] becomes 0 with probability `rate`, the others are
 * multiplied by 1 / (1 - rate), so that nothing needs scaling at test time (as in PyTorch).
 */
export function dropOut(x: Tensor2D, rate: number, stream: RandomStream): Tensor2D {
  const dropoutKernel = backendKernel('AddressedDropout');
  if (dropoutKernel !== undefined) {
    const attributes = { rate, ...stream.take(x.size) };
    const drop = (input: Tensor) => dropoutKernel({ x: input }, attributes)[0] as Tensor2D;
    return operation(
      { inputs: { x }, saved: [] },
      () => drop(x),
      (dy) => ({ x: () => drop(dy) }),
    );
  }
  const mask = stream.fillUniform(new Float32Array(x.size));
  const kept = 1 / (1 - rate);
  for (let i = 0; i < mask.length; i++) mask[i] = mask[i]! < rate ? 0 : kept;
  return tidy(() => mul(x, tensor2d(mask, x.shape)));
}

/**
 * Applies the local response normalisation of A-LRN with AlexNet's parameters (Krizhevsky et al. 2012, section 3.3): x
 * / (2 + 1e-4 · Σ x²)^0.75, where the sum is over 5 neighbouring channels. Neither their formula nor TF.js divides
 * alpha by n = 5. Caffe and PyTorch do, and write 5e-4 for the same function (decision 0030).
 */
export function localResponseNorm(x: Tensor4D): Tensor4D {
  const parameters = { depthRadius: 2, bias: 2, alpha: 1e-4, beta: 0.75 };
  return operation<Tensor4D>(
    { inputs: { x }, saved: [x], output: true },
    () => runKernel(LRN, { x }, parameters),
    (dy, [keptX, y]) => ({ x: () => runKernel(LRNGrad, { x: keptX!, y: y!, dy }, parameters) }),
  );
}

/** Computes max-pooling over 2x2 windows with stride 2 (section 2.1). Odd sides are rounded down. */
export function maxPool(x: Tensor4D): Tensor4D {
  const window = { filterSize: 2, strides: 2, pad: 'valid', dimRoundingMode: undefined };
  return operation<Tensor4D>(
    { inputs: { x }, saved: [x], output: true },
    () => runKernel(MaxPool, { x }, window),
    (dy, [input, output]) => ({ x: () => runKernel(MaxPoolGrad, { dy, input: input!, output: output! }, window) }),
  );
}
