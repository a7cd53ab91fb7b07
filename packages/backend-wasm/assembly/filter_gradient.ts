/**
 * Gradient of a convolution's filter: for every tap, a product of shifted inputs and output gradients over all pixels.
 * Both are packed so that the pixels of 4 input channels, padding included, and of 8 output channels are consecutive. A
 * tap is then an offset, and a 4 × 8 tile of the gradient stays in registers over the pixels of a group of images.
 */
import { padImages } from './pack';

/** Copies [pixels, channels] to blocks [ceil(channels / size)][pixels][size], size 4 or 8, zero-filled. */
function packBlocks(from: usize, pixels: usize, channels: usize, size: usize, to: usize): void {
  const stride = channels << 2;
  for (let channel: usize = 0; channel < channels; channel += size) {
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
 * Computes c[4, 8] += sum over images, rows and columns of a[4] ⊗ b[8]; strides are in bytes, b and c are consecutive.
 */
function accumulate4x8(
  a: usize,
  b: usize,
  c: usize,
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
  v128.store(c, f32x4.add(v128.load(c), c00));
  v128.store(c, f32x4.add(v128.load(c, 16), c01), 16);
  v128.store(c, f32x4.add(v128.load(c, 32), c10), 32);
  v128.store(c, f32x4.add(v128.load(c, 48), c11), 48);
  v128.store(c, f32x4.add(v128.load(c, 64), c20), 64);
  v128.store(c, f32x4.add(v128.load(c, 80), c21), 80);
  v128.store(c, f32x4.add(v128.load(c, 96), c30), 96);
  v128.store(c, f32x4.add(v128.load(c, 112), c31), 112);
}

/**
 * Computes gradient[KH, KW, CI, CO] from x[count, height, width, CI] and dy[count, outHeight, outWidth, CO], `group`
 * images at a time. Scratch memory: `padded` for one padded group, `xBlocks` for the same in blocks of 4 channels,
 * `dyBlocks` for a group of dy in blocks of 8 channels, `tiles` for KH · KW · ceil(CI / 4) · ceil(CO / 8) · 128 bytes.
 */
export function filterGradient(
  x: usize,
  dy: usize,
  gradient: usize,
  count: usize,
  height: isize,
  width: isize,
  inputs: usize,
  outHeight: usize,
  outWidth: usize,
  outputs: usize,
  filterHeight: usize,
  filterWidth: usize,
  strideHeight: usize,
  strideWidth: usize,
  top: isize,
  left: isize,
  paddedHeight: isize,
  paddedWidth: isize,
  group: usize,
  padded: usize,
  xBlocks: usize,
  dyBlocks: usize,
  tiles: usize,
): void {
  const inputBlocks = (inputs + 3) >> 2;
  const outputBlocks = (outputs + 7) >> 3;
  const taps = filterHeight * filterWidth;
  memory.fill(tiles, 0, (taps * inputBlocks * outputBlocks) << 7);
  const rowBytes = (<usize>paddedWidth) << 4;
  const imageBytes = <usize>paddedHeight * rowBytes;
  for (let image: usize = 0; image < count; image += group) {
    const images = min(group, count - image);
    const from = x + ((image * <usize>(height * width) * inputs) << 2);
    padImages(from, images, height, width, inputs, 1, top, left, paddedHeight, paddedWidth, padded);
    packBlocks(padded, images * <usize>(paddedHeight * paddedWidth), inputs, 4, xBlocks);
    const pixels = images * outHeight * outWidth;
    packBlocks(dy + ((image * outHeight * outWidth * outputs) << 2), pixels, outputs, 8, dyBlocks);
    for (let output: usize = 0; output < outputBlocks; output++) {
      const b = dyBlocks + ((output * pixels) << 5);
      for (let input: usize = 0; input < inputBlocks; input++) {
        const a = xBlocks + input * images * imageBytes;
        for (let tap: usize = 0; tap < taps; tap++) {
          const shift = (tap / filterWidth) * rowBytes + ((tap % filterWidth) << 4);
          accumulate4x8(
            a + shift,
            b,
            tiles + (((tap * inputBlocks + input) * outputBlocks + output) << 7),
            images,
            outHeight,
            outWidth,
            strideWidth << 4,
            strideHeight * rowBytes,
            imageBytes,
          );
        }
      }
    }
  }
  unpackTiles(tiles, gradient, taps, inputs, outputs);
}

function unpackTiles(tiles: usize, to: usize, taps: usize, inputs: usize, outputs: usize): void {
  const inputBlocks = (inputs + 3) >> 2;
  const outputBlocks = (outputs + 7) >> 3;
  for (let tap: usize = 0; tap < taps; tap++) {
    for (let input: usize = 0; input < inputs; input++) {
      const row = tiles + (((tap * inputBlocks + (input >> 2)) * outputBlocks) << 7) + ((input & 3) << 5);
      for (let output: usize = 0; output < outputs; output += 8) {
        const bytes = min<usize>(8, outputs - output) << 2;
        memory.copy(to, row + (output << 4), bytes);
        to += bytes;
      }
    }
  }
}
