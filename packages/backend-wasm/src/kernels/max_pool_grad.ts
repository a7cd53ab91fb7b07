/** MaxPoolGrad: four channels at a time. */
import { backend_util, MaxPoolGrad, type MaxPoolGradAttrs, type MaxPoolGradInputs } from '@tensorflow/tfjs-core';
import { addressOf } from '../heap';
import { partsFor, runParts } from '../module';
import { kernel } from './kernel';

/** Number of arithmetic operations that take the time of one element, which comes from memory. */
const OPERATIONS = 16;

export const maxPoolGrad = kernel<MaxPoolGradInputs, MaxPoolGradAttrs>(
  MaxPoolGrad,
  ({ inputs, attrs, backend, stock }) => {
    const { dy, input } = inputs;
    const { filterSize, strides, pad, dimRoundingMode } = attrs;
    if (input.dtype !== 'float32' || dy.dtype !== 'float32') return stock();
    const info = backend_util.computePool2DInfo(
      input.shape as [number, number, number, number],
      filterSize,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
    const dx = backend.makeOutput(input.shape, 'float32');
    const operations = info.batchSize * info.inHeight * info.inWidth * info.inChannels * OPERATIONS;
    runParts(backend, 'maxPoolGradient', partsFor(backend, operations, info.batchSize * info.outHeight), [
      addressOf(backend, input),
      addressOf(backend, dy),
      addressOf(backend, dx),
      info.batchSize,
      info.inHeight,
      info.inWidth,
      info.inChannels,
      info.outHeight,
      info.outWidth,
      info.filterHeight,
      info.filterWidth,
      info.strideHeight,
      info.strideWidth,
      info.dilationHeight,
      info.dilationWidth,
      info.padInfo.top,
      info.padInfo.left,
    ]);
    return dx;
  },
);
