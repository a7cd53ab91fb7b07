/**
 * Gradient of a convolution's filter: for every tap, a product of shifted inputs and output gradients over all pixels.
 * Both are packed so that the pixels of 4 input channels, padding included, and of 8 output channels are consecutive. A
 * tap is then an offset, and a 4 × 8 tile of the gradient stays in registers over the pixels of a group of images.
 */
import { padRows } from './pack';
import { startOf } from './parts';

/** Number of padded rows that are packed at a time, while they are in the first-level cache. */
export const PACK_ROWS: usize = 4;

/**
 * Copies [pixels, channels] to blocks of `size` channels (4 or 8), zero-filled, that are `blockBytes` apart: pixel p of block b
 * goes to `start` + b · blockBytes + p · size floats.
 */
function packBlocks(from: usize, pixels: usize, channels: usize, size: usize, start: usize, blockBytes: usize): void {
  const stride = channels << 2;
  for (let channel: usize = 0; channel < channels; channel += size, start += blockBytes) {
    let to = start;
    const width = min(size, channels - channel);
    let source = from + (channel << 2);
    if (width === 8) {
      for (let p: usize = 0; p < pixels; p++, source += stride, to += 32) {
        v128.store(to, v128.load(source));
        v128.store(to, v128.load(source, 16), 16);
      }
    } else if (width === 4 && size === 4) {
      for (let p: usize = 0; p < pixels; p++, source += stride, to += 16) v128.store(to, v128.load(source));
    } else {
      for (let p: usize = 0; p < pixels; p++, source += stride) {
        for (let j: usize = 0; j < size; j++, to += 4) {
          store<f32>(to, j < width ? load<f32>(source + (j << 2)) : 0);
        }
      }
    }
  }
}

/**
 * Computes c[4, 8] = sum over images, rows and columns of a[4] ⊗ b[8], or adds it to c if `accumulate`; strides are in bytes, b is
 * consecutive.
 */
function accumulate4x8(
  a: usize,
  b: usize,
  c: usize,
  cStride: usize,
  accumulate: bool,
  images: usize,
  rows: usize,
  columns: usize,
  columnStride: usize,
  rowStride: usize,
  imageStride: usize,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  const runBytes = columns << 5;
  for (let image: usize = 0; image < images; image++, a += imageStride) {
    let row = a;
    for (let y: usize = 0; y < rows; y++, row += rowStride) {
      let p = row;
      const end = b + runBytes;
      while (b < end) {
        const b0 = v128.load(b);
        const b1 = v128.load(b, 16);
        let s = v128.load_splat<f32>(p);
        c00 = f32x4.add(c00, f32x4.mul(s, b0));
        c01 = f32x4.add(c01, f32x4.mul(s, b1));
        s = v128.load_splat<f32>(p, 4);
        c10 = f32x4.add(c10, f32x4.mul(s, b0));
        c11 = f32x4.add(c11, f32x4.mul(s, b1));
        s = v128.load_splat<f32>(p, 8);
        c20 = f32x4.add(c20, f32x4.mul(s, b0));
        c21 = f32x4.add(c21, f32x4.mul(s, b1));
        s = v128.load_splat<f32>(p, 12);
        c30 = f32x4.add(c30, f32x4.mul(s, b0));
        c31 = f32x4.add(c31, f32x4.mul(s, b1));
        p += columnStride;
        b += 32;
      }
    }
  }
  const c1 = c + cStride;
  const c2 = c1 + cStride;
  const c3 = c2 + cStride;
  if (accumulate) {
    c00 = f32x4.add(v128.load(c), c00);
    c01 = f32x4.add(v128.load(c, 16), c01);
    c10 = f32x4.add(v128.load(c1), c10);
    c11 = f32x4.add(v128.load(c1, 16), c11);
    c20 = f32x4.add(v128.load(c2), c20);
    c21 = f32x4.add(v128.load(c2, 16), c21);
    c30 = f32x4.add(v128.load(c3), c30);
    c31 = f32x4.add(v128.load(c3, 16), c31);
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c1, c10);
  v128.store(c1, c11, 16);
  v128.store(c2, c20);
  v128.store(c2, c21, 16);
  v128.store(c3, c30);
  v128.store(c3, c31, 16);
}

/**
 * Packs one part of some images for `filterGradientTiles`: x[images, height, width, inputs], padded, in blocks of 4 channels, and
 * dy[images, outHeight, outWidth, outputs] in blocks of 8, each `group` of images for itself. Scratch memory of each thread, at `scratch` + slot ·
 * `scratchBytes`: 4 padded rows.
 */
