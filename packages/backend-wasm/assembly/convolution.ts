/**
 * Convolution of NHWC images with an HWIO filter as one matrix product over windows that are read in place. In a
 * zero-padded image the KW · CI values under one row of the filter are consecutive, so a window consists of KH runs.
 * The gradient of the input is the same product with the filter rotated by 180° and its input and output channels
 * exchanged.
 */
import { finish } from './finish';
import { multiply4x8 } from './microkernel';
import { packPanels, padRows } from './pack';
import { startOf } from './parts';

/** Number of output pixels, about, in a block, which is repeated for every panel of 8 output channels. */
const PIXELS: usize = 128;

/** Writes filter[KH, KW, CI, CO], rotated by 180°, as panels over [KH, KW, CO] of the CI columns: those of one part. */
export function packRotated(
  filter: usize,
  taps: usize,
  inputs: usize,
  outputs: usize,
  to: usize,
  part: usize,
  parts: usize,
): void {
  const first = startOf(part, parts, inputs, 8);
  const end = startOf(part + 1, parts, inputs, 8);
  const panelBytes = (taps * outputs) << 5;
  for (let tap: usize = 0; tap < taps; tap++) {
    const source = filter + (((taps - 1 - tap) * inputs * outputs) << 2);
    for (let input = first; input < end; input += 8) {
      const width = min<usize>(8, end - input);
      const target = to + (input >> 3) * panelBytes + ((tap * outputs) << 5);
      packPanels(source + ((input * outputs) << 2), 1, outputs, outputs, width, target);
    }
  }
}

/**
 * Computes one part of y[count, outHeight, outWidth, outputs] from x[count, height, width, inputs] and packed filter panels, plus
 * bias[outputs] if its address is not 0, and a ReLU if `rectify`.
 * The parts are a grid of output rows and of `columnParts` ranges of panels. A strip of rows at a time, of one or several
 * images, is padded; with `inPlace` no padding is needed and x itself is read. Scratch memory of each thread, at
 * `scratch` + slot · `scratchBytes`: 128 bytes, then stripRows · outWidth words, then paddedRows padded rows.
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
  paddedWidth: isize,
  inPlace: bool,
  stripRows: usize,
  paddedRows: usize,
  scratch: usize,
  scratchBytes: usize,
  columnParts: usize,
  bias: usize,
  rectify: bool,
  part: usize,
  parts: usize,
  slot: usize,
): void {
  const tile = scratch + slot * scratchBytes;
  const offsets = tile + 128;
  const padded = offsets + ((stripRows * outWidth) << 2);
  const pixel = inputs << 2;
  const rowBytes = <usize>paddedWidth * pixel;
  const imageBytes = <usize>(height * width) * pixel;
  const rowParts = parts / columnParts;
  const endRow = startOf(part / columnParts + 1, rowParts, count * outHeight, 1);
  const firstOutput = startOf(part % columnParts, columnParts, outputs, 8);
  const endOutput = startOf((part % columnParts) + 1, columnParts, outputs, 8);
  for (let row = startOf(part / columnParts, rowParts, count * outHeight, 1); row < endRow; ) {
    const firstRow = row;
    let used: usize = 0;
    let next = offsets;
    while (row < endRow && row - firstRow < stripRows) {
      const image = row / outHeight;
      const oy = row % outHeight;
      let rows = min(min(outHeight - oy, endRow - row), stripRows - (row - firstRow));
      let corner = image * imageBytes + oy * stride * rowBytes;
      if (!inPlace) {
        if (used + filterHeight > paddedRows) break;
        rows = min(rows, (paddedRows - used - filterHeight) / stride + 1);
        const firstPadded = <isize>(oy * stride);
        const endPadded = firstPadded + <isize>((rows - 1) * stride + filterHeight);
        corner = used * rowBytes;
        const from = x + image * imageBytes;
        const to = padded + corner;
        padRows(from, height, width, inputs, spacing, top, left, paddedWidth, firstPadded, endPadded, to);
        used += <usize>(endPadded - firstPadded);
      }
      for (let r: usize = 0; r < rows; r++) {
        for (let ox: usize = 0; ox < outWidth; ox++, next += 4) {
          store<u32>(next, <u32>(corner + r * stride * rowBytes + ox * stride * pixel));
        }
      }
      row += rows;
    }
    windowsTimesPanels(
      inPlace ? x : padded,
      offsets,
      packed,
      y + ((firstRow * outWidth * outputs) << 2),
      (row - firstRow) * outWidth,
      firstOutput,
      endOutput,
      outputs,
      filterHeight,
      filterWidth * inputs,
      rowBytes,
      bias,
      rectify,
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
  firstOutput: usize,
  endOutput: usize,
  outputs: usize,
  runs: usize,
  length: usize,
  runStride: usize,
  bias: usize,
  rectify: bool,
  tile: usize,
): void {
  const panelBytes = (runs * length) << 5;
  const yStride = outputs << 2;
  const blocks = max<usize>(1, (pixels + (PIXELS >> 1)) / PIXELS);
  for (let block: usize = 0; block < blocks; block++) {
    const start = startOf(block, blocks, pixels, 4);
    const end = startOf(block + 1, blocks, pixels, 4);
    for (let output = firstOutput; output < endOutput; output += 8) {
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
      const added: usize = bias === 0 ? 0 : bias + (output << 2);
      finish(corner + start * yStride, yStride, end - start, width, added, rectify);
    }
  }
}
