/**
 * Batch norm in training, in as few passes over memory as there can be. Kernels of our own, under names that no stock backend has:
 *
 * | kernel | inputs | attributes | outputs |
 * | --- | --- | --- | --- |
 * | ChannelMoments | x [..., channels] | | mean, biased variance |
 * | ChannelNorm | x, mean, variance, scale, offset | varianceEpsilon, relu | scale · (x - mean) / √(variance + epsilon) + offset, with a ReLU if `relu` |
 * | ChannelNormGrad | x, dy, mean, variance, scale, offset | varianceEpsilon, relu, ofBatch | gradients of x, scale, offset |
 */
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf, partsFor, runParts } from '../module';
import { normalise } from './batch_norm';
import { type KernelCall, kernel } from './kernel';

/** Number of arithmetic operations that take the time of one element, which comes from memory. */
const OPERATIONS = 16;

/** Number of rows in a block of sums (`assembly/columns.ts`). */
const BLOCK = 64;

/** Returns the rows and columns of a tensor whose last dimension are the channels. */
function matrixOf({ shape }: TensorInfo): { rows: number; channels: number } {
  const channels = shape.at(-1)!;
  return { rows: util.sizeFromShape(shape) / channels, channels };
}

export const channelMoments = kernel<{ x: TensorInfo }, object>('ChannelMoments', ({ inputs: { x }, backend }) => {
  const { rows, channels } = matrixOf(x);
  const { addBlockSums, blockSumsBytes } = kernelsOf(backend);
  const parts = partsFor(backend, rows * channels * OPERATIONS, Math.ceil(rows / BLOCK));
  return withScratch(backend, [blockSumsBytes(rows, channels)], (sums) => {
    const [mean, variance] = [0, 1].map(() => backend.makeOutput([channels], 'float32')) as [TensorInfo, TensorInfo];
    const [from, centre] = [addressOf(backend, x), addressOf(backend, mean)];
    runParts(backend, 'blockSums', parts, [from, rows, channels, sums!]);
    addBlockSums(sums!, rows, channels, 1 / rows, centre);
    runParts(backend, 'deviationSums', parts, [from, rows, channels, centre, sums!]);
    addBlockSums(sums!, rows, channels, 1 / rows, addressOf(backend, variance));
    return [mean, variance];
  });
});

type Statistics = Record<'x' | 'mean' | 'variance' | 'scale' | 'offset', TensorInfo>;

export const channelNorm = kernel<Statistics, { varianceEpsilon: number; relu: boolean }>('ChannelNorm', (call) =>
  normalise(call.backend, call.inputs, call.attrs.varianceEpsilon, call.attrs.relu),
);

function gradients({
  inputs,
  attrs,
  backend,
}: KernelCall<Statistics & { dy: TensorInfo }, { varianceEpsilon: number; relu: boolean; ofBatch: boolean }>) {
  const { relu, ofBatch } = attrs;
  const { rows, channels } = matrixOf(inputs.x);
  const { addBlockSums, blockSumsBytes, channelNormShares, normalisationFactors } = kernelsOf(backend);
  const [sumsBytes, vector] = [blockSumsBytes(rows, channels), channels * 4];
  const sizes = [sumsBytes, sumsBytes, vector, vector, vector, vector, vector];
  return withScratch(backend, sizes, (...scratch) => {
    const [sums, products, factor, inverse, shift, byMean, constant] = scratch as [number, ...number[]] & number[];
    const dx = backend.makeOutput(inputs.x.shape, 'float32');
    const [dScale, dOffset] = [0, 1].map(() => backend.makeOutput([channels], 'float32')) as [TensorInfo, TensorInfo];
    const at = (tensor: TensorInfo) => addressOf(backend, tensor);
    const [variance, scale, offset] = [at(inputs.variance), at(inputs.scale), at(inputs.offset)];
    normalisationFactors(variance, scale, offset, channels, attrs.varianceEpsilon, factor!, inverse!, shift!);
    const common = [at(inputs.x), at(inputs.dy), rows, channels, at(inputs.mean), factor!, shift!, relu];
    const work = rows * channels * OPERATIONS;
    const parts = partsFor(backend, work, Math.ceil(rows / BLOCK));
    runParts(backend, 'channelNormSums', parts, [...common, sums, products!]);
    addBlockSums(sums, rows, channels, 1, at(dOffset));
    addBlockSums(products!, rows, channels, 1, at(dScale));
    channelNormShares(rows, channels, factor!, inverse!, ofBatch, at(dScale), at(dOffset), byMean!, constant!);
    const args = [...common, byMean!, constant!, at(dx)];
    runParts(backend, 'channelNormGradient', partsFor(backend, work, rows), args);
    return [dx, dScale, dOffset];
  });
}

export const channelNormGrad = kernel<
  Statistics & { dy: TensorInfo },
  { varianceEpsilon: number; relu: boolean; ofBatch: boolean }
>('ChannelNormGrad', gradients);
