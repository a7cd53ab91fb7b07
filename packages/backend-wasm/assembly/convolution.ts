/**
 * Convolution of NHWC images with an HWIO filter as one matrix product over windows that are read in place. In a
 * zero-padded image the KW · CI values under one row of the filter are consecutive, so a window consists of KH runs.
 * The gradient of the input is the same product with the filter rotated by 180° and its input and output channels
 * exchanged.
 */
import { multiply4x8 } from './microkernel';
import { packPanels, padImages } from './pack';

/** Number of output pixels in a block, which is repeated for every panel of 8 output channels. */
const PIXELS: usize = 128;

/** Writes filter[KH, KW, CI, CO], rotated by 180°, as panels over [KH, KW, CO] of the CI columns. */
export function packRotated(filter: usize, taps: usize, inputs: usize, outputs: usize, to: usize): void {
  const panels = (inputs + 7) >> 3;
  const panelBytes = (taps * outputs) << 5;
  for (let tap: usize = 0; tap < taps; tap++) {
    const source = filter + (((taps - 1 - tap) * inputs * outputs) << 2);
    for (let panel: usize = 0; panel < panels; panel++) {
      const width = min<usize>(8, inputs - (panel << 3));
      packPanels(
        source + ((panel * outputs) << 5),
        1,
        outputs,
        outputs,
        width,
        to + panel * panelBytes + ((tap * outputs) << 5),
      );
    }
  }
}

/**
 * Computes y[count, outHeight, outWidth, outputs] from x[count, height, width, inputs] and packed filter panels. Pads
 * `group` images at a time to paddedHeight × paddedWidth in `padded`. Scratch memory: group · outHeight · outWidth
 * words at `offsets` and 128 bytes at `tile`. With `inPlace` no padding is needed and x itself is read.
 */
export function convolve(
  x: usize,
  packed: usize,
  y: usize,
  count: usize,
  height: isize,
  width: isize,
  inputs: usize,
  outHeight: usize,
  outWidth: usize,
  outputs: usize,
  filterHeight: usize,
  filterWidth: usize,
  stride: usize,
  spacing: isize,
  top: isize,
  left: isize,
  paddedHeight: isize,
  paddedWidth: isize,
  group: usize,
  inPlace: bool,
  padded: usize,
  offsets: usize,
  tile: usize,
): void {
  const pixel = inputs << 2;
  const rowBytes = <usize>paddedWidth * pixel;
  const imageBytes = <usize>paddedHeight * rowBytes;
  let next = offsets;
  for (let image: usize = 0; image < group; image++) {
    for (let oy: usize = 0; oy < outHeight; oy++) {
      for (let ox: usize = 0; ox < outWidth; ox++, next += 4) {
        store<u32>(next, <u32>(image * imageBytes + oy * stride * rowBytes + ox * stride * pixel));
      }
    }
  }
  for (let image: usize = 0; image < count; image += group) {
    const images = min(group, count - image);
    let from = x + image * <usize>(height * width) * pixel;
    if (!inPlace) {
      padImages(from, images, height, width, inputs, spacing, top, left, paddedHeight, paddedWidth, padded);
      from = padded;
    }
    const pixels = images * outHeight * outWidth;
    windowsTimesPanels(
      from,
      offsets,
      packed,
      y + ((image * outHeight * outWidth * outputs) << 2),
      pixels,
      outputs,
      filterHeight,
      filterWidth * inputs,
      rowBytes,
      tile,
    );
  }
}

function windowsTimesPanels(
  from: usize,
  offsets: usize,
  packed: usize,
  y: usize,
  pixels: usize,
  outputs: usize,
  runs: usize,
  length: usize,
  runStride: usize,
  tile: usize,
): void {
  const panelBytes = (runs * length) << 5;
  const yStride = outputs << 2;
  for (let start: usize = 0; start < pixels; start += PIXELS) {
    const end = min(start + PIXELS, pixels);
    for (let output: usize = 0; output < outputs; output += 8) {
      const panel = packed + (output >> 3) * panelBytes;
      const width = min<usize>(8, outputs - output);
      const corner = y + (output << 2);
      for (let p = start; p < end; p += 4) {
        const p1 = min(p + 1, end - 1);
        const p2 = min(p + 2, end - 1);
        const p3 = min(p + 3, end - 1);
        const a0 = from + load<u32>(offsets + (p << 2));
        const a1 = from + load<u32>(offsets + (p1 << 2));
        const a2 = from + load<u32>(offsets + (p2 << 2));
        const a3 = from + load<u32>(offsets + (p3 << 2));
        if (width === 8) {
          const c0 = corner + p * yStride;
          const c1 = corner + p1 * yStride;
          const c2 = corner + p2 * yStride;
          const c3 = corner + p3 * yStride;
          multiply4x8(a0, a1, a2, a3, runs, length, runStride, panel, c0, c1, c2, c3, false);
        } else {
          multiply4x8(a0, a1, a2, a3, runs, length, runStride, panel, tile, tile + 32, tile + 64, tile + 96, false);
          const height = min<usize>(4, end - p);
          for (let i: usize = 0; i < height; i++) {
            memory.copy(corner + (p + i) * yStride, tile + (i << 5), width << 2);
          }
        }
      }
    }
  }
}