export function filterGradientPack(
  x: usize,
  dy: usize,
  images: usize,
  group: usize,
  height: isize,
  width: isize,
  inputs: usize,
  outHeight: usize,
  outWidth: usize,
  outputs: usize,
  top: isize,
  left: isize,
  paddedHeight: usize,
  paddedWidth: usize,
  xBlocks: usize,
  dyBlocks: usize,
  scratch: usize,
  scratchBytes: usize,
  part: usize,
  parts: usize,
  slot: usize,
): void {
  const rows = images * paddedHeight;
  const end = startOf(part + 1, parts, rows, 1);
  const padded = scratch + slot * scratchBytes;
  const groupRows = group * paddedHeight;
  const rowBytes = paddedWidth << 4;
  const inputBlocks = (inputs + 3) >> 2;
  for (let row = startOf(part, parts, rows, 1); row < end; ) {
    const first = row % paddedHeight;
    const some = min(min(PACK_ROWS, paddedHeight - first), end - row);
    const image = x + (((row / paddedHeight) * <usize>(height * width) * inputs) << 2);
    const last = <isize>(first + some);
    padRows(image, height, width, inputs, 1, top, left, paddedWidth, first, last, padded);
    const start = row - (row % groupRows);
    const to = xBlocks + (start * inputBlocks + row - start) * rowBytes;
    packBlocks(padded, some * paddedWidth, inputs, 4, to, min(groupRows, rows - start) * rowBytes);
    row += some;
  }
  const pixels = images * outHeight * outWidth;
  const groupPixels = group * outHeight * outWidth;
  const outputBlocks = (outputs + 7) >> 3;
  const endPixel = startOf(part + 1, parts, pixels, 1);
  for (let pixel = startOf(part, parts, pixels, 1); pixel < endPixel; ) {
    const start = pixel - (pixel % groupPixels);
    const some = min(min(groupPixels, pixels - start) - (pixel - start), endPixel - pixel);
    const to = dyBlocks + ((start * outputBlocks + pixel - start) << 5);
    packBlocks(dy + ((pixel * outputs) << 2), some, outputs, 8, to, min(groupPixels, pixels - start) << 5);
    pixel += some;
  }
}

/** Writes the first numbers of each row of a tile to the gradient, or adds them to it. */
function finishTile(tile: usize, rows: usize, columns: usize, to: usize, stride: usize, accumulate: bool): void {
  for (let row: usize = 0; row < rows; row++, tile += 32, to += stride) {
    for (let at: usize = 0; at < columns << 2; at += 4) {
      const value = load<f32>(tile + at);
      store<f32>(to + at, accumulate ? load<f32>(to + at) + value : value);
    }
  }
}

/**
 * Adds packed images, one group after the other, to one part of gradient[KH, KW, inputs, outputs], whose tiles of 4 × 8 numbers are in
 * the order of output blocks, input blocks and taps. The first images start it. Scratch memory of each thread, at `scratch` + 128 ·
 * slot: a tile that is not whole.
 */
export function filterGradientTiles(
  xBlocks: usize,
  dyBlocks: usize,
  gradient: usize,
  isFirst: bool,
  images: usize,
  group: usize,
  inputs: usize,
  outHeight: usize,
  outWidth: usize,
  outputs: usize,
  filterHeight: usize,
  filterWidth: usize,
  strideHeight: usize,
  strideWidth: usize,
  paddedHeight: usize,
  paddedWidth: usize,
  scratch: usize,
  part: usize,
  parts: usize,
  slot: usize,
): void {
  const inputBlocks = (inputs + 3) >> 2;
  const outputBlocks = (outputs + 7) >> 3;
  const taps = filterHeight * filterWidth;
  const rowBytes = paddedWidth << 4;
  const imageBytes = paddedHeight * rowBytes;
  const imagePixels = outHeight * outWidth;
  const stride = outputs << 2;
  const spare = scratch + (slot << 7);
  const total = outputBlocks * inputBlocks * taps;
  const first = startOf(part, parts, total, 1);
  const end = startOf(part + 1, parts, total, 1);
  // No images give zeros.
  for (let image: usize = 0; image === 0 || image < images; image += group) {
    const some = min(group, images - image);
    const x = xBlocks + image * inputBlocks * imageBytes;
    const dy = dyBlocks + ((image * imagePixels * outputBlocks) << 5);
    const accumulate = !isFirst || image > 0;
    for (let index = first; index < end; index++) {
      const tap = index % taps;
      const input = (index / taps) % inputBlocks;
      const output = index / taps / inputBlocks;
      const shift = (tap / filterWidth) * rowBytes + ((tap % filterWidth) << 4);
      const rows = min<usize>(4, inputs - (input << 2));
      const columns = min<usize>(8, outputs - (output << 3));
      const isWhole = rows === 4 && columns === 8;
      const to = gradient + (tap * inputs + (input << 2)) * stride + (output << 5);
      accumulate4x8(
        x + input * some * imageBytes + shift,
        dy + ((output * some * imagePixels) << 5),
        isWhole ? to : spare,
        isWhole ? stride : 32,
        isWhole && accumulate,
        some,
        outHeight,
        outWidth,
        strideWidth << 4,
        strideHeight * rowBytes,
        imageBytes,
      );
      if (!isWhole) finishTile(spare, rows, columns, to, stride, accumulate);
    }
  }
}
