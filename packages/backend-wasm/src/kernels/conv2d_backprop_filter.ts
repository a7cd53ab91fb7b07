/** Conv2DBackpropFilter, which the stock backend lacks. */
import {
  backend_util,
  Conv2DBackpropFilter,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropFilterInputs,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf } from '../module';
import { kernel } from './kernel';
import { groupSize } from './windows';

export const conv2dBackpropFilter = kernel<Conv2DBackpropFilterInputs, Conv2DBackpropFilterAttrs>(
  Conv2DBackpropFilter,
  ({ inputs, attrs, backend }) => {
    const { x, dy } = inputs;
    const { strides, pad, dataFormat, dimRoundingMode, filterShape } = attrs;
    util.assert(
      dataFormat === 'NHWC',
      () => `conv2DBackpropFilter on the wasm backend takes NHWC, got ${dataFormat}: transpose the input first`,
    );
    const info = backend_util.computeConv2DInfo(
      x.shape as [number, number, number, number],
      filterShape,
      strides,
      1,
      pad,
      dimRoundingMode,
      false,
      'channelsLast',
    );
    const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
    const { filterHeight, filterWidth, strideHeight, strideWidth } = info;
    const paddedHeight = Math.max(padInfo.top + inHeight, (outHeight - 1) * strideHeight + filterHeight);
    const paddedWidth = Math.max(padInfo.left + inWidth, (outWidth - 1) * strideWidth + filterWidth);
    const paddedBytes = paddedHeight * paddedWidth * inChannels * 4;
    const xBlockBytes = paddedHeight * paddedWidth * Math.ceil(inChannels / 4) * 16;
    const dyBlockBytes = outHeight * outWidth * Math.ceil(outChannels / 8) * 32;
    const group = groupSize(batchSize, xBlockBytes + dyBlockBytes);
    const tileBytes = filterHeight * filterWidth * Math.ceil(inChannels / 4) * Math.ceil(outChannels / 8) * 128;
    const sizes = [group * paddedBytes, group * xBlockBytes, group * dyBlockBytes, tileBytes];
    return withScratch(backend, sizes, (padded, xBlocks, dyBlocks, tiles) => {
      const gradient = backend.makeOutput(info.filterShape, 'float32');
      kernelsOf(backend).filterGradient(
        addressOf(backend, x),
        addressOf(backend, dy),
        addressOf(backend, gradient),
        batchSize,
        inHeight,
        inWidth,
        inChannels,
        outHeight,
        outWidth,
        outChannels,
        filterHeight,
        filterWidth,
        strideHeight,
        strideWidth,
        padInfo.top,
        padInfo.left,
        paddedHeight,
        paddedWidth,
        group,
        padded!,
        xBlocks!,
        dyBlocks!,
        tiles!,
      );
      return gradient;
    });
  },
);
