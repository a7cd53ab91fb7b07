/**
 * Shaders that find the scale of a tensor: the power of two by which its numbers are multiplied before they are rounded to
 * float16, so that the largest fits and as many small ones as possible are kept.
 */
import { GROUP } from './total';

/**
 * The largest number of a scaled tensor lies from this power of two up to the next, which float16 still holds; float16 keeps
 * all its digits down to 2^-14.
 */
const LARGEST = 14;

/** Declares `highest(value, thread)`: the highest value of all threads, which all call it. Bits order magnitudes, NaN last. */
const HIGHEST = `var<workgroup> shared_bits: array<u32, ${GROUP}>;
fn highest(value: u32, thread: u32) -> u32 {
  shared_bits[thread] = value;
  workgroupBarrier();
  for (var half = ${GROUP / 2}u; half > 0u; half >>= 1u) {
    if (thread < half) { shared_bits[thread] = max(shared_bits[thread], shared_bits[thread + half]); }
    workgroupBarrier();
  }
  return shared_bits[0];
}`;

/** Each workgroup writes the bits of the largest magnitude of its part. */
export function largestShader({ vector }: { vector: boolean }): string {
  return `struct Uniforms { count: u32, base: u32 }
@group(0) @binding(0) var<storage, read_write> largest: array<u32>;
@group(0) @binding(1) var<storage, read> x: array<${vector ? 'vec4<u32>' : 'u32'}>;
@group(0) @binding(2) var<uniform> u: Uniforms;
${HIGHEST}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  var most = 0u;
  for (var i = group.x * ${GROUP}u + thread; i < u.count; i += groups.x * ${GROUP}u) {
    let bits = x[i] & ${vector ? 'vec4<u32>(0x7fffffffu)' : '0x7fffffffu'};
    most = max(most, ${vector ? 'max(max(bits.x, bits.y), max(bits.z, bits.w))' : 'bits'});
  }
  let result = highest(most, thread);
  if (thread == 0u) { largest[u.base + group.x] = result; }
}`;
}

/** Writes the scale and its reciprocal. A tensor of zeros, or with a number that is not finite, has the scale 1. */
export const scaleShader = `struct Uniforms { count: u32 }
@group(0) @binding(0) var<storage, read_write> scale: array<f32>;
@group(0) @binding(1) var<storage, read> largest: array<u32>;
@group(0) @binding(2) var<uniform> u: Uniforms;
${HIGHEST}
@compute @workgroup_size(${GROUP})
fn main(@builtin(local_invocation_index) thread: u32) {
  var most = 0u;
  for (var i = thread; i < u.count; i += ${GROUP}u) { most = max(most, largest[i]); }
  let bits = highest(most, thread);
  if (thread == 0u) {
    let exponent = clamp(${127 + LARGEST} - i32(bits >> 23), -126, 126);
    let shift = select(exponent, 0, bits == 0u || bits >= 0x7f800000u);
    scale[0] = bitcast<f32>(u32(127 + shift) << 23);
    scale[1] = bitcast<f32>(u32(127 - shift) << 23);
  }
}`;
