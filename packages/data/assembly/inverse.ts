/** Inverse discrete cosine transform by libjpeg's accurate integer method (jidctint.c), four columns at once. */
import { BLOCK, SCRATCH } from '../src/node/memory-layout';

/** Results of {@link transform}. */
let o0: v128 = i32x4.splat(0);
let o1: v128 = i32x4.splat(0);
let o2: v128 = i32x4.splat(0);
let o3: v128 = i32x4.splat(0);
let o4: v128 = i32x4.splat(0);
let o5: v128 = i32x4.splat(0);
let o6: v128 = i32x4.splat(0);
let o7: v128 = i32x4.splat(0);

export function times(a: v128, constant: i32): v128 {
  return i32x4.mul(a, i32x4.splat(constant));
}

/**
 * Computes the one-dimensional inverse DCT of jidctint.c on four columns at once, rounded and shifted right by `shift`, into
 * o0 to o7. The constants are those of jidctint.c: FIX(x) = round(x * 2^13).
 */
function transform(a0: v128, a1: v128, a2: v128, a3: v128, a4: v128, a5: v128, a6: v128, a7: v128, shift: i32): void {
  const e1 = times(i32x4.add(a2, a6), 4433);
  const e2 = i32x4.add(e1, times(a6, -15137));
  const e3 = i32x4.add(e1, times(a2, 6270));
  const s0 = i32x4.shl(i32x4.add(a0, a4), 13);
  const s1 = i32x4.shl(i32x4.sub(a0, a4), 13);
  const round = i32x4.splat(1 << (shift - 1));
  const t0 = i32x4.add(i32x4.add(s0, e3), round);
  const t3 = i32x4.add(i32x4.sub(s0, e3), round);
  const t1 = i32x4.add(i32x4.add(s1, e2), round);
  const t2 = i32x4.add(i32x4.sub(s1, e2), round);
  const z5 = times(i32x4.add(i32x4.add(a7, a3), i32x4.add(a5, a1)), 9633);
  const z1 = times(i32x4.add(a7, a1), -7373);
  const z2 = times(i32x4.add(a5, a3), -20995);
  const z3 = i32x4.add(times(i32x4.add(a7, a3), -16069), z5);
  const z4 = i32x4.add(times(i32x4.add(a5, a1), -3196), z5);
  const p0 = i32x4.add(i32x4.add(times(a7, 2446), z1), z3);
  const p1 = i32x4.add(i32x4.add(times(a5, 16819), z2), z4);
  const p2 = i32x4.add(i32x4.add(times(a3, 25172), z2), z3);
  const p3 = i32x4.add(i32x4.add(times(a1, 12299), z1), z4);
  o0 = i32x4.shr_s(i32x4.add(t0, p3), shift);
  o7 = i32x4.shr_s(i32x4.sub(t0, p3), shift);
  o1 = i32x4.shr_s(i32x4.add(t1, p2), shift);
  o6 = i32x4.shr_s(i32x4.sub(t1, p2), shift);
  o2 = i32x4.shr_s(i32x4.add(t2, p1), shift);
  o5 = i32x4.shr_s(i32x4.sub(t2, p1), shift);
  o3 = i32x4.shr_s(i32x4.add(t3, p0), shift);
  o4 = i32x4.shr_s(i32x4.sub(t3, p0), shift);
}

/** Transposes a 4x4 matrix and stores its rows 32 bytes apart. */
function storeTransposed(a: v128, b: v128, c: v128, d: v128, to: usize): void {
  const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2));
  v128.store(to + 32, v128.shuffle<i64>(ab0, cd0, 1, 3));
  v128.store(to + 64, v128.shuffle<i64>(ab1, cd1, 0, 2));
  v128.store(to + 96, v128.shuffle<i64>(ab1, cd1, 1, 3));
}

/** Transforms the four columns at `from` and stores them as four rows at `to`: half of a pass. */
function pass(from: usize, to: usize, shift: i32): void {
  transform(
    v128.load(from),
    v128.load(from, 32),
    v128.load(from, 64),
    v128.load(from, 96),
    v128.load(from, 128),
    v128.load(from, 160),
    v128.load(from, 192),
    v128.load(from, 224),
    shift,
  );
  storeTransposed(o0, o1, o2, o3, to);
  storeTransposed(o4, o5, o6, o7, to + 16);
}

/**
 * Writes the inverse DCT of BLOCK as 8x8 samples at `to`, rows `stride` bytes apart.
 * @param last zigzag place of the last nonzero coefficient.
 */
export function inverse(to: usize, stride: usize, last: i32): void {
  if (last === 0) {
    // All samples are equal: (dc * 4 + 16) >> 5.
    const value = min(255, max(0, (((load<i32>(BLOCK) << 2) + 16) >> 5) + 128));
    const row = i8x16.splat(i8(value));
    for (let y: usize = 0; y < 8; y++) v128.store64_lane(to + y * stride, row, 0);
    return;
  }
  pass(BLOCK, SCRATCH, 11);
  pass(BLOCK + 16, SCRATCH + 128, 11);
  pass(SCRATCH, BLOCK, 18);
  pass(SCRATCH + 16, BLOCK + 128, 18);
  const centre = i16x8.splat(128);
  for (let y: usize = 0; y < 8; y++) {
    const row = i16x8.narrow_i32x4_s(v128.load(BLOCK + y * 32), v128.load(BLOCK + y * 32, 16));
    const samples = i16x8.add_sat_s(row, centre);
    v128.store64_lane(to + y * stride, i8x16.narrow_i16x8_u(samples, samples), 0);
  }
}
