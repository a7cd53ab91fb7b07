/** Element-wise operations on float32 tensors. */
import { startOf } from './parts';

/** Types that stand for the operations, so that there is a function for each. They have their numbers' order. */
type Add = i8;
type Subtract = u8;
type SubtractFrom = i16;
type Multiply = u16;
type SquaredDifference = i32;
type Rectify = u32;
type Step = i64;
type ReluGradient = u64;

function same<T, U>(): bool {
  return sizeof<T>() === sizeof<U>() && isSigned<T>() === isSigned<U>();
}

/** Returns one operation of four pairs of numbers. */
function combine<T>(a: v128, b: v128): v128 {
  if (same<T, Add>()) return f32x4.add(a, b);
  if (same<T, Subtract>()) return f32x4.sub(a, b);
  if (same<T, SubtractFrom>()) return f32x4.sub(b, a);
  if (same<T, Multiply>()) return f32x4.mul(a, b);
  if (same<T, SquaredDifference>()) return f32x4.mul(f32x4.sub(a, b), f32x4.sub(a, b));
  // The greater of both, and a if it is not a number.
  if (same<T, Rectify>()) return f32x4.pmax(a, b);
  // 1 where a is positive, a where it is not a number, else b.
  if (same<T, Step>()) {
    const rest = v128.bitselect(b, a, f32x4.eq(a, a));
    return v128.bitselect(f32x4.splat(1), rest, f32x4.gt(a, f32x4.splat(0)));
  }
  // a, but 0 where b is at most 0.
  return v128.andnot(a, f32x4.le(b, f32x4.splat(0)));
}

/** Computes rows of y = a ∘ b, where b has one row for all; without b (address 0) it is the scalar everywhere. */
function combineRows<T>(a: usize, b: usize, scalar: f32, y: usize, rows: usize, columns: usize): void {
  const bytes = columns << 2;
  const whole = bytes & ~15;
  const all = f32x4.splat(scalar);
  for (; rows; rows--, a += bytes, y += bytes) {
    if (b === 0) {
      for (let at: usize = 0; at < whole; at += 16) v128.store(y + at, combine<T>(v128.load(a + at), all));
    } else {
      for (let at: usize = 0; at < whole; at += 16) {
        v128.store(y + at, combine<T>(v128.load(a + at), v128.load(b + at)));
      }
    }
    for (let at = whole; at < bytes; at += 4) {
      const right = b === 0 ? all : v128.load_splat<f32>(b + at);
      v128.store_lane<f32>(y + at, combine<T>(v128.load_splat<f32>(a + at), right), 0);
    }
  }
}

/**
 * Computes one part of y[count] = a[count] ∘ b by the operation with this number (`src/kernels/elementwise.ts`). b has `columns`
 * numbers that repeat, which are `count` for a tensor like a. Without b (address 0) it is the scalar everywhere.
 */
export function elementwise(
  operation: i32,
  a: usize,
  b: usize,
  scalar: f32,
  y: usize,
  count: usize,
  columns: usize,
  part: usize,
  parts: usize,
): void {
  let rows = count / columns;
  if (rows === 1) {
    const first = startOf(part, parts, count, 16);
    columns = startOf(part + 1, parts, count, 16) - first;
    a += first << 2;
    y += first << 2;
    if (b !== 0) b += first << 2;
  } else {
    const first = startOf(part, parts, rows, 1);
    rows = startOf(part + 1, parts, rows, 1) - first;
    a += (first * columns) << 2;
    y += (first * columns) << 2;
  }
  if (operation === 0) combineRows<Add>(a, b, scalar, y, rows, columns);
  else if (operation === 1) combineRows<Subtract>(a, b, scalar, y, rows, columns);
  else if (operation === 2) combineRows<SubtractFrom>(a, b, scalar, y, rows, columns);
  else if (operation === 3) combineRows<Multiply>(a, b, scalar, y, rows, columns);
  else if (operation === 4) combineRows<SquaredDifference>(a, b, scalar, y, rows, columns);
  else if (operation === 5) combineRows<Rectify>(a, b, scalar, y, rows, columns);
  else if (operation === 6) combineRows<Step>(a, b, scalar, y, rows, columns);
  else combineRows<ReluGradient>(a, b, scalar, y, rows, columns);
}
