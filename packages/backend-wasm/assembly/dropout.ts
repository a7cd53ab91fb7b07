/** Dropout by addressed random numbers: those of `RandomStream` of @vgg/core, Threefry-2x32 with 20 rounds. */
import { startOf } from './parts';

const PARITY: u32 = 0x1bd11bda;

/** Number of words that are computed at a time, of four counters. */
const WORDS: usize = 8;

function rotate(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/** Computes y[8] from x[8] by the words of `counter` and the three after it: 0 where a word's upper 24 bits are below the limit. */
function dropEight(k0: u32, k1: u32, counter: u64, limit: u32, kept: f32, x: usize, y: usize): void {
  const k2 = PARITY ^ k0 ^ k1;
  const start = i32x4.splat(<i32>counter);
  const low = i32x4.add(start, i32x4(0, 1, 2, 3));
  // A comparison that holds is −1: the carry.
  const high = i32x4.sub(i32x4.splat(<i32>(counter >> 32)), i32x4.lt_u(low, start));
  let x0 = i32x4.add(low, i32x4.splat(k0));
  let x1 = i32x4.add(high, i32x4.splat(k1));
  for (let group: u32 = 0; group < 5; group++) {
    const odd = (group & 1) === 1;
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotate(x1, odd ? 17 : 13), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotate(x1, odd ? 29 : 15), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotate(x1, odd ? 16 : 26), x0);
    x0 = i32x4.add(x0, x1);
    x1 = v128.xor(rotate(x1, odd ? 24 : 6), x0);
    const next = (group + 1) % 3;
    const after = (group + 2) % 3;
    x0 = i32x4.add(x0, i32x4.splat(next === 0 ? k0 : next === 1 ? k1 : k2));
    x1 = i32x4.add(x1, i32x4.splat((after === 0 ? k0 : after === 1 ? k1 : k2) + group + 1));
  }
  const border = i32x4.splat(limit);
  const factor = f32x4.splat(kept);
  const first = i32x4.shr_u(v128.shuffle<i32>(x0, x1, 0, 4, 1, 5), 8);
  const second = i32x4.shr_u(v128.shuffle<i32>(x0, x1, 2, 6, 3, 7), 8);
  v128.store(y, f32x4.mul(v128.load(x), v128.andnot(factor, i32x4.lt_u(first, border))));
  v128.store(y, f32x4.mul(v128.load(x, 16), v128.andnot(factor, i32x4.lt_u(second, border))), 16);
}

/**
 * Computes one part of y[count]: each number of x is dropped if the upper 24 bits of its word, `start` + its index in the stream of the
 * key, are below the limit, and else multiplied by `kept`. Scratch memory of each thread, at `scratch` + 32 · slot: 8 numbers.
 */
export function addressedDropout(
  x: usize,
  count: usize,
  k0: u32,
  k1: u32,
  start: f64,
  limit: u32,
  kept: f32,
  y: usize,
  scratch: usize,
  part: usize,
  parts: usize,
  slot: usize,
): void {
  const some = scratch + (slot << 5);
  const word = <u64>start;
  // Numbers before the first one, so that the first of eight is the first word of a counter.
  const before = <usize>(word & 1);
  const end = startOf(part + 1, parts, before + count, WORDS);
  for (let at = startOf(part, parts, before + count, WORDS); at < end; at += WORDS) {
    const counter = (word + at) >> 1;
    const skipped = at === 0 ? before : 0;
    const present = min(WORDS, before + count - at) - skipped;
    const offset = (at + skipped - before) << 2;
    if (present === WORDS) {
      dropEight(k0, k1, counter, limit, kept, x + offset, y + offset);
    } else {
      memory.copy(some + (skipped << 2), x + offset, present << 2);
      dropEight(k0, k1, counter, limit, kept, some, some);
      memory.copy(y + offset, some + (skipped << 2), present << 2);
    }
  }
}
