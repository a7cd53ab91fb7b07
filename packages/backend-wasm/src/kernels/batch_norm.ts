/**
 * FusedBatchNorm with one mean, variance, scale and offset per channel, and its gradient in one pass: tfjs-core's own
 * gradient consists of about twenty kernels, one of which tiles a vector to the size of the image.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  engine,
  FusedBatchNorm,
  type FusedBatchNormAttrs,
  type GradConfig,
  getGradient,
  getKernel,
  type NamedTensorMap,
  registerGradient,
  type Tensor,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf, partsFor, runParts } from '../module';
import { kernel } from './kernel';

/** Name of our own kernel for the gradient below. Outputs: gradients of x, mean, variance, scale and offset. */
const FUSED_BATCH_NORM_GRAD = 'FusedBatchNormGrad';

/** Number of arithmetic operations that take the time of one element, which comes from memory. */
const OPERATIONS = 16;

interface NormInputs {
  x: TensorInfo;
  mean: TensorInfo;
  variance: TensorInfo;
  scale: TensorInfo | null | undefined;
}

/** Returns true if every parameter has one value per channel. */
function perChannel(x: TensorInfo, ...parameters: (TensorInfo | null | undefined)[]): boolean {
  return [x, ...parameters.filter((p) => p != null)].every(
    (p) => p.dtype === 'float32' && (p === x || (p.shape.length === 1 && p.shape[0] === x.shape.at(-1))),
  );
}

/** Computes batch norm with one value per channel of each parameter, and a ReLU if `rectify`. */
export function normalise(
  backend: BackendWasm,
  { x, mean, variance, scale, offset }: NormInputs & { offset: TensorInfo | null | undefined },
  epsilon: number,
  rectify: boolean,
): TensorInfo {
  const channels = x.shape.at(-1)!;
  const { normalisationFactors } = kernelsOf(backend);
  const at = (tensor: TensorInfo | null | undefined) => (tensor == null ? 0 : addressOf(backend, tensor));
  return withScratch(backend, [channels * 4, channels * 4, channels * 4], (factor, inverse, shift) => {
    const y = backend.makeOutput(x.shape, 'float32');
    normalisationFactors(at(variance), at(scale), at(offset), channels, epsilon, factor!, inverse!, shift!);
    const size = util.sizeFromShape(x.shape);
    const rows = size / channels;
    const args = [at(x), rows, channels, at(mean), factor!, shift!, rectify, at(y)];
    runParts(backend, 'normalise', partsFor(backend, size * OPERATIONS, rows), args);
    return y;
  });
}

export const batchNorm = kernel<NormInputs & { offset: TensorInfo | undefined }, FusedBatchNormAttrs>(
  FusedBatchNorm,
  ({ inputs, attrs, backend, stock }) => {
    const { x, mean, variance, scale, offset } = inputs;
    if (!perChannel(x, mean, variance, scale, offset)) return stock();
    return normalise(backend, inputs, attrs.varianceEpsilon, false);
  },
);

export const batchNormGrad = kernel<NormInputs & { dy: TensorInfo }, FusedBatchNormAttrs>(
  FUSED_BATCH_NORM_GRAD,
  ({ inputs, attrs, backend }) => {
    const { x, mean, variance, scale, dy } = inputs;
    const channels = x.shape.at(-1)!;
    const { addBlockSums, blockSumsBytes, normalisationFactors, normalisationParameterGradients } = kernelsOf(backend);
    const at = (tensor: TensorInfo | null | undefined) => (tensor == null ? 0 : addressOf(backend, tensor));
    const size = util.sizeFromShape(x.shape);
    const rows = size / channels;
    const sumsBytes = blockSumsBytes(rows, channels);
    const vector = channels * 4;
    return withScratch(backend, [vector, vector, vector, sumsBytes, sumsBytes], (...scratch) => {
      const [factor, inverse, shift, sums, products] = scratch as [number, number, number, number, number];
      const dx = backend.makeOutput(x.shape, 'float32');
      const [dMean, dVariance, dScale, dOffset] = [0, 1, 2, 3].map(() => backend.makeOutput([channels], 'float32'));
      normalisationFactors(at(variance), at(scale), 0, channels, attrs.varianceEpsilon, factor, inverse, shift);
      const args = [at(x), at(dy), rows, channels, at(mean), factor, at(dx), sums, products];
      const parts = partsFor(backend, size * OPERATIONS, Math.ceil(rows / 64));
      runParts(backend, 'normalisationGradient', parts, args);
      addBlockSums(sums, rows, channels, 1, at(dOffset));
      addBlockSums(products, rows, channels, 1, at(dScale));
      normalisationParameterGradients(channels, factor, inverse, at(dMean), at(dVariance), at(dScale), at(dOffset));
      return [dx, dMean!, dVariance!, dScale!, dOffset!];
    });
  },
);

/**
 * Registers a gradient of FusedBatchNorm that runs our kernel where it is registered, and else tfjs-core's operations.
 */
export function fuseBatchNormGradient(): void {
  const general = getGradient(FusedBatchNorm) as GradConfig;
  registerGradient({
    ...general,
    gradFunc: (dy, saved, attrs) => {
      const [x, mean, variance, scale] = saved as [Tensor, Tensor, Tensor, Tensor | null];
      const fused = getKernel(FUSED_BATCH_NORM_GRAD, engine().backendName) !== undefined;
      if (!fused || Array.isArray(dy) || !perChannel(x, mean, variance, scale)) {
        return general.gradFunc(dy, saved, attrs);
      }
      const inputs: NamedTensorMap = { x, dy, mean, variance };
      if (scale) inputs.scale = scale;
      const gradients = engine().runKernel(FUSED_BATCH_NORM_GRAD, inputs, attrs) as unknown as Tensor[];
      const [dx, dMean, dVariance, dScale, dOffset] = gradients as [Tensor, Tensor, Tensor, Tensor, Tensor];
      return {
        x: () => dx,
        mean: () => dMean,
        variance: () => dVariance,
        scale: () => dScale,
        offset: () => dOffset,
      };
    },
  });
}
