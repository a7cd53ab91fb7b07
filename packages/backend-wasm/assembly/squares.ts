/** Sum of the squares of all numbers of a tensor. */
import { startOf } from './parts';

/** Number of numbers whose squares are summed in float32. The sums of these blocks are summed in float64. */
const BLOCK: usize = 1024;

/** Returns the number of blocks, each of which needs 4 bytes for its sum. */
export function squareBlocks(count: usize): usize {
  return (count + BLOCK - 1) / BLOCK;
}

/** Computes the sums of the squares of the blocks of one part. */
export function blockSquares(x: usize, count: usize, sums: usize, part: usize, parts: usize): void {
  const endBlock = startOf(part + 1, parts, squareBlocks(count), 1);
  for (let block = startOf(part, parts, squareBlocks(count), 1); block < endBlock; block++) {
    const bytes = min(BLOCK, count - block * BLOCK) << 2;
    let p = x + ((block * BLOCK) << 2);
    const end = p + bytes;
    const whole = p + (bytes & ~31);
    let even = f32x4.splat(0);
    let odd = even;
    for (; p < whole; p += 32) {
      const first = v128.load(p);
      const second = v128.load(p, 16);
      even = f32x4.add(even, f32x4.mul(first, first));
      odd = f32x4.add(odd, f32x4.mul(second, second));
    }
    even = f32x4.add(even, odd);
    let sum: f32 =
      f32x4.extract_lane(even, 0) +
      f32x4.extract_lane(even, 1) +
      (f32x4.extract_lane(even, 2) + f32x4.extract_lane(even, 3));
    for (; p < end; p += 4) sum += load<f32>(p) * load<f32>(p);
    store<f32>(sums + (block << 2), sum);
  }
}

/** Returns the sum of the sums of all blocks of `count` numbers. */
export function addSquares(sums: usize, count: usize): f64 {
  let total: f64 = 0;
  const end = sums + (squareBlocks(count) << 2);
  for (let p = sums; p < end; p += 4) total += <f64>load<f32>(p);
  return total;
}
