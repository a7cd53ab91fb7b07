/** Shader of soft-max cross-entropy: a workgroup for each row writes its loss and its gradient. */
import type { Storage } from './gemm';
import { GROUP, TOTALS } from './total';

/**
 * Returns the shader. The loss of a row is scale · Σ t · (m + log S - x), and the gradient of x is scale · (T · exp(x - m) / S - t),
 * where m is the maximum of the row, S = Σ exp(x - m), and T = Σ t, all over the classes.
 */
export function crossEntropyShader(storage: Storage): string {
  return `${storage === 'f16' ? 'enable f16;\n' : ''}struct Uniforms { rows: u32, classes: u32, scale: f32 }
@group(0) @binding(0) var<storage, read_write> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> logits: array<${storage}>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<uniform> u: Uniforms;
${TOTALS}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= u.rows) { return; }
  let first = row * u.classes;
  var own = -3.4028234e38;
  for (var c = thread; c < u.classes; c += ${GROUP}u) { own = max(own, f32(logits[first + c])); }
  let top = largest(own, thread);
  var exponentials = 0.0;
  var weights = 0.0;
  for (var c = thread; c < u.classes; c += ${GROUP}u) {
    exponentials += exp(f32(logits[first + c]) - top);
    weights += targets[first + c];
  }
  let size = total(exponentials, thread);
  let weight = total(weights, thread);
  let above = log(size);
  var loss = 0.0;
  for (var c = thread; c < u.classes; c += ${GROUP}u) {
    let x = f32(logits[first + c]) - top;
    let t = targets[first + c];
    // A class without weight adds nothing, even where its logit is so far below that x is not finite.
    if (t != 0.0) { loss += t * (above - x); }
    gradient[first + c] = u.scale * (weight * (exp(x) / size) - t);
  }
  let sum = total(loss, thread);
  if (thread == 0u) { losses[row] = u.scale * sum; }
}`;
}
