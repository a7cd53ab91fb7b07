/**
 * The layers' operations: convolution, bias and ReLU are one kernel, in training too, with the gradient written out. TF.js
 * undoes that fusion while it records gradients and keeps three activations per layer; these keep one, which the next
 * layer keeps as well (decision 0031).
 */
import {
  _FusedMatMul,
  add,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  customGrad,
  dispose,
  engine,
  FusedBatchNorm,
  FusedConv2D,
  type GradSaveFunc,
  getKernel,
  LRN,
  LRNGrad,
  MaxPool,
  MaxPoolGrad,
  matMul,
  mean,
  mul,
  type NamedAttrMap,
  type NamedTensorMap,
  relu as rectify,
  reshape,
  rsqrt,
  squaredDifference,
  step,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor2d,
  tidy,
} from '@tensorflow/tfjs-core';
import type { RandomStream } from '@vgg/core';

/** Added to the variance, as in Ioffe & Szegedy 2015 and PyTorch. */
const VARIANCE_EPSILON = 1e-5;

const SPATIAL = [0, 1, 2];

const CHANNEL_MOMENTS = 'ChannelMoments';
const CHANNEL_NORM_GRAD = 'ChannelNormGrad';
const ADDRESSED_DROPOUT = 'AddressedDropout';

function runKernel<T extends Tensor>(name: string, inputs: NamedTensorMap, attributes: object): T {
  return engine().runKernel(name, inputs, attributes as NamedAttrMap) as T;
}

/**
 * Whether the current backend has a kernel that TF.js does not know: `@vgg/backend-onednn` has some that do in one pass over
 * memory what is composed here of several. What they compute is the same.
 */
function has(kernel: string): boolean {
  return getKernel(kernel, engine().backendName) !== undefined;
}

interface Recorded {
  /** What the operation is differentiable in. */
  inputs: readonly Tensor[];
  /** What the gradient needs. */
  saved: readonly Tensor[];
  /** Whether the gradient needs the output too: it is then the last of the saved. */
  output?: boolean;
  /** Whether the operation ends in a ReLU, whose mask is taken from the output. */
  relu?: boolean;
}

/**
 * Runs `forward` as one operation. `gradients` gives those of the inputs, in their order, from that of the output and the
 * saved tensors. All these are then freed, since nothing reads them again: TF.js would keep those of every layer until the
 * last gradient is done.
 */
function operation<T extends Tensor>(
  { inputs, saved, output = false, relu = false }: Recorded,
  forward: () => T,
  gradients: (dy: Tensor, saved: readonly Tensor[]) => Tensor[],
): T {
  if (inputs.length === 0) return untracked(forward);
  const differentiable = customGrad<T>((...args) => {
    const save = args.at(-1) as GradSaveFunc;
    const y = forward();
    save(output || relu ? [...saved, y] : [...saved]);
    return {
      value: y,
      gradFunc: (dy, kept) => {
        const computed = tidy(() => gradients(relu ? masked(dy, kept.at(-1)!) : dy, kept));
        dispose(computed.includes(dy) ? kept : [...kept, dy]);
        return computed;
      },
    };
  });
  return differentiable(...inputs);
}

/** A value that gradients pass by: nothing is recorded, and so nothing kept, of how it came about. */
export function untracked<T extends Tensor>(compute: () => T): T {
  return customGrad<T>(() => ({ value: compute(), gradFunc: () => [] }))();
}

/** The gradient before a ReLU: that after it, where the output is above 0. */
function masked(dy: Tensor, y: Tensor): Tensor {
  return tidy(() => mul(dy, step(y)));
}

/** What of a layer takes no part in differentiation, so that nothing is computed for it. */
export interface Constants {
  /** The layer's variables. */
  variables?: boolean;
  /** The layer's input. */
  input?: boolean;
}

function differentiated(x: Tensor, first: Tensor, second: Tensor, constant: Constants): Tensor[] {
  return [...(constant.input ? [] : [x]), ...(constant.variables ? [] : [first, second])];
}

export interface Weighted {
  weight: Tensor;
  bias: Tensor;
  /** Whether a ReLU follows. */
  relu: boolean;
  constant?: Constants;
}

