/** Batch normalisation (Ioffe & Szegedy 2015) with its gradient. */
import {
  add,
  FusedBatchNorm,
  mean,
  mul,
  relu as rectify,
  rsqrt,
  squaredDifference,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { backendKernel } from './backend-kernels';
import { type Constants, differentiated, type Gradients, operation, runKernel, untracked } from './operation';

/** Added to the variance, as in Ioffe & Szegedy 2015 and PyTorch. */
export const EPSILON = { varianceEpsilon: 1e-5 };

/** Axes of images and positions. */
const SPATIAL = [0, 1, 2];

export interface BatchNorm {
  scale: Tensor;
  offset: Tensor;
  /** Mean of every channel: of this batch, or the running one. */
  mean: Tensor;
  /** Variance of every channel: of this batch, or the running one. */
  variance: Tensor;
  /** True if mean and variance are those of `x`, so that the gradient passes through them. */
  ofBatch: boolean;
  /** True if a ReLU follows. */
  relu: boolean;
  constant?: Constants;
}

/**
 * Computes scale · (x - mean) / √(variance + 1e-5) + offset and, if `relu`, a ReLU. `x` is [n, h, w, channels]. The
 * gradient with batch statistics is that of Ioffe & Szegedy (2015, section 3) with its sums collected. It is one kernel
 * where the backend has one, with the same result.
 */
export function batchNormWithGradient(x: Tensor4D, layer: BatchNorm): Tensor4D {
  const { scale, offset, mean, variance, ofBatch, relu, constant = {} } = layer;
  const inputs = differentiated<Tensor>(x, { scale, offset }, constant);
  const fused = backendKernel('ChannelNorm');
  const forward = () =>
    tidy(() => {
      if (fused !== undefined) return fused({ x, scale, offset, mean, variance }, { ...EPSILON, relu })[0] as Tensor4D;
      const y = runKernel<Tensor4D>(FusedBatchNorm, { x, scale, offset, mean, variance }, EPSILON);
      return relu ? rectify(y) : y;
    });
  const gradientKernel = backendKernel('ChannelNormGrad');
  if (gradientKernel === undefined) {
    const saved = [x, scale, mean, variance];
    return operation<Tensor4D>({ inputs, saved, relu }, forward, (dy, kept) => composedGradients(dy, kept, layer));
  }
  // The kernel computes the mask of the ReLU from x, so the output need not be kept.
  return operation<Tensor4D>({ inputs, saved: [x, scale, mean, variance, offset] }, forward, (dy, kept) => {
    const [keptX, keptScale, keptMean, keptVariance, keptOffset] = kept as Tensor[];
    const [input, dScale, dOffset] = gradientKernel(
      { x: keptX!, dy, mean: keptMean!, variance: keptVariance!, scale: keptScale!, offset: keptOffset! },
      { ...EPSILON, relu, ofBatch },
    );
    if (constant.input) input!.dispose();
    return { input: () => input!, scale: () => dScale!, offset: () => dOffset! };
  });
}

/** Computes the gradients of the input, scale and offset with TF.js's operations. */
function composedGradients(dy: Tensor, kept: readonly Tensor[], { ofBatch }: BatchNorm): ReturnType<Gradients> {
  const [x, scale, mean, variance] = kept as Tensor[];
  const inverseDeviation = tidy(() => rsqrt(add(variance!, EPSILON.varianceEpsilon)));
  const slope = mul(scale!, inverseDeviation);
  const dOffset = once(() => sum(dy, SPATIAL));
  const dScale = once(() => tidy(() => mul(sum(mul(dy, sub(x!, mean!)), SPATIAL), inverseDeviation)));
  const input = () => {
    const direct = mul(dy, slope);
    if (!ofBatch) return direct;
    const share = mul(slope, -mean!.size / x!.size);
    const throughStatistics = runKernel(
      FusedBatchNorm,
      { x: x!, mean: mean!, variance: variance!, scale: mul(share, dScale()), offset: mul(share, dOffset()) },
      EPSILON,
    );
    return add(direct, throughStatistics);
  };
  return { input, scale: dScale, offset: dOffset };
}

/** Returns a function that computes a value at its first call. */
function once<T>(compute: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= compute();
    return value;
  };
}

export type ChannelMoments = { mean: Tensor1D; variance: Tensor1D };

/**
 * Returns mean and biased variance of every channel of `x` [n, h, w, channels] over images and positions, as constants.
 */
export function channelMoments(x: Tensor4D): ChannelMoments {
  const momentsKernel = backendKernel('ChannelMoments');
  if (momentsKernel !== undefined) {
    const [centre, spread] = momentsKernel({ x });
    return { mean: centre as Tensor1D, variance: spread as Tensor1D };
  }
  const centre = untracked(() => mean(x, SPATIAL) as Tensor1D);
  return { mean: centre, variance: untracked(() => mean(squaredDifference(x, centre), SPATIAL) as Tensor1D) };
}
