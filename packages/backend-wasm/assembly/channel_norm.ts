/**
 * Batch normalisation by the statistics of the batch, with its ReLU: variance and gradients. An NHWC tensor is a matrix of pixels ×
 * channels; factor and shift are those of `normalisationFactors`.
 */
import { BLOCK } from './columns';
import { startOf } from './parts';

/** Computes sums[block][columns] of (x − mean)² over the rows of each block of one part. */
export function deviationSums(
  x: usize,
  rows: usize,
  columns: usize,
  mean: usize,
  sums: usize,
  part: usize,
  parts: usize,
): void {
  const stride = columns << 2;
  const whole = stride & ~15;
  const endRow = startOf(part + 1, parts, rows, BLOCK);
  for (let row = startOf(part, parts, rows, BLOCK); row < endRow; row += BLOCK) {
    const from = x + row * stride;
    const end = from + min(BLOCK, rows - row) * stride;
    const to = sums + (row / BLOCK) * stride;
    for (let at: usize = 0; at < whole; at += 16) {
      const centre = v128.load(mean + at);
      let sum = f32x4.splat(0);
      for (let p = from + at; p < end; p += stride) {
        const deviation = f32x4.sub(v128.load(p), centre);
        sum = f32x4.add(sum, f32x4.mul(deviation, deviation));
      }
      v128.store(to + at, sum);
    }
    for (let at = whole; at < stride; at += 4) {
      let sum: f32 = 0;
      for (let p = from + at; p < end; p += stride) {
        const deviation = load<f32>(p) - load<f32>(mean + at);
        sum += deviation * deviation;
      }
      store<f32>(to + at, sum);
    }
  }
}

/** Returns dy, but 0 where a ReLU follows and the output of batch norm is at most 0. */
function masked(dy: v128, centred: v128, slope: v128, offset: v128, rectified: v128): v128 {
  const output = f32x4.add(f32x4.mul(centred, slope), offset);
  return v128.andnot(dy, v128.and(rectified, f32x4.le(output, f32x4.splat(0))));
}

/**
 * Computes sums[block][columns] of dy and products[block][columns] of dy · (x − mean) over each block of rows of one part. With
 * `rectify`, dy is that before the ReLU.
 */
export function channelNormSums(
  x: usize,
  dy: usize,
  rows: usize,
  columns: usize,
  mean: usize,
  factor: usize,
  shift: usize,
  rectify: bool,
  sums: usize,
  products: usize,
  part: usize,
  parts: usize,
): void {
  const stride = columns << 2;
  const whole = stride & ~15;
  const rectified = i32x4.splat(rectify ? -1 : 0);
  const endRow = startOf(part + 1, parts, rows, BLOCK);
  for (let row = startOf(part, parts, rows, BLOCK); row < endRow; row += BLOCK) {
    const from = row * stride;
    const end = from + min(BLOCK, rows - row) * stride;
    const to = (row / BLOCK) * stride;
    for (let at: usize = 0; at < whole; at += 16) {
      const centre = v128.load(mean + at);
      const slope = v128.load(factor + at);
      const offset = v128.load(shift + at);
      let sum = f32x4.splat(0);
      let product = sum;
      for (let p = from + at; p < end; p += stride) {
        const centred = f32x4.sub(v128.load(x + p), centre);
        const gradient = masked(v128.load(dy + p), centred, slope, offset, rectified);
        sum = f32x4.add(sum, gradient);
        product = f32x4.add(product, f32x4.mul(gradient, centred));
      }
      v128.store(sums + to + at, sum);
      v128.store(products + to + at, product);
    }
    for (let at = whole; at < stride; at += 4) {
      const centre = v128.load_splat<f32>(mean + at);
      const slope = v128.load_splat<f32>(factor + at);
      const offset = v128.load_splat<f32>(shift + at);
      let sum = f32x4.splat(0);
      let product = sum;
      for (let p = from + at; p < end; p += stride) {
        const centred = f32x4.sub(v128.load_splat<f32>(x + p), centre);
        const gradient = masked(v128.load_splat<f32>(dy + p), centred, slope, offset, rectified);
        sum = f32x4.add(sum, gradient);
        product = f32x4.add(product, f32x4.mul(gradient, centred));
      }
      v128.store_lane<f32>(sums + to + at, sum, 0);
      v128.store_lane<f32>(products + to + at, product, 0);
    }
  }
}

/**
 * Computes, per column, the shares of the statistics in the gradient: byMean · (x − mean) + constant, zero unless they are those of the
 * batch. dOffset has the sums of dy, dScale those of dy · (x − mean), which become the gradient of the scale.
 */
export function channelNormShares(
  rows: usize,
  columns: usize,
  factor: usize,
  inverse: usize,
  ofBatch: bool,
  dScale: usize,
  dOffset: usize,
  byMean: usize,
  constant: usize,
): void {
  const share: f32 = ofBatch ? -1 / <f32>rows : 0;
  for (let at: usize = 0; at < columns << 2; at += 4) {
    const root = load<f32>(inverse + at);
    const slope = share * load<f32>(factor + at);
    const scaled = load<f32>(dScale + at) * root;
    store<f32>(dScale + at, scaled);
    store<f32>(byMean + at, slope * scaled * root);
    store<f32>(constant + at, slope * load<f32>(dOffset + at));
  }
}

/** Computes one part of dx = dy · factor + byMean · (x − mean) + constant. With `rectify`, dy is that before the ReLU. */
export function channelNormGradient(
  x: usize,
  dy: usize,
  rows: usize,
  columns: usize,
  mean: usize,
  factor: usize,
  shift: usize,
  rectify: bool,
  byMean: usize,
  constant: usize,
  dx: usize,
  part: usize,
  parts: usize,
): void {
  const stride = columns << 2;
  const whole = stride & ~15;
  const rectified = i32x4.splat(rectify ? -1 : 0);
  const first = startOf(part, parts, rows, 1) * stride;
  const end = startOf(part + 1, parts, rows, 1) * stride;
  for (let row = first; row < end; row += stride) {
    for (let at: usize = 0; at < whole; at += 16) {
      const slope = v128.load(factor + at);
      const centred = f32x4.sub(v128.load(x + row + at), v128.load(mean + at));
      const gradient = masked(v128.load(dy + row + at), centred, slope, v128.load(shift + at), rectified);
      const share = f32x4.add(f32x4.mul(centred, v128.load(byMean + at)), v128.load(constant + at));
      v128.store(dx + row + at, f32x4.add(f32x4.mul(gradient, slope), share));
    }
    for (let at = whole; at < stride; at += 4) {
      const slope = v128.load_splat<f32>(factor + at);
      const centred = f32x4.sub(v128.load_splat<f32>(x + row + at), v128.load_splat<f32>(mean + at));
      const offset = v128.load_splat<f32>(shift + at);
      const gradient = masked(v128.load_splat<f32>(dy + row + at), centred, slope, offset, rectified);
      const share = f32x4.add(
        f32x4.mul(centred, v128.load_splat<f32>(byMean + at)),
        v128.load_splat<f32>(constant + at),
      );
      v128.store_lane<f32>(dx + row + at, f32x4.add(f32x4.mul(gradient, slope), share), 0);
    }
  }
}
