/** Sums and batch normalisation over the columns of a matrix. An NHWC tensor is a matrix of pixels × channels. */

/** Number of rows summed in registers before their sum is added to the total, which keeps rounding errors small. */
const BLOCK: usize = 64;

/** Computes to[columns] = factor · sum over the rows of x. */
export function columnSums(x: usize, rows: usize, columns: usize, factor: f32, to: usize): void {
  const stride = columns << 2;
  memory.fill(to, 0, stride);
  const whole = columns & ~3;
  for (let row: usize = 0; row < rows; row += BLOCK) {
    const end = x + min(BLOCK, rows - row) * stride;
    for (let column: usize = 0; column < whole; column += 4) {
      const offset = column << 2;
      let sum = f32x4.splat(0);
      for (let p = x + offset; p < end; p += stride) sum = f32x4.add(sum, v128.load(p));
      v128.store(to + offset, f32x4.add(v128.load(to + offset), sum));
    }
    for (let column = whole; column < columns; column++) {
      const offset = column << 2;
      let sum: f32 = 0;
      for (let p = x + offset; p < end; p += stride) sum += load<f32>(p);
      store<f32>(to + offset, load<f32>(to + offset) + sum);
    }
    x = end;
  }
  for (let column: usize = 0; column < columns; column++) {
    store<f32>(to + (column << 2), load<f32>(to + (column << 2)) * factor);
  }
}

/** Computes y = (x − mean) · factor + offset, with one mean, factor and offset per column. */
export function normalise(
  x: usize,
  rows: usize,
  columns: usize,
  mean: usize,
  factor: usize,
  offset: usize,
  y: usize,
): void {
  const whole = columns & ~3;
  for (let row: usize = 0; row < rows; row++) {
    for (let column: usize = 0; column < whole; column += 4) {
      const at = column << 2;
      const centred = f32x4.sub(v128.load(x + at), v128.load(mean + at));
      v128.store(y + at, f32x4.add(f32x4.mul(centred, v128.load(factor + at)), v128.load(offset + at)));
    }
    for (let column = whole; column < columns; column++) {
      const at = column << 2;
      const centred = load<f32>(x + at) - load<f32>(mean + at);
      store<f32>(y + at, centred * load<f32>(factor + at) + load<f32>(offset + at));
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
 * Computes the gradients of `normalise(x, mean, scale / √(variance + epsilon), offset)` for dy: dx, and one value per
 * column for mean, variance, scale and offset. `factor` and `inverse` are those of `normalisationFactors`.
 */
export function normalisationGradient(
  x: usize,
  dy: usize,
  rows: usize,
  columns: usize,
  mean: usize,
  factor: usize,
  inverse: usize,
  dx: usize,
  dMean: usize,
  dVariance: usize,
  dScale: usize,
  dOffset: usize,
): void {
  const stride = columns << 2;
  memory.fill(dOffset, 0, stride);
  memory.fill(dScale, 0, stride);
  const whole = columns & ~3;
  for (let row: usize = 0; row < rows; row += BLOCK) {
    const bytes = min(BLOCK, rows - row) * stride;
    for (let column: usize = 0; column < whole; column += 4) {
      const at = column << 2;
      const centre = v128.load(mean + at);
      const slope = v128.load(factor + at);
      let sum = f32x4.splat(0);
      let product = f32x4.splat(0);
      for (let p = at; p < bytes; p += stride) {
        const gradient = v128.load(dy + p);
        sum = f32x4.add(sum, gradient);
        product = f32x4.add(product, f32x4.mul(gradient, f32x4.sub(v128.load(x + p), centre)));
        v128.store(dx + p, f32x4.mul(gradient, slope));
      }
      v128.store(dOffset + at, f32x4.add(v128.load(dOffset + at), sum));
      v128.store(dScale + at, f32x4.add(v128.load(dScale + at), product));
    }
    for (let column = whole; column < columns; column++) {
      const at = column << 2;
      let sum: f32 = 0;
      let product: f32 = 0;
      for (let p = at; p < bytes; p += stride) {
        const gradient = load<f32>(dy + p);
        sum += gradient;
        product += gradient * (load<f32>(x + p) - load<f32>(mean + at));
        store<f32>(dx + p, gradient * load<f32>(factor + at));
      }
      store<f32>(dOffset + at, load<f32>(dOffset + at) + sum);
      store<f32>(dScale + at, load<f32>(dScale + at) + product);
    }
    x += bytes;
    dy += bytes;
    dx += bytes;
  }
  for (let at: usize = 0; at < stride; at += 4) {
    const product = load<f32>(dScale + at);
    const slope = load<f32>(factor + at);
    const root = load<f32>(inverse + at);
    store<f32>(dMean + at, -slope * load<f32>(dOffset + at));
    store<f32>(dVariance + at, -0.5 * slope * root * root * product);
    store<f32>(dScale + at, product * root);
  }
}
