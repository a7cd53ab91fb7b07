/**
 * Kernels of our own for training, under names that no stock backend of TF.js has; packages that train look for them (`getKernel`), and
 * otherwise compose the same from TF.js's operations. Those of batch norm are in `channel_norm.ts`, ReluGrad in `elementwise.ts`.
 *
 * | kernel | inputs | attributes | outputs |
 * | --- | --- | --- | --- |
 * | AddressedDropout | x | rate, key [2], start | x, each number dropped with that probability, others · 1 / (1 - rate) |
 * | MomentumSgd | weights, gradient, velocity if any | a, b, m, c | weights + c·v, v = a·gradient + b·weights + m·velocity |
 * | SumOfSquares | any number of tensors | | sum of the squares of all their numbers |
 *
 * MomentumSgd takes over its inputs: weights and velocity that no other tensor shares are changed in place. Each product and sum is
 * rounded to float32 in the order written, and a term whose factor is 0 is left out.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf, partsFor, runParts, slotsOf } from '../module';
import { stockModule } from '../stock';
import { kernel } from './kernel';

/** Numbers of arithmetic operations that take the time of one element. */
const OPERATIONS = 16;
const DROPOUT_OPERATIONS = 64;

/** Returns a tensor that may be changed in place: another reference to the same memory, or a copy if others share it. */
function ownMemory(backend: BackendWasm, { dataId, shape, dtype }: TensorInfo): TensorInfo {
  if (backend.refCount(dataId) === 1) {
    backend.incRef(dataId);
    return { dataId, shape, dtype };
  }
  const copy = backend.makeOutput(shape, dtype);
  const start = addressOf(backend, { dataId, shape, dtype });
  const bytes = util.sizeFromShape(shape) * 4;
  stockModule(backend).HEAPU8.copyWithin(addressOf(backend, copy), start, start + bytes);
  return copy;
}

export const momentumSgd = kernel<
  { weights: TensorInfo; gradient: TensorInfo; velocity: TensorInfo | undefined },
  Record<'a' | 'b' | 'm' | 'c', number>
>('MomentumSgd', ({ inputs: { weights, gradient, velocity }, attrs: { a, b, m, c }, backend }) => {
  const count = util.sizeFromShape(weights.shape);
  const w = ownMemory(backend, weights);
  const previous = velocity as TensorInfo | undefined;
  const v = previous === undefined ? backend.makeOutput(weights.shape, 'float32') : ownMemory(backend, previous);
  const addresses = [w, gradient, v].map((info) => addressOf(backend, info));
  const args = [...addresses, count, a, b, previous === undefined ? 0 : m, c];
  runParts(backend, 'momentumSgd', partsFor(backend, count * OPERATIONS, count), args);
  return [w, v];
});

export const sumOfSquares = kernel<TensorInfo[], object>('SumOfSquares', ({ inputs, backend }) => {
  const { addSquares, squareBlocks } = kernelsOf(backend);
  let total = 0;
  for (const x of Object.values(inputs as unknown as Record<string, TensorInfo>)) {
    const count = util.sizeFromShape(x.shape);
    const blocks = squareBlocks(count);
    total += withScratch(backend, [blocks * 4], (sums) => {
      runParts(backend, 'blockSquares', partsFor(backend, count * OPERATIONS, blocks), [
        addressOf(backend, x),
        count,
        sums!,
      ]);
      return addSquares(sums!, count);
    });
  }
  return backend.makeOutput([], 'float32', undefined, new Float32Array([total]));
});

export const addressedDropout = kernel<
  { x: TensorInfo },
  { rate: number; key: readonly [number, number]; start: number }
>('AddressedDropout', ({ inputs: { x }, attrs: { rate, key, start }, backend }) => {
  const count = util.sizeFromShape(x.shape);
  const y = backend.makeOutput(x.shape, 'float32');
  // A uniform number is a word's upper 24 bits: it is below the rate if they are below this.
  const limit = Math.ceil(rate * 2 ** 24);
  return withScratch(backend, [slotsOf(backend) * 32], (scratch) => {
    const [from, to] = [addressOf(backend, x), addressOf(backend, y)];
    const args = [from, count, key[0], key[1], start, limit, 1 / (1 - rate), to, scratch!];
    runParts(backend, 'addressedDropout', partsFor(backend, count * DROPOUT_OPERATIONS, count), args);
    return y;
  });
});
