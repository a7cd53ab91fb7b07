/** Conv2DBackpropFilter, which the stock backend lacks. */
import {
  Conv2DBackpropFilter,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropFilterInputs,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { partsFor, runParts, slotsOf } from '../module';
import { convolutionGeometry, paddedSize } from './geometry';
import { kernel } from './kernel';
import { groupSize, PACK_OPERATIONS } from './windows';

/** Number of padded rows that a thread packs at a time (`assembly/filter_gradient.ts`). */
const PACK_ROWS = 4;

/** Size in bytes of the groups of images that are packed at a time: threads meet twice for all of them. */
const PACKED_BYTES = 4 * 1024 * 1024;

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
    const taps = filterHeight * filterWidth;
    const [xChannelBlocks, dyChannelBlocks] = [Math.ceil(inChannels / 4), Math.ceil(outChannels / 8)];
    const imagePixels = outHeight * outWidth;
    const xBlockBytes = paddedHeight * paddedWidth * xChannelBlocks * 16;
    const dyBlockBytes = imagePixels * dyChannelBlocks * 32;
    const imageBytes = xBlockBytes + dyBlockBytes;
    const group = groupSize(batchSize, imageBytes);
    const groups = Math.max(1, Math.floor(PACKED_BYTES / Math.max(1, group * imageBytes)));
    const packed = Math.max(1, Math.min(batchSize, group * groups));
    const tileCount = taps * xChannelBlocks * dyChannelBlocks;
    const rowsBytes = (PACK_ROWS * paddedWidth * inChannels * 4 + 15) & ~15;
    const slots = slotsOf(backend);
    const sizes = [rowsBytes * slots, packed * xBlockBytes, packed * dyBlockBytes, slots * 128];
    return withScratch(backend, sizes, (...scratch) => {
      const [padded, xBlocks, dyBlocks, tile] = scratch as [number, number, number, number];
      const gradient = backend.makeOutput(info.filterShape, 'float32');
      const [xAt, dyAt, to] = [addressOf(backend, x), addressOf(backend, dy), addressOf(backend, gradient)];
      for (let image = 0; image === 0 || image < batchSize; image += packed) {
        const images = Math.min(packed, batchSize - image);
        const packWork = (images * imageBytes * PACK_OPERATIONS) / 4;
        runParts(backend, 'filterGradientPack', partsFor(backend, packWork, images * paddedHeight), [
          xAt + image * inHeight * inWidth * inChannels * 4,
          dyAt + image * imagePixels * outChannels * 4,
          images,
          group,
          inHeight,
          inWidth,
          inChannels,
          outHeight,
          outWidth,
          outChannels,
          padInfo.top,
          padInfo.left,
          paddedHeight,
          paddedWidth,
          xBlocks,
          dyBlocks,
          padded,
          rowsBytes,
        ]);
        const work = 64 * tileCount * images * imagePixels;
        runParts(backend, 'filterGradientTiles', partsFor(backend, work, tileCount), [
          xBlocks,
          dyBlocks,
          to,
          image === 0,
          images,
          group,
          inChannels,
          outHeight,
          outWidth,
          outChannels,
          filterHeight,
          filterWidth,
          strideHeight,
          strideWidth,
          paddedHeight,
          paddedWidth,
          tile,
        ]);
      }
      return gradient;
    });
  },
);
