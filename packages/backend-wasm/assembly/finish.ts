/** The end of a convolution or a matrix product: bias and ReLU, while the sums are in the caches. */

/**
 * Adds bias[columns], unless its address is 0, to rows of y that are `stride` bytes apart, and applies a ReLU if `rectify`, which
 * leaves what is not a number.
 */
export function finish(y: usize, stride: usize, rows: usize, columns: usize, bias: usize, rectify: bool): void {
  if (bias === 0 && !rectify) return;
  const bytes = columns << 2;
  const whole = bytes & ~15;
  const least = f32x4.splat(rectify ? 0 : -Infinity);
  const end = y + rows * stride;
  for (let at: usize = 0; at < whole; at += 16) {
    const added = bias === 0 ? f32x4.splat(0) : v128.load(bias + at);
    for (let p = y + at; p < end; p += stride) v128.store(p, f32x4.pmax(f32x4.add(v128.load(p), added), least));
  }
  for (let at = whole; at < bytes; at += 4) {
    const added = bias === 0 ? f32x4.splat(0) : v128.load_splat<f32>(bias + at);
    for (let p = y + at; p < end; p += stride) {
      v128.store_lane<f32>(p, f32x4.pmax(f32x4.add(v128.load_splat<f32>(p), added), least), 0);
    }
  }
}
