/** The update of a variable by momentum SGD, in one pass over memory. */
import { startOf } from './parts';

/**
 * Computes one part of v = a · gradient + b · weights + m · v and weights += c · v, in place. Each product and sum is rounded in the order
 * written, and a term whose factor is 0 is left out, so the bits are those of separate operations.
 */
export function momentumSgd(
  weights: usize,
  gradient: usize,
  velocity: usize,
  count: usize,
  a: f32,
  b: f32,
  m: f32,
  c: f32,
  part: usize,
  parts: usize,
): void {
  const first = startOf(part, parts, count, 4) << 2;
  const end = startOf(part + 1, parts, count, 4) << 2;
  const whole = first + ((end - first) & ~15);
  for (let at = first; at < whole; at += 16) {
    const w = v128.load(weights + at);
    let v = f32x4.mul(v128.load(gradient + at), f32x4.splat(a));
    if (b !== 0) v = f32x4.add(v, f32x4.mul(w, f32x4.splat(b)));
    if (m !== 0) v = f32x4.add(v, f32x4.mul(v128.load(velocity + at), f32x4.splat(m)));
    v128.store(velocity + at, v);
    v128.store(weights + at, f32x4.add(w, f32x4.mul(v, f32x4.splat(c))));
  }
  for (let at = whole; at < end; at += 4) {
    const w = load<f32>(weights + at);
    let v: f32 = load<f32>(gradient + at) * a;
    if (b !== 0) v += w * b;
    if (m !== 0) v += load<f32>(velocity + at) * m;
    store<f32>(velocity + at, v);
    store<f32>(weights + at, w + v * c);
  }
}
