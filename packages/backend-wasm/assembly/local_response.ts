/** Local response normalisation across channels (configuration A-LRN) and its gradient: y = x · (bias + α Σ x²)^−β. */

import { startOf } from './parts';

declare function pow(base: f64, exponent: f64): f64;

/**
 * Returns norm^−β. The paper's β = 0.75 takes two square roots and a division, others call the host's power function.
 */
function negativePower(norm: v128, beta: f32): v128 {
  if (beta === 0.75) {
    const root = f32x4.sqrt(norm);
    return f32x4.div(f32x4.splat(1), f32x4.mul(root, f32x4.sqrt(root)));
  }
  let result = f32x4.splat(<f32>pow(f32x4.extract_lane(norm, 0), -beta));
  result = f32x4.replace_lane(result, 1, <f32>pow(f32x4.extract_lane(norm, 1), -beta));
  result = f32x4.replace_lane(result, 2, <f32>pow(f32x4.extract_lane(norm, 2), -beta));
  return f32x4.replace_lane(result, 3, <f32>pow(f32x4.extract_lane(norm, 3), -beta));
}

/**
 * Returns the sum of the 2 · radius + 1 neighbours of each of four values. `from` is `radius` values before the first.
 */
function windowSum(from: usize, radius: usize): v128 {
  let sum = v128.load(from);
  for (let d: usize = 1; d <= radius << 1; d++) sum = f32x4.add(sum, v128.load(from + (d << 2)));
  return sum;
}

/** Returns the number of bytes of scratch memory of each thread for `localResponse` and its gradient. */
export function localResponseScratch(channels: usize, radius: usize): usize {
  return (channels + 4) * 16 + (2 * radius + channels + 4) * 4;
}

/** Computes one part of y from x[pixels, channels]. */
export function localResponse(
  x: usize,
  pixels: usize,
  channels: usize,
  radius: usize,
  bias: f32,
  alpha: f32,
  beta: f32,
  y: usize,
  scratch: usize,
  part: usize,
  parts: usize,
  slot: usize,
): void {
  scratch += slot * ((localResponseScratch(channels, radius) + 15) & ~15);
  const end = startOf(part + 1, parts, pixels, 1);
  const bytes = channels << 2;
  const row = (bytes + 15) & ~15;
  const input = scratch;
  const output = input + row;
  const padded = output + row;
  memory.fill(scratch, 0, localResponseScratch(channels, radius));
  const start = startOf(part, parts, pixels, 1);
  x += start * bytes;
  y += start * bytes;
  for (let pixel = start; pixel < end; pixel++, x += bytes, y += bytes) {
    memory.copy(input, x, bytes);
    squares(input, row, padded + (radius << 2));
    for (let at: usize = 0; at < row; at += 16) {
      const norm = f32x4.add(f32x4.splat(bias), f32x4.mul(f32x4.splat(alpha), windowSum(padded + at, radius)));
      v128.store(output + at, f32x4.mul(v128.load(input + at), negativePower(norm, beta)));
    }
    memory.copy(y, output, bytes);
  }
}

function squares(input: usize, bytes: usize, to: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    const value = v128.load(input + at);
    v128.store(to + at, f32x4.mul(value, value));
  }
}

/** Computes one part of dx = dy · norm^−β − 2αβ · x · Σ dy · y / norm over the neighbours. */
export function localResponseGradient(
  x: usize,
  y: usize,
  dy: usize,
  pixels: usize,
  channels: usize,
  radius: usize,
  bias: f32,
  alpha: f32,
  beta: f32,
  dx: usize,
  scratch: usize,
  part: usize,
  parts: usize,
  slot: usize,
): void {
  scratch += slot * ((localResponseScratch(channels, radius) + 15) & ~15);
  const end = startOf(part + 1, parts, pixels, 1);
  const bytes = channels << 2;
  const row = (bytes + 15) & ~15;
  const input = scratch;
  const output = input + row;
  const gradient = output + row;
  const direct = gradient + row;
  const padded = direct + row;
  memory.fill(scratch, 0, localResponseScratch(channels, radius));
  const factor = f32x4.splat(-2 * alpha * beta);
  const start = startOf(part, parts, pixels, 1);
  x += start * bytes;
  y += start * bytes;
  dy += start * bytes;
  dx += start * bytes;
  for (let pixel = start; pixel < end; pixel++, x += bytes, y += bytes, dy += bytes, dx += bytes) {
    memory.copy(input, x, bytes);
    memory.copy(output, y, bytes);
    memory.copy(gradient, dy, bytes);
    squares(input, row, padded + (radius << 2));
    for (let at: usize = 0; at < row; at += 16) {
      const norm = f32x4.add(f32x4.splat(bias), f32x4.mul(f32x4.splat(alpha), windowSum(padded + at, radius)));
      const slope = v128.load(gradient + at);
      v128.store(direct + at, f32x4.mul(slope, negativePower(norm, beta)));
      v128.store(output + at, f32x4.div(f32x4.mul(slope, v128.load(output + at)), norm));
    }
    memory.copy(padded + (radius << 2), output, row);
    for (let at: usize = 0; at < row; at += 16) {
      const shared = f32x4.mul(f32x4.mul(factor, v128.load(input + at)), windowSum(padded + at, radius));
      v128.store(output + at, f32x4.add(v128.load(direct + at), shared));
    }
    memory.copy(dx, output, bytes);
  }
}
