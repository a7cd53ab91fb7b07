/** Conv2DBackpropFilter, which the stock backend lacks. */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  type backend_util,
  Conv2DBackpropFilter,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropFilterInputs,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf, partsFor, runParts, slotsOf } from '../module';
import { convolutionGeometry, paddedSize } from './geometry';
import { kernel } from './kernel';
import { groupSize, PACK_OPERATIONS } from './windows';

/** Number of padded rows that a thread packs at a time (`assembly/filter_gradient.ts`). */
const PACK_ROWS = 4;

/** Size in bytes of the groups of images that are packed at a time: threads meet twice for all of them. */
const PACKED_BYTES = 4 * 1024 * 1024;

/** Number of rows in a block of sums (`assembly/columns.ts`). */
const BLOCK = 64;

/** Sizes of a gradient and of its packed images, and the arguments that its kernels share. */
interface Layout {
  count: number;
  /** Number of images whose packed form stays in a second-level cache. Sums of groups are added in their order. */
  group: number;
  xBlockBytes: number;
  dyBlockBytes: number;
  rowsBytes: number;
  /** Number of tiles of 4 × 8 numbers. */
  tiles: number;
  /** Number of numbers of the gradient. */
  size: number;
  /** Number of operations for one image. */
  work: number;
  image: number[];
  windows: number[];
  padding: number[];
  padded: [height: number, width: number];
}

function layoutOf(info: backend_util.Conv2DInfo): Layout {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
  const { filterHeight, filterWidth, strideHeight, strideWidth } = info;
  const { paddedHeight, paddedWidth } = paddedSize(info);
  const [xChannelBlocks, dyChannelBlocks] = [Math.ceil(inChannels / 4), Math.ceil(outChannels / 8)];
  const xBlockBytes = paddedHeight * paddedWidth * xChannelBlocks * 16;
  const dyBlockBytes = outHeight * outWidth * dyChannelBlocks * 32;
  const tiles = filterHeight * filterWidth * xChannelBlocks * dyChannelBlocks;
  return {
    count: batchSize,
    group: groupSize(batchSize, xBlockBytes + dyBlockBytes),
    xBlockBytes,
    dyBlockBytes,
    rowsBytes: (PACK_ROWS * paddedWidth * inChannels * 4 + 15) & ~15,
    tiles,
    size: filterHeight * filterWidth * inChannels * outChannels,
    work: 64 * tiles * outHeight * outWidth,
    image: [inHeight, inWidth, inChannels, outHeight, outWidth, outChannels],
    windows: [filterHeight, filterWidth, strideHeight, strideWidth],
    padding: [padInfo.top, padInfo.left],
    padded: [paddedHeight, paddedWidth],
  };
}

/**
 * True if each thread should compute whole groups of images: where threads get about as many, and the gradient is small compared
 * with the packed images, of which no thread then reads another's. The bits are the same.
 */
function dividesByGroups({ count, group, size, xBlockBytes, dyBlockBytes }: Layout, slots: number): boolean {
  const groups = Math.ceil(count / group);
  const isEven = groups >= slots && Math.ceil(groups / slots) * group * slots <= 1.2 * count;
  return groups > 1 && isEven && groups * size * 16 <= count * (xBlockBytes + dyBlockBytes);
}

/** Computes the gradient of each group for itself, then their sum. `x`, `dy` and `to` are addresses. */
function byGroups(backend: BackendWasm, layout: Layout, x: number, dy: number, to: number): void {
  const { count, group, size, rowsBytes, xBlockBytes, dyBlockBytes } = layout;
  const groups = Math.ceil(count / group);
  const scratchBytes = 128 + rowsBytes + group * (xBlockBytes + dyBlockBytes);
  withScratch(backend, [groups * size * 4, scratchBytes * slotsOf(backend)], (gradients, scratch) => {
    const { image, windows, padding, padded } = layout;
    const sizes = [count, group, ...image, ...windows, ...padding, ...padded];
    const args = [x, dy, ...sizes, gradients!, rowsBytes, scratch!, scratchBytes];
    runParts(backend, 'filterGradientGroups', partsFor(backend, layout.work * count, groups), args);
    kernelsOf(backend).addBlockSums(gradients!, groups * BLOCK, size, 1, to);
  });
}

/** Packs many groups on all threads, then divides the gradient's tiles among them. */
function byTiles(backend: BackendWasm, layout: Layout, x: number, dy: number, to: number): void {
  const { count, group, rowsBytes, xBlockBytes, dyBlockBytes, image, windows, padding, padded } = layout;
  const [height, width, inputs, outHeight, outWidth, outputs] = image as [number, number, ...number[]] & number[];
  const imageBytes = xBlockBytes + dyBlockBytes;
  const groups = Math.max(1, Math.floor(PACKED_BYTES / Math.max(1, group * imageBytes)));
  const packed = Math.max(1, Math.min(count, group * groups));
  const slots = slotsOf(backend);
  const sizes = [rowsBytes * slots, packed * xBlockBytes, packed * dyBlockBytes, slots * 128];
  withScratch(backend, sizes, (...scratch) => {
    const [rows, xBlocks, dyBlocks, tile] = scratch as [number, number, number, number];
    for (let first = 0; first === 0 || first < count; first += packed) {
      const images = Math.min(packed, count - first);
      const packParts = partsFor(backend, (images * imageBytes * PACK_OPERATIONS) / 4, images * padded[0]);
      const from = [x + first * height * width * inputs! * 4, dy + first * outHeight! * outWidth! * outputs! * 4];
      const packArgs = [...from, images, group, ...image, ...padding, ...padded, xBlocks, dyBlocks, rows, rowsBytes];
      runParts(backend, 'filterGradientPack', packParts, packArgs);
      const tileArgs = [images, group, ...image.slice(2), ...windows, ...padded, tile];
      const parts = partsFor(backend, layout.work * images, layout.tiles);
      runParts(backend, 'filterGradientTiles', parts, [xBlocks, dyBlocks, to, first === 0, ...tileArgs]);
    }
  });
}

export const conv2dBackpropFilter = kernel<Conv2DBackpropFilterInputs, Conv2DBackpropFilterAttrs>(
  Conv2DBackpropFilter,
  ({ inputs: { x, dy }, attrs, backend }) => {
    util.assert(
      attrs.dataFormat === 'NHWC',
      () => `conv2DBackpropFilter on the wasm backend takes NHWC, got ${attrs.dataFormat}: transpose the input first`,
    );
    const layout = layoutOf(convolutionGeometry(x.shape, attrs.filterShape, attrs));
    const gradient = backend.makeOutput(attrs.filterShape, 'float32');
    const compute = dividesByGroups(layout, slotsOf(backend)) ? byGroups : byTiles;
    compute(backend, layout, addressOf(backend, x), addressOf(backend, dy), addressOf(backend, gradient));
    return gradient;
  },
);
