/**
 * Layout of a convolution for `assembly/convolution.ts`: the padded images, and the number of images padded at a time.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf } from '../module';

/** Size in bytes of one group of padded images: half of a second-level cache. */
export const GROUP_BYTES = 512 * 1024;

/** Returns the number of images in a group: as many as fit, at least one. */
export function groupSize(count: number, imageBytes: number): number {
  return Math.max(1, Math.min(count, Math.floor(GROUP_BYTES / Math.max(1, imageBytes))));
}

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
  /** Writes the filter's panels to the address `to`. */
  pack: (to: number) => void;
}

/** Multiplies every window of the padded `x` by the packed filter. */
export function convolveWindows(backend: BackendWasm, w: Windows): TensorInfo {
  const [count, height, width, inputs] = w.x.shape as [number, number, number, number];
  const [, outHeight, outWidth, outputs] = w.outShape;
  const imageBytes = w.paddedHeight * w.paddedWidth * inputs * 4;
  const group = groupSize(count, imageBytes);
  const inPlace =
    w.spacing === 1 && w.top === 0 && w.left === 0 && w.paddedHeight === height && w.paddedWidth === width;
  const panelBytes = w.filterHeight * w.filterWidth * inputs * Math.ceil(outputs / 8) * 32;
  const sizes = [panelBytes, inPlace ? 0 : group * imageBytes, group * outHeight * outWidth * 4, 128];
  return withScratch(backend, sizes, (panels, padded, offsets, tile) => {
    const y = backend.makeOutput([...w.outShape], 'float32');
    w.pack(panels!);
    kernelsOf(backend).convolve(
      addressOf(backend, w.x),
      panels!,
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
      w.paddedHeight,
      w.paddedWidth,
      group,
      inPlace,
      padded!,
      offsets!,
      tile!,
    );
    return y;
  });
}