/**
 * Convolution at stride 1, bias and, if wanted, ReLU. `x` is [n, h, w, in], the weight [kh, kw, in, out].
 * 'same' padding is the paper's: 1 for 3x3, 0 for 1x1; 'valid' is for the dense view.
 */
export function convolve(
  x: Tensor4D,
  { weight, bias, relu, constant = {} }: Weighted,
  pad: 'same' | 'valid' = 'same',
): Tensor4D {
  const geometry = { strides: [1, 1], dilations: [1, 1], pad, dataFormat: 'NHWC', dimRoundingMode: undefined };
  const fused = { ...geometry, activation: relu ? 'relu' : 'linear', leakyreluAlpha: undefined };
  const [inputShape, filterShape] = [x.shape, weight.shape];
  return operation<Tensor4D>(
    { inputs: differentiated(x, weight, bias, constant), saved: [x, weight], relu },
    () => runKernel(FusedConv2D, { x, filter: weight, bias }, fused),
    (dy, [keptX, filter]) => [
      ...(constant.input ? [] : [runKernel(Conv2DBackpropInput, { dy, filter: filter! }, { ...geometry, inputShape })]),
      ...(constant.variables
        ? []
        : [runKernel(Conv2DBackpropFilter, { x: keptX!, dy }, { ...geometry, filterShape }), sum(dy, SPATIAL)]),
    ],
  );
}

/** x · weight + bias and, if wanted, ReLU. `x` is [n, in], the weight [in, out]. */
export function connect(x: Tensor2D, { weight, bias, relu, constant = {} }: Weighted): Tensor2D {
  const fused = {
    transposeA: false,
    transposeB: false,
    activation: relu ? 'relu' : 'linear',
    leakyreluAlpha: undefined,
  };
  return operation(
    { inputs: differentiated(x, weight, bias, constant), saved: [x, weight], relu },
    () => {
      const a = reshape(x, [1, ...x.shape]);
      const b = reshape(weight, [1, ...weight.shape]);
      const product = runKernel(_FusedMatMul, { a, b, bias }, fused);
      return reshape(product, [product.shape[1]!, product.shape[2]!]) as Tensor2D;
    },
    (dy, [keptX, keptWeight]) => [
      ...(constant.input ? [] : [matMul(dy, keptWeight!, false, true)]),
      ...(constant.variables ? [] : [matMul(keptX!, dy, true, false), sum(dy, 0)]),
    ],
  );
}

export interface Normalised {
  scale: Tensor;
  offset: Tensor;
  /** Per channel: of this batch, or the running ones. */
  mean: Tensor;
  variance: Tensor;
  /** Whether mean and variance are those of `x` itself, so that the gradient passes through them. */
  ofBatch: boolean;
  /** Whether a ReLU follows. */
  relu: boolean;
  constant?: Constants;
}

/**
 * Batch normalisation, scale · (x - mean) / √(variance + 1e-5) + offset, and, if wanted, ReLU. `x` is [n, h, w, channels].
 * The gradient with batch statistics is Ioffe & Szegedy's (2015, section 3) with its sums collected.
 */
export function normalise(
  x: Tensor4D,
  { scale, offset, mean, variance, ofBatch, relu, constant = {} }: Normalised,
): Tensor4D {
  const epsilon = { varianceEpsilon: VARIANCE_EPSILON };
  const inputs = differentiated(x, scale, offset, constant);
  const forward = () =>
    tidy(() => {
      const y = runKernel<Tensor4D>(FusedBatchNorm, { x, scale, offset, mean, variance }, epsilon);
      return relu ? rectify(y) : y;
    });
  if (has(CHANNEL_NORM_GRAD)) {
    // The mask of the ReLU is found again from x, so that its output need not be kept.
    return operation<Tensor4D>({ inputs, saved: [x, scale, mean, variance, offset] }, forward, (dy, saved) => {
      const [keptX, keptScale, keptMean, keptVariance, keptOffset] = saved as Tensor[];
      const given = { x: keptX!, dy, mean: keptMean!, variance: keptVariance!, scale: keptScale!, offset: keptOffset! };
      const [dx, ...dVariables] = engine().runKernel(CHANNEL_NORM_GRAD, given, {
        ...epsilon,
        relu,
        ofBatch,
      }) as Tensor[];
      return [...(constant.input ? [] : [dx!]), ...(constant.variables ? [] : dVariables)];
    });
  }
  return operation<Tensor4D>({ inputs, saved: [x, scale, mean, variance], relu }, forward, (dy, saved) => {
    const [keptX, keptScale, keptMean, keptVariance] = saved as Tensor[];
    const inverseDeviation = rsqrt(add(keptVariance!, VARIANCE_EPSILON));
    const slope = mul(keptScale!, inverseDeviation);
    const direct = () => mul(dy, slope);
    if (constant.variables && !ofBatch) return constant.input ? [] : [direct()];

    const dOffset = sum(dy, SPATIAL);
    const dScale = tidy(() => mul(sum(mul(dy, sub(keptX!, keptMean!)), SPATIAL), inverseDeviation));
    const dVariables = constant.variables ? [] : [dScale, dOffset];
    if (constant.input) return dVariables;
    if (!ofBatch) return [direct(), ...dVariables];
    const share = mul(slope, -mean.size / x.size);
    const throughStatistics = runKernel(
      FusedBatchNorm,
      {
        x: keptX!,
        mean: keptMean!,
        variance: keptVariance!,
        scale: mul(share, dScale),
        offset: mul(share, dOffset),
      },
      epsilon,
    );
    return [add(direct(), throughStatistics), ...dVariables];
  });
}

