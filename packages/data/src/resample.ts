/**
 * Rescales images (section 3.1) by Pillow's antialiased bilinear rule, which is torchvision's `antialias=True`: a triangle
 * filter as wide as the reduction, clipped at the borders and normalised. Every operation is rounded to float32, so that the
 * fast version for Node (src/node/resample-bytes.ts) gives the same bits.
 *
 * Computes only the window that is needed, and reads only the source pixels that it needs.
 */
import { VggError } from '@vgg/core';
import { checkImage, type FloatImage, type RawImage, type Rgb, type Size, type Window } from './image';

const { fround } = Math;

/** Weights of one axis: output `i` is the weighted sum of `count[i]` source values, starting at `first[i]`. */
export interface Axis {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Weights of output `i` start at `i * taps`. */
  readonly weights: Float32Array;
  readonly taps: number;
}

/**
 * Computes the triangle filter's weights for outputs `start` to `start + length - 1` of an axis that is rescaled from `from` to
 * `to` samples. The centre of output `i` lies at `(i + 0.5) * from / to` in the source, as in Pillow and in PyTorch without
 * `align_corners`.
 */
export function triangleAxis(from: number, to: number, start: number, length: number): Axis {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Float32Array(length * taps);
  const row = new Float64Array(taps);
  for (let i = 0; i < length; i++) {
    const centre = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let j = low; j < high; j++) {
      const weight = Math.max(0, 1 - Math.abs((j - centre + 0.5) / support));
      row[j - low] = weight;
      sum += weight;
    }
    for (let j = 0; j < high - low; j++) weights[i * taps + j] = row[j]! / sum;
    first[i] = low;
    count[i] = high - low;
  }
  return { first, count, weights, taps };
}

/** Returns the source pixels that are needed for a window of the rescaled image. */
export function sourceWindow(source: Size, rescaled: Size, window: Window): Window {
  const [left, right] = span(triangleAxis(source.width, rescaled.width, window.left, window.width));
  const [top, bottom] = span(triangleAxis(source.height, rescaled.height, window.top, window.height));
  return { left, top, width: right - left, height: bottom - top };
}

/** Returns the range of source samples that an axis reads; the end is exclusive. */
export function span({ first, count }: Axis): [number, number] {
  const last = first.length - 1;
  return [first[0]!, first[last]! + count[last]!];
}

/** Source of {@link resampleInto}: a whole image, or the part of an image that the axes read. */
export interface Part {
  readonly data: Uint8Array | Float32Array;
  readonly width: number;
  /** Corner of the part in the whole image. */
  readonly left: number;
  readonly top: number;
}

/**
 * Writes the window that two axes describe into `out` at `offset`, as interleaved RGB.
 * @param flip true to mirror the output left to right.
 * @param shift numbers to add to the channels.
 */
export function resampleInto(
  out: Float32Array,
  offset: number,
  part: Part,
  horizontal: Axis,
  vertical: Axis,
  flip = false,
  shift: Rgb = [0, 0, 0],
): void {
  const [left, right] = span(horizontal);
  const columns = columnsOf(horizontal, left);
  // All columns have the same number of taps, so some read beyond the end of the row, with weight 0.
  const row = new Float32Array((right - left + columns.taps) * 3);
  const sums = row.subarray(0, (right - left) * 3);
  const width = horizontal.first.length;
  for (let y = 0; y < vertical.first.length; y++) {
    blendRows(sums, part, left, y, vertical);
    blendColumns(out, offset + y * width * 3, row, columns, flip, shift);
  }
}

/** Computes the vertical sums of one output row, at the horizontal resolution of the source. */
function blendRows(row: Float32Array, part: Part, left: number, y: number, axis: Axis): void {
  const { data } = part;
  const stride = part.width * 3;
  const count = axis.count[y]!;
  const weights = y * axis.taps;
  const n = row.length;
  let a = (axis.first[y]! - part.top) * stride + (left - part.left) * 3;
  const odd = count & 1;
  const wa = axis.weights[weights]!;
  if (odd === 1) {
    for (let i = 0; i < n; i++) row[i] = wa * data[a + i]!;
    a += stride;
  } else {
    const wb = axis.weights[weights + 1]!;
    const b = a + stride;
    for (let i = 0; i < n; i++) row[i] = fround(wa * data[a + i]!) + fround(wb * data[b + i]!);
    a = b + stride;
  }
  for (let k = 2 - odd; k < count; k += 2, a += 2 * stride) {
    const wc = axis.weights[weights + k]!;
    const wd = axis.weights[weights + k + 1]!;
    const b = a + stride;
    for (let i = 0; i < n; i++) row[i]! += fround(fround(wc * data[a + i]!) + fround(wd * data[b + i]!));
  }
}

