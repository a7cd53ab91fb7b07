/**
 * Resampling as in src/resample.ts, in vectors of four. It does the same operations on the same 32-bit numbers in the same
 * order, so it gives the same bits.
 */

/** Computes the vertical sums of one output row, `n` values, eight at a time. */
function blendRows(row: usize, n: usize, source: usize, stride: usize, count: i32, weights: usize): void {
  const odd = count & 1;
  const first = f32x4.splat(load<f32>(weights));
  const second = odd ? f32x4.splat(0) : f32x4.splat(load<f32>(weights, 4));
  for (let i: usize = 0; i < n; i += 8) {
    let at = source + i;
    let values = v128.load8x8_u(at);
    let low = f32x4.mul(first, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(values)));
    let high = f32x4.mul(first, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(values)));
    at += stride;
    if (!odd) {
      values = v128.load8x8_u(at);
      low = f32x4.add(low, f32x4.mul(second, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(values))));
      high = f32x4.add(high, f32x4.mul(second, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(values))));
      at += stride;
    }
    for (let k = 2 - odd; k < count; k += 2, at += stride * 2) {
      const wc = f32x4.splat(load<f32>(weights + (usize(k) << 2)));
      const wd = f32x4.splat(load<f32>(weights + (usize(k) << 2), 4));
      const c = v128.load8x8_u(at);
      const d = v128.load8x8_u(at + stride);
      const lowC = f32x4.mul(wc, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(c)));
      const lowD = f32x4.mul(wd, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(d)));
      low = f32x4.add(low, f32x4.add(lowC, lowD));
      const highC = f32x4.mul(wc, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(c)));
      const highD = f32x4.mul(wd, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(d)));
      high = f32x4.add(high, f32x4.add(highC, highD));
    }
    v128.store(row + (i << 2), low);
    v128.store(row + (i << 2), high, 16);
  }
}

/** Computes the horizontal sums of one output row. Writes four bytes beyond it. */
function blendColumns(
  out: usize,
  row: usize,
  from: usize,
  weights: usize,
  taps: usize,
  width: i32,
  flip: bool,
  shift: v128,
): void {
  for (let i = 0; i < width; i++, out += 12) {
    const x = usize(flip ? width - 1 - i : i);
    let at = row + (usize(load<i32>(from + (x << 2))) << 2);
    let weight = weights + ((x * taps) << 2);
    let sum = shift;
    for (let k: usize = 0; k < taps; k += 2, at += 24, weight += 8) {
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(weight), v128.load(at)));
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(weight, 4), v128.load(at, 12)));
    }
    v128.store(out, sum);
  }
}

/**
 * Writes a window of `width` x `height` pixels to `out`.
 * @param stride bytes of a row of the source.
 * @param row memory for the vertical sums of one row, `rowLength` values.
 * @param columns offset into `row` of each output column, which has `columnTaps` weights, an even number.
 * @param rows offset into the source of each output row, which has `rowTaps` weights, of which `counts` are used.
 * @param red added to the red channel; `green` and `blue` to the other channels.
 */
export function resample(
  out: usize,
  width: i32,
  height: i32,
  source: usize,
  stride: usize,
  row: usize,
  rowLength: usize,
  columns: usize,
  columnWeights: usize,
  columnTaps: usize,
  rows: usize,
  counts: usize,
  rowWeights: usize,
  rowTaps: usize,
  flip: bool,
  red: f32,
  green: f32,
  blue: f32,
): void {
  const shift = f32x4.replace_lane(f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(0), 0, red), 1, green), 2, blue);
  for (let y: usize = 0; y < usize(height); y++, out += usize(width) * 12) {
    const from = source + usize(load<i32>(rows + (y << 2)));
    blendRows(row, rowLength, from, stride, load<i32>(counts + (y << 2)), rowWeights + ((y * rowTaps) << 2));
    blendColumns(out, row, columns, columnWeights, columnTaps, width, flip, shift);
  }
}
