/**
 * Resampling as in src/pillow.ts: 8-bit pixels times weights of 22 bits after the point, summed in 32-bit integers. A weight is
 * the sum of a high part times 2^15 and a low part, so that two taps at once are products of 16-bit numbers. The sums are exact, so
 * their bits are the same.
 */

const HALF = 1 << 21;

/** Returns the sums of `HALF` and of the products of both parts, as 8-bit numbers in all four quarters of 32 bits. */
function rounded(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(high, 15), low), 22);
}

/** Computes one row of `width` pixels. Writes one byte beyond it. */
function blendColumns(
  out: usize,
  row: usize,
  columns: usize,
  pairs: usize,
  weights: usize,
  step: usize,
  width: usize,
): void {
  const zero = i32x4.splat(0);
  for (let x: usize = 0; x < width; x++, out += 3, weights += step) {
    let at = row + usize(load<i32>(columns + (x << 2)));
    const end = weights + (usize(load<i32>(pairs + (x << 2))) << 3);
    let high = zero;
    let low = i32x4.splat(HALF);
    for (let weight = weights; weight < end; weight += 8, at += 6) {
      // Red, green and blue of two pixels in turn, as 16-bit numbers.
      const values = v128.load64_zero(at);
      const two = i8x16.shuffle(values, zero, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
      high = i32x4.add(high, i32x4.dot_i16x8_s(two, v128.load32_splat(weight)));
      low = i32x4.add(low, i32x4.dot_i16x8_s(two, v128.load32_splat(weight, 4)));
    }
    const narrow = i16x8.narrow_i32x4_s(rounded(high, low), zero);
    v128.store32_lane(out, i8x16.narrow_i16x8_u(narrow, zero), 0);
  }
}

/** Computes one row of `length` bytes from rows that lie `length` bytes apart. Writes up to seven bytes beyond it. */
function blendRows(out: usize, rows: usize, length: usize, weights: usize, pairs: usize): void {
  const end = weights + (pairs << 3);
  for (let i: usize = 0; i < length; i += 8) {
    let at = rows + i;
    let high = i32x4.splat(0);
    let nextHigh = i32x4.splat(0);
    let low = i32x4.splat(HALF);
    let nextLow = i32x4.splat(HALF);
    for (let weight = weights; weight < end; weight += 8, at += length << 1) {
      const above = v128.load64_zero(at);
      const below = v128.load64_zero(at + length);
      const both = i8x16.shuffle(above, below, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const first = i16x8.extend_low_i8x16_u(both);
      const second = i16x8.extend_high_i8x16_u(both);
      const upper = v128.load32_splat(weight);
      const lower = v128.load32_splat(weight, 4);
      high = i32x4.add(high, i32x4.dot_i16x8_s(first, upper));
      nextHigh = i32x4.add(nextHigh, i32x4.dot_i16x8_s(second, upper));
      low = i32x4.add(low, i32x4.dot_i16x8_s(first, lower));
      nextLow = i32x4.add(nextLow, i32x4.dot_i16x8_s(second, lower));
    }
    const narrow = i16x8.narrow_i32x4_s(rounded(high, low), rounded(nextHigh, nextLow));
    v128.store64_lane(out + i, i8x16.narrow_i16x8_u(narrow, narrow), 0);
  }
}

/**
 * Writes a window of `width` x `height` pixels to `out`.
 * @param stride bytes of a row of the source, of which `sourceHeight` rows are used.
 * @param between memory for the result of the columns, `sourceHeight + 1` rows.
 * @param columns offset of each output column's first pixel in a row; `rows` of each output row's first row in `between`.
 * @param columnPairs number of pairs of taps of each column; `rowPairs` of each row.
 * @param columnWeights two high parts and two low parts of each pair, `columnStep` bytes for a column; `rowWeights` likewise.
 */
export function resamplePillow(
  out: usize,
  width: usize,
  height: usize,
  source: usize,
  stride: usize,
  sourceHeight: usize,
  between: usize,
  columns: usize,
  columnPairs: usize,
  columnWeights: usize,
  columnStep: usize,
  rows: usize,
  rowPairs: usize,
  rowWeights: usize,
  rowStep: usize,
): void {
  const length = width * 3;
  for (let y: usize = 0; y < sourceHeight; y++) {
    const to = between + y * length;
    blendColumns(to, source + y * stride, columns, columnPairs, columnWeights, columnStep, width);
  }
  for (let y: usize = 0; y < height; y++) {
    const from = between + usize(load<i32>(rows + (y << 2)));
    blendRows(out + y * length, from, length, rowWeights + y * rowStep, usize(load<i32>(rowPairs + (y << 2))));
  }
}

/**
 * Writes the numbers of 8-bit pixels from a table of 256 x 3 numbers, one for each value and channel.
 * @param first channel of the pixels that becomes the first one: 0, or 2 to exchange the first and the last one.
 * @param flip true to mirror the output left to right.
 */
export function lookUp(
  out: usize,
  pixels: usize,
  width: usize,
  height: usize,
  table: usize,
  first: usize,
  flip: bool,
): void {
  const step: usize = flip ? -12 : 12;
  for (let y: usize = 0; y < height; y++) {
    let to = out + (y * width + (flip ? width - 1 : 0)) * 12;
    for (let x: usize = 0; x < width; x++, pixels += 3, to += step) {
      store<f32>(to, load<f32>(table + usize(load<u8>(pixels + first)) * 12));
      store<f32>(to, load<f32>(table + usize(load<u8>(pixels, 1)) * 12, 4), 4);
      store<f32>(to, load<f32>(table + usize(load<u8>(pixels + 2 - first)) * 12, 8), 8);
    }
  }
}
