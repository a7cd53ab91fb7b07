/** LRN and LRNGrad (configuration A-LRN), four channels at a time. */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  LRN,
  type LRNAttrs,
  LRNGrad,
  type LRNGradAttrs,
  type LRNGradInputs,
  type LRNInputs,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf, partsFor, runParts, slotsOf } from '../module';
import { kernel } from './kernel';

/** Number of operations for one element. */
const OPERATIONS = 32;

/** Returns the number of bytes of scratch memory for all threads. */
function scratchBytes(backend: BackendWasm, channels: number, radius: number): number {
  return ((kernelsOf(backend).localResponseScratch(channels, radius) + 15) & ~15) * slotsOf(backend);
}

export const lrn = kernel<LRNInputs, LRNAttrs>(LRN, ({ inputs: { x }, attrs, backend, stock }) => {
  if (x.dtype !== 'float32') return stock();
  const { depthRadius, bias, alpha, beta } = attrs;
  const channels = x.shape[3]!;
  const pixels = util.sizeFromShape(x.shape.slice(0, 3));
  const parts = partsFor(backend, pixels * channels * OPERATIONS, pixels);
  return withScratch(backend, [scratchBytes(backend, channels, depthRadius)], (scratch) => {
    const y = backend.makeOutput(x.shape, 'float32');
    const [from, to] = [addressOf(backend, x), addressOf(backend, y)];
    const args = [from, pixels, channels, depthRadius, bias, alpha, beta, to, scratch!];
    runParts(backend, 'localResponse', parts, args);
    return y;
  });
});

export const lrnGrad = kernel<LRNGradInputs, LRNGradAttrs>(LRNGrad, ({ inputs, attrs, backend, stock }) => {
  const { x, y, dy } = inputs;
  if (x.dtype !== 'float32' || y.dtype !== 'float32' || dy.dtype !== 'float32') return stock();
  const { depthRadius, bias, alpha, beta } = attrs;
  const channels = x.shape[3]!;
  const pixels = util.sizeFromShape(x.shape.slice(0, 3));
  const parts = partsFor(backend, pixels * channels * OPERATIONS, pixels);
  return withScratch(backend, [scratchBytes(backend, channels, depthRadius)], (scratch) => {
    const [xAt, yAt, dyAt] = [addressOf(backend, x), addressOf(backend, y), addressOf(backend, dy)];
    const dx = backend.makeOutput(x.shape, 'float32');
    const to = addressOf(backend, dx);
    const args = [xAt, yAt, dyAt, pixels, channels, depthRadius, bias, alpha, beta, to, scratch!];
    runParts(backend, 'localResponseGradient', parts, args);
    return dx;
  });
});
