/** Layout of a convolution for `assembly/convolution.ts`: the strips of padded rows, and the parts. */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { partsFor, runParts, slotsOf } from '../module';
import type { PartKernel } from '../protocol';

/** Size in bytes of a strip of padded rows, or of a group of padded images: half of a second-level cache. */
export const GROUP_BYTES = 512 * 1024;

/** Returns the number of images in a group: as many as fit, at least one. */
export function groupSize(count: number, imageBytes: number): number {
  return Math.max(1, Math.min(count, Math.floor(GROUP_BYTES / Math.max(1, imageBytes))));
}

/** Number of output pixels for which the filter is read once (`assembly/convolution.ts`). */
const BLOCK_PIXELS = 128;

export interface Windows {
  /** Input [count, height, width, inputs]. */
  x: TensorInfo;
  /** Shape of the result: [count, outHeight, outWidth, outputs]. */
  outShape: readonly [number, number, number, number];
  filterHeight: number;
  filterWidth: number;
  /** Step of the window, in both directions. */
  stride: number;
  /** Distance of adjacent input pixels in the padded image; if more than 1, zeros are between them. */
  spacing: number;
  top: number;
  left: number;
  paddedHeight: number;
  paddedWidth: number;
  /** Returns the kernel that writes the filter's panels to the address `to`. */
  pack: (to: number) => { name: PartKernel; args: number[] };
  /** Values that are added to every pixel, one for each output channel. */
  bias?: TensorInfo | undefined;
  /** True if a ReLU follows. */
  rectify?: boolean;
}

/** Multiplies every window of the padded `x` by the packed filter. */
export function convolveWindows(backend: BackendWasm, w: Windows): TensorInfo {
  const [count, height, width, inputs] = w.x.shape as [number, number, number, number];
  const [, outHeight, outWidth, outputs] = w.outShape;
  const inPlace =
    w.spacing === 1 && w.top === 0 && w.left === 0 && w.paddedHeight === height && w.paddedWidth === width;
  const rows = count * outHeight;
  const panels = Math.ceil(outputs / 8);
  const depth = w.filterHeight * w.filterWidth * inputs;
  const wanted = partsFor(backend, 2 * rows * outWidth * depth * outputs, rows * panels);
  const rowParts = Math.min(wanted, rows, Math.ceil((rows * outWidth) / BLOCK_PIXELS)) || 1;
  // Few pixels: the threads read different parts of the filter, and each pads the images for itself.
  const slots = slotsOf(backend);
  const columnParts = rowParts < Math.min(wanted, slots) ? Math.min(panels, Math.ceil(slots / rowParts)) : 1;
  const strip = stripSize(w, Math.ceil(rows / rowParts), w.paddedWidth * inputs * 4);
  const rowBytes = inPlace ? 0 : strip.paddedRows * w.paddedWidth * inputs * 4;
  const scratchBytes = (128 + strip.stripRows * outWidth * 4 + rowBytes + 15) & ~15;
  return withScratch(backend, [depth * panels * 32, scratchBytes * slots], (packed, scratch) => {
    const y = backend.makeOutput([...w.outShape], 'float32');
    const { name, args } = w.pack(packed!);
    runParts(backend, name, partsFor(backend, depth * outputs * PACK_OPERATIONS, panels), args);
    runParts(backend, 'convolve', rowParts * columnParts, [
      addressOf(backend, w.x),
      packed!,
      addressOf(backend, y),
      count,
      height,
      width,
      inputs,
      outHeight,
      outWidth,
      outputs,
      w.filterHeight,
      w.filterWidth,
      w.stride,
      w.spacing,
      w.top,
      w.left,
      w.paddedWidth,
      inPlace,
      strip.stripRows,
      strip.paddedRows,
      scratch!,
      scratchBytes,
      columnParts,
      w.bias === undefined ? 0 : addressOf(backend, w.bias),
      w.rectify ?? false,
    ]);
    return y;
  });
}

/** Number of arithmetic operations that take the time of packing one element. */
export const PACK_OPERATIONS = 8;

/**
 * Returns the sizes of a strip: output rows, at most `rows`, and the padded rows that they read, as many as fit or as make a block
 * of pixels.
 */
function stripSize(w: Windows, rows: number, rowBytes: number): { stripRows: number; paddedRows: number } {
  const [, outHeight, outWidth] = w.outShape;
  const enough = (Math.ceil(BLOCK_PIXELS / Math.max(1, outWidth)) - 1) * w.stride + w.filterHeight;
  const fitting = Math.max(enough, w.filterHeight, Math.floor(GROUP_BYTES / Math.max(1, rowBytes)));
  // At most all windows of each image, once more for a strip that begins within an image.
  const all = (Math.ceil(rows / Math.max(1, outHeight)) + 1) * ((outHeight - 1) * w.stride + w.filterHeight);
  const paddedRows = Math.max(w.filterHeight, Math.min(fitting, all));
  return { stripRows: Math.max(1, Math.min(rows, paddedRows)), paddedRows };
}
