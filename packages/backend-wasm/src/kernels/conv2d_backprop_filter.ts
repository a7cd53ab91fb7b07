/** Conv2DBackpropFilter, which the stock backend lacks. */
import {
  Conv2DBackpropFilter,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropFilterInputs,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf } from '../module';
import { convolutionGeometry, paddedSize } from './geometry';
import { kernel } from './kernel';
import { groupSize } from './windows';

export const conv2dBackpropFilter = kernel<Conv2DBackpropFilterInputs, Conv2DBackpropFilterAttrs>(
  Conv2DBackpropFilter,
  ({ inputs, attrs, backend }) => {
    const { x, dy } = inputs;
    const { dataFormat, filterShape } = attrs;
    util.assert(
      dataFormat === 'NHWC',
      () => `conv2DBackpropFilter on the wasm backend takes NHWC, got ${dataFormat}: transpose the input first`,
    );
    const info = convolutionGeometry(x.shape, filterShape, attrs);
    const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
    const { filterHeight, filterWidth, strideHeight, strideWidth } = info;
    const { paddedHeight, paddedWidth } = paddedSize(info);
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