/** A horizontal axis with the same, even number of taps for every output, for the inner loop. */
export interface Columns {
  /** Offset of each output's first source value in the row. */
  readonly from: Int32Array;
  readonly weights: Float32Array;
  readonly taps: number;
}

/** Converts an axis whose source row starts at sample `left`. */
export function columnsOf({ first, count, weights, taps }: Axis, left: number): Columns {
  const most = count.reduce((a, b) => Math.max(a, b), 0);
  const even = most + (most & 1);
  const padded = new Float32Array(first.length * even);
  for (let x = 0; x < first.length; x++) {
    padded.set(weights.subarray(x * taps, x * taps + count[x]!), x * even);
  }
  return { from: first.map((at) => (at - left) * 3), weights: padded, taps: even };
}

/** Computes the horizontal sums of one output row. */
function blendColumns(
  out: Float32Array,
  offset: number,
  row: Float32Array,
  { from, weights, taps }: Columns,
  flip: boolean,
  shift: Rgb,
): void {
  const width = from.length;
  const shiftRed = fround(shift[0]);
  const shiftGreen = fround(shift[1]);
  const shiftBlue = fround(shift[2]);
  const step = flip ? -3 : 3;
  let to = flip ? offset + (width - 1) * 3 : offset;
  let k = 0;
  for (let x = 0; x < width; x++, to += step) {
    let at = from[x]!;
    const wa = weights[k]!;
    const wb = weights[k + 1]!;
    let red = fround(fround(shiftRed + fround(wa * row[at]!)) + fround(wb * row[at + 3]!));
    let green = fround(fround(shiftGreen + fround(wa * row[at + 1]!)) + fround(wb * row[at + 4]!));
    let blue = fround(fround(shiftBlue + fround(wa * row[at + 2]!)) + fround(wb * row[at + 5]!));
    k += 2;
    for (let tap = 2; tap < taps; tap += 2, k += 2) {
      at += 6;
      const wc = weights[k]!;
      const wd = weights[k + 1]!;
      red = fround(fround(red + fround(wc * row[at]!)) + fround(wd * row[at + 3]!));
      green = fround(fround(green + fround(wc * row[at + 1]!)) + fround(wd * row[at + 4]!));
      blue = fround(fround(blue + fround(wc * row[at + 2]!)) + fround(wd * row[at + 5]!));
    }
    out[to] = red;
    out[to + 1] = green;
    out[to + 2] = blue;
  }
}

/**
 * Checks that `window` lies inside an image of `size`.
 * @throws VggError `VGG_ARGUMENT` if not.
 */
export function checkWindow(window: Window, size: Size): void {
  const { left, top, width, height } = window;
  const integers = [left, top, width, height].every(Number.isInteger);
  if (!integers || left < 0 || top < 0 || width < 1 || height < 1) {
    throw new VggError('argument', `a window needs integer sides and corner, got ${width}x${height} at ${left},${top}`);
  }
  if (left + width > size.width || top + height > size.height) {
    throw new VggError(
      'argument',
      `a window of ${width}x${height} at ${left},${top} does not fit in ${size.width}x${size.height}: rescale larger first`,
    );
  }
}

/**
 * Rescales an image to `rescaled`. Computes and returns only the `window` of the result.
 * @param window Default: the whole result.
 * @throws VggError `VGG_SHAPE` if the image's data does not match its sides; `VGG_ARGUMENT` if a side is not a positive integer
 *   or the window is not inside the result.
 */
export function resample(
  image: RawImage | FloatImage,
  rescaled: Size,
  window: Window = { left: 0, top: 0, ...rescaled },
): FloatImage {
  checkImage(image);
  checkWindow({ left: 0, top: 0, ...rescaled }, rescaled);
  checkWindow(window, rescaled);
  const { width, height } = window;
  const data = new Float32Array(width * height * 3);
  const horizontal = triangleAxis(image.width, rescaled.width, window.left, width);
  const vertical = triangleAxis(image.height, rescaled.height, window.top, height);
  resampleInto(data, 0, { data: image.data, width: image.width, left: 0, top: 0 }, horizontal, vertical);
  return { data, width, height };
}
