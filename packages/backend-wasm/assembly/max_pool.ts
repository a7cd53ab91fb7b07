/** VGG's pooling: the greatest of 2 × 2 pixels at stride 2, without padding. */
import { startOf } from './parts';

/** Computes one part of y[count, ⌊height / 2⌋, ⌊width / 2⌋, channels]: some of its rows. */
export function maxPool2x2(
  x: usize,
  y: usize,
  count: usize,
  height: usize,
  width: usize,
  channels: usize,
  part: usize,
  parts: usize,
): void {
  const outHeight = height >> 1;
  const outWidth = width >> 1;
  const pixel = channels << 2;
  const whole = pixel & ~15;
  const row = width * pixel;
  const least = f32x4.splat(-Infinity);
  const first = startOf(part, parts, count * outHeight, 1);
  const end = startOf(part + 1, parts, count * outHeight, 1);
  y += first * outWidth * pixel;
  for (let index = first; index < end; index++) {
    let from = x + ((index / outHeight) * height + ((index % outHeight) << 1)) * row;
    for (let ox: usize = 0; ox < outWidth; ox++, from += pixel << 1, y += pixel) {
      for (let at: usize = 0; at < whole; at += 16) {
        const p = from + at;
        const upper = f32x4.pmax(f32x4.pmax(least, v128.load(p)), v128.load(p + pixel));
        v128.store(y + at, f32x4.pmax(f32x4.pmax(upper, v128.load(p + row)), v128.load(p + row + pixel)));
      }
      for (let at = whole; at < pixel; at += 4) {
        const p = from + at;
        const upper = f32x4.pmax(f32x4.pmax(least, v128.load_splat<f32>(p)), v128.load_splat<f32>(p + pixel));
        const lower = f32x4.pmax(
          f32x4.pmax(upper, v128.load_splat<f32>(p + row)),
          v128.load_splat<f32>(p + row + pixel),
        );
        v128.store_lane<f32>(y + at, lower, 0);
      }
    }
  }
}
