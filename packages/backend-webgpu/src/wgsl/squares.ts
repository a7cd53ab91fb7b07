/** Shader of the sum of squares of a tensor: each workgroup writes the sum of its part. */
import type { Storage } from './gemm';
import { GROUP, TOTALS } from './total';

export interface SquaresShader {
  storage: Storage;
  /** True for four numbers at a time. */
  vector: boolean;
}

export function squaresShader({ storage, vector }: SquaresShader): string {
  const type = vector ? `vec4<${storage}>` : storage;
  return `${storage === 'f16' ? 'enable f16;\n' : ''}struct Uniforms { count: u32, base: u32 }
@group(0) @binding(0) var<storage, read_write> sums: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<${type}>;
@group(0) @binding(2) var<uniform> u: Uniforms;
${TOTALS}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  var sum = 0.0;
  for (var i = group.x * ${GROUP}u + thread; i < u.count; i += groups.x * ${GROUP}u) {
    let v = ${vector ? 'vec4<f32>' : 'f32'}(x[i]);
    sum += ${vector ? 'dot(v, v)' : 'v * v'};
  }
  let result = total(sum, thread);
  if (thread == 0u) { sums[u.base + group.x] = result; }
}`;
}
