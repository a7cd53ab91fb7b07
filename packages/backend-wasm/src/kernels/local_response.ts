/** LRN and LRNGrad (configuration A-LRN), four channels at a time. */
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
import { kernelsOf } from '../module';
import { kernel } from './kernel';

export const lrn = kernel<LRNInputs, LRNAttrs>(LRN, ({ inputs: { x }, attrs, backend, stock }) => {
  if (x.dtype !== 'float32') return stock();
  const { depthRadius, bias, alpha, beta } = attrs;
  const channels = x.shape[3]!;
  const pixels = util.sizeFromShape(x.shape.slice(0, 3));
  const { localResponse, localResponseScratch } = kernelsOf(backend);
  return withScratch(backend, [localResponseScratch(channels, depthRadius)], (scratch) => {
    const y = backend.makeOutput(x.shape, 'float32');
    const to = addressOf(backend, y);
    localResponse(addressOf(backend, x), pixels, channels, depthRadius, bias, alpha, beta, to, scratch!);
    return y;
  });
});

export const lrnGrad = kernel<LRNGradInputs, LRNGradAttrs>(LRNGrad, ({ inputs, attrs, backend, stock }) => {
  const { x, y, dy } = inputs;
  if (x.dtype !== 'float32' || y.dtype !== 'float32' || dy.dtype !== 'float32') return stock();
  const { depthRadius, bias, alpha, beta } = attrs;
  const channels = x.shape[3]!;
  const pixels = util.sizeFromShape(x.shape.slice(0, 3));
  const { localResponseGradient, localResponseScratch } = kernelsOf(backend);
  return withScratch(backend, [localResponseScratch(channels, depthRadius)], (scratch) => {
    const [xAt, yAt, dyAt] = [addressOf(backend, x), addressOf(backend, y), addressOf(backend, dy)];
    const dx = backend.makeOutput(x.shape, 'float32');
    const to = addressOf(backend, dx);
    localResponseGradient(xAt, yAt, dyAt, pixels, channels, depthRadius, bias, alpha, beta, to, scratch!);
    return dx;
  });
});
