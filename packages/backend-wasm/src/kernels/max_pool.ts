/** MaxPool of VGG: 2 × 2 pixels at stride 2, without padding. Other pooling runs on the stock kernel. */
import { backend_util, MaxPool, type MaxPoolAttrs, type MaxPoolInputs } from '@tensorflow/tfjs-core';
import { addressOf } from '../heap';
import { partsFor, runParts } from '../module';
import { kernel } from './kernel';

/** Number of arithmetic operations that take the time of one element, which comes from memory. */
const OPERATIONS = 16;

export const maxPool = kernel<MaxPoolInputs, MaxPoolAttrs>(MaxPool, ({ inputs: { x }, attrs, backend, stock }) => {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const shape = x.shape as [number, number, number, number];
  if (x.dtype !== 'float32') return stock();
  const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo, outHeight, outWidth } = info;
  const square = [filterHeight, filterWidth, strideHeight, strideWidth].every((size) => size === 2);
  const [count, height, width, channels] = shape;
  const inside = padInfo.top === 0 && padInfo.left === 0 && outHeight === height >> 1 && outWidth === width >> 1;
  if (!square || !inside) return stock();
  const y = backend.makeOutput(info.outShape, 'float32');
  const parts = partsFor(backend, count * height * width * channels * OPERATIONS, count * outHeight);
  const args = [addressOf(backend, x), addressOf(backend, y), count, height, width, channels];
  runParts(backend, 'maxPool2x2', parts, args);
  return y;
});
