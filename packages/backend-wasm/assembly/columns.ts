/** Sums and batch normalisation over the columns of a matrix. An NHWC tensor is a matrix of pixels × channels. */
import { startOf } from './parts';

/** Number of rows summed in registers before their sum is added to the total, which keeps rounding errors small. */
export const BLOCK: usize = 64;

/** Returns the number of bytes of scratch memory for the sums of the blocks of a matrix. */
export function blockSumsBytes(rows: usize, columns: usize): usize {
  return (((rows + BLOCK - 1) / BLOCK) * columns) << 2;
}

/** Computes sums[block][columns] over the rows of each block of one part. */
export function blockSums(x: usize, rows: usize, columns: usize, sums: usize, part: usize, parts: usize): void {
  const stride = columns << 2;
  const whole = columns & ~3;
  const endRow = startOf(part + 1, parts, rows, BLOCK);
  for (let row = startOf(part, parts, rows, BLOCK); row < endRow; row += BLOCK) {
    const from = x + row * stride;
    const end = from + min(BLOCK, rows - row) * stride;
    const to = sums + (row / BLOCK) * stride;
    for (let column: usize = 0; column < whole; column += 4) {
      const offset = column << 2;
      let sum = f32x4.splat(0);
      for (let p = from + offset; p < end; p += stride) sum = f32x4.add(sum, v128.load(p));
      v128.store(to + offset, sum);
    }
    for (let column = whole; column < columns; column++) {
      const offset = column << 2;
      let sum: f32 = 0;
      for (let p = from + offset; p < end; p += stride) sum += load<f32>(p);
      store<f32>(to + offset, sum);
    }
  }
}

/** Computes to[columns] = factor · the sum over all blocks, in their order. */
export function addBlockSums(sums: usize, rows: usize, columns: usize, factor: f32, to: usize): void {
  const stride = columns << 2;
  const end = sums + blockSumsBytes(rows, columns);
  const whole = stride & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    let total = f32x4.splat(0);
    for (let p = sums + at; p < end; p += stride) total = f32x4.add(total, v128.load(p));
    v128.store(to + at, f32x4.mul(total, f32x4.splat(factor)));
  }
  for (let at = whole; at < stride; at += 4) {
    let total: f32 = 0;
    for (let p = sums + at; p < end; p += stride) total += load<f32>(p);
    store<f32>(to + at, total * factor);
  }
}

/** Computes one part of y = (x − mean) · factor + offset, with one mean, factor and offset per column, and a ReLU if `rectify`. */
export function normalise(
  x: usize,
  rows: usize,
  columns: usize,
  mean: usize,
  factor: usize,
  offset: usize,
  rectify: bool,
  y: usize,
  part: usize,
  parts: usize,
): void {
  const whole = columns & ~3;
  const first = startOf(part, parts, rows, 1);
  const end = startOf(part + 1, parts, rows, 1);
  const least: f32 = rectify ? 0 : -Infinity;
  const leasts = f32x4.splat(least);
  x += (first * columns) << 2;
  y += (first * columns) << 2;
  for (let row = first; row < end; row++) {
    for (let column: usize = 0; column < whole; column += 4) {
      const at = column << 2;
      const centred = f32x4.sub(v128.load(x + at), v128.load(mean + at));
      const value = f32x4.add(f32x4.mul(centred, v128.load(factor + at)), v128.load(offset + at));
      v128.store(y + at, f32x4.pmax(value, leasts));
    }
    for (let column = whole; column < columns; column++) {
      const at = column << 2;
      const centred = load<f32>(x + at) - load<f32>(mean + at);
      const value = centred * load<f32>(factor + at) + load<f32>(offset + at);
      store<f32>(y + at, value < least ? least : value);
    }
    x += columns << 2;
    y += columns << 2;
  }
}

/**
 * Computes the arguments of `normalise`, one value per column: factor = scale / √(variance + epsilon), shift = offset;
 * and inverse = 1 / √(variance + epsilon). Address 0 as `scale` stands for ones, as `offset` for zeros.
 */
export function normalisationFactors(
  variance: usize,
  scale: usize,
  offset: usize,
  columns: usize,
  epsilon: f32,
  factor: usize,
  inverse: usize,
  shift: usize,
): void {
  for (let at: usize = 0; at < columns << 2; at += 4) {
    const root: f32 = 1 / sqrt<f32>(load<f32>(variance + at) + epsilon);
    store<f32>(inverse + at, root);
    store<f32>(factor + at, scale === 0 ? root : root * load<f32>(scale + at));
    store<f32>(shift + at, offset === 0 ? 0 : load<f32>(offset + at));
  }
}

/**
 * Computes one part of the gradient dx of `normalise(x, mean, scale / √(variance + epsilon), offset)` for dy, and over each
 * block of rows sums[block][columns] of dy and products[block][columns] of dy · (x − mean).
 */
export function normalisationGradient(
  x: usize,
  dy: usize,
  rows: usize,
  columns: usize,
  mean: usize,
  factor: usize,
  dx: usize,
  sums: usize,
  products: usize,
  part: usize,
  parts: usize,
): void {
  const stride = columns << 2;
  const whole = columns & ~3;
  const endRow = startOf(part + 1, parts, rows, BLOCK);
  for (let row = startOf(part, parts, rows, BLOCK); row < endRow; row += BLOCK) {
    const from = row * stride;
    const end = from + min(BLOCK, rows - row) * stride;
    const to = (row / BLOCK) * stride;
    for (let column: usize = 0; column < whole; column += 4) {
      const at = column << 2;
      const centre = v128.load(mean + at);
      const slope = v128.load(factor + at);
      let sum = f32x4.splat(0);
      let product = f32x4.splat(0);
      for (let p = from + at; p < end; p += stride) {
        const gradient = v128.load(dy + p);
        sum = f32x4.add(sum, gradient);
        product = f32x4.add(product, f32x4.mul(gradient, f32x4.sub(v128.load(x + p), centre)));
        v128.store(dx + p, f32x4.mul(gradient, slope));
      }
      v128.store(sums + to + at, sum);
      v128.store(products + to + at, product);
    }
    for (let column = whole; column < columns; column++) {
      const at = column << 2;
      let sum: f32 = 0;
      let product: f32 = 0;
      for (let p = from + at; p < end; p += stride) {
        const gradient = load<f32>(dy + p);
        sum += gradient;
        product += gradient * (load<f32>(x + p) - load<f32>(mean + at));
        store<f32>(dx + p, gradient * load<f32>(factor + at));
      }
      store<f32>(sums + to + at, sum);
      store<f32>(products + to + at, product);
    }
  }
}

/**
 * Computes the gradients of mean, variance and scale, one value per column, from that of the offset and from dScale, which
 * holds the sums of the products. `factor` and `inverse` are those of `normalisationFactors`.
 */
export function normalisationParameterGradients(
  columns: usize,
  factor: usize,
  inverse: usize,
  dMean: usize,
  dVariance: usize,
  dScale: usize,
  dOffset: usize,
): void {
  for (let at: usize = 0; at < columns << 2; at += 4) {
    const product = load<f32>(dScale + at);
    const slope = load<f32>(factor + at);
    const root = load<f32>(inverse + at);
    store<f32>(dMean + at, -slope * load<f32>(dOffset + at));
    store<f32>(dVariance + at, -0.5 * slope * root * root * product);
    store<f32>(dScale + at, product * root);
  }
}
