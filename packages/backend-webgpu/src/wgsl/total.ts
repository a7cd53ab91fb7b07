/** WGSL of sums over the threads of a workgroup, in the same order in every run. */

export const GROUP = 256;

/** Declares `total(value, thread)`: the sum of the values of all threads, and `largest(value, thread)`. All threads call them. */
export const TOTALS = `var<workgroup> shared_values: array<f32, ${GROUP}>;
fn total(value: f32, thread: u32) -> f32 {
  shared_values[thread] = value;
  workgroupBarrier();
  for (var half = ${GROUP / 2}u; half > 0u; half >>= 1u) {
    if (thread < half) { shared_values[thread] += shared_values[thread + half]; }
    workgroupBarrier();
  }
  let result = shared_values[0];
  workgroupBarrier();
  return result;
}
fn largest(value: f32, thread: u32) -> f32 {
  shared_values[thread] = value;
  workgroupBarrier();
  for (var half = ${GROUP / 2}u; half > 0u; half >>= 1u) {
    if (thread < half) { shared_values[thread] = max(shared_values[thread], shared_values[thread + half]); }
    workgroupBarrier();
  }
  let result = shared_values[0];
  workgroupBarrier();
  return result;
}`;