/** Mean and biased variance of every channel of `x` [n, h, w, channels] over images and positions, as constants. */
export function channelMoments(x: Tensor4D): { mean: Tensor1D; variance: Tensor1D } {
  if (has(CHANNEL_MOMENTS)) {
    // It has no gradient, so nothing is kept for one.
    const [centre, spread] = engine().runKernel(CHANNEL_MOMENTS, { x }) as Tensor[];
    return { mean: centre as Tensor1D, variance: spread as Tensor1D };
  }
  const centre = untracked(() => mean(x, SPATIAL) as Tensor1D);
  return { mean: centre, variance: untracked(() => mean(squaredDifference(x, centre), SPATIAL) as Tensor1D) };
}

/**
 * Dropout (section 3.1): each number of `x` [n, units] is dropped with probability `rate`, the others grow by 1 / (1 - rate),
 * so that nothing needs scaling at test time (PyTorch does the same).
 */
export function dropOut(x: Tensor2D, rate: number, stream: RandomStream): Tensor2D {
  if (has(ADDRESSED_DROPOUT)) {
    const attributes = { rate, ...stream.take(x.size) };
    const drop = (from: Tensor) => runKernel<Tensor2D>(ADDRESSED_DROPOUT, { x: from }, attributes);
    return operation(
      { inputs: [x], saved: [] },
      () => drop(x),
      (dy) => [drop(dy)],
    );
  }
  const mask = stream.fillUniform(new Float32Array(x.size));
  const kept = 1 / (1 - rate);
  for (let i = 0; i < mask.length; i++) mask[i] = mask[i]! < rate ? 0 : kept;
  return tidy(() => mul(x, tensor2d(mask, x.shape)));
}

/**
 * Local response normalisation of A-LRN with AlexNet's parameters (Krizhevsky et al. 2012, section 3.3):
 * x / (2 + 1e-4 · Σ x²)^0.75, the sum over 5 neighbouring channels. Their formula does not divide alpha by n = 5, nor does
 * TF.js; Caffe and PyTorch do and write 5e-4 for the same function (decision 0030).
 */
export function localResponseNorm(x: Tensor4D): Tensor4D {
  const parameters = { depthRadius: 2, bias: 2, alpha: 1e-4, beta: 0.75 };
  return operation<Tensor4D>(
    { inputs: [x], saved: [x], output: true },
    () => runKernel(LRN, { x }, parameters),
    (dy, [keptX, y]) => [runKernel(LRNGrad, { x: keptX!, y: y!, dy }, parameters)],
  );
}

/** Max-pooling over 2x2 windows at stride 2 (section 2.1): odd sides are rounded down. */
export function maxPool(x: Tensor4D): Tensor4D {
  const window = { filterSize: 2, strides: 2, pad: 'valid', dimRoundingMode: undefined };
  return operation<Tensor4D>(
    { inputs: [x], saved: [x], output: true },
    () => runKernel(MaxPool, { x }, window),
    (dy, [input, output]) => [runKernel(MaxPoolGrad, { dy, input: input!, output: output! }, window)],
  );
}
