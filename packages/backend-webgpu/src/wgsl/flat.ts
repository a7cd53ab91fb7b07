/** Shaders with a thread for each number, or each four, of their output. */
import type { Storage } from './gemm';

/** Mode in which an input is read: number by number, as one number, or by channel, repeated along the last axis. */
export type Mode = 'each' | 'scalar' | 'channel';

export interface Input {
  storage: Storage | 'i32';
  mode: Mode;
}

export interface FlatShader {
  inputs: readonly Input[];
  outputs: readonly Storage[];
  /** True for four numbers at a time. */
  vector: boolean;
  /** Further uniforms. */
  uniforms: readonly string[];
  /** WGSL functions used by the body; `V` is the type of a value. */
  functions?: string;
  /** WGSL from v0, v1 … of the inputs, at place i, to r0, r1 … of the outputs. */
  body: string;
  /** True if output j is input j, changed in place. */
  inPlace?: boolean;
}

export const THREADS = 64;

/** Uniforms start with the number of threads and the number of channels, both counted in vectors. */
export function flatShader({
  inputs,
  outputs,
  vector,
  uniforms,
  functions = '',
  body,
  inPlace = false,
}: FlatShader): string {
  const type = (storage: Storage | 'i32', mode: Mode = 'each') =>
    vector && mode !== 'scalar' ? `vec4<${storage}>` : storage;
  const value = vector ? 'vec4<f32>' : 'f32';
  const at: Record<Mode, string> = { each: 'i', scalar: '0', channel: 'i % u.channels' };
  const lines: string[] = [];
  const reads: string[] = [];
  let binding = 0;
  for (const [j, storage] of outputs.entries()) {
    lines.push(`@group(0) @binding(${binding++}) var<storage, read_write> y${j}: array<${type(storage)}>;`);
  }
  for (const [j, { storage, mode }] of inputs.entries()) {
    const own = inPlace && j < outputs.length;
    if (!own) lines.push(`@group(0) @binding(${binding++}) var<storage, read> x${j}: array<${type(storage, mode)}>;`);
    reads.push(`  let v${j} = V(${own ? 'y' : 'x'}${j}[${at[mode]}]);`);
  }
  const writes = outputs.map((storage, j) => `  y${j}[i] = ${type(storage)}(r${j});`);
  const half = [...outputs, ...inputs.map(({ storage }) => storage)].includes('f16');
  return `${half ? 'enable f16;\n' : ''}alias V = ${value};
struct Uniforms { count: u32, channels: u32, ${uniforms.map((name) => `${name}, `).join('')}}
${lines.join('\n')}
@group(0) @binding(${binding}) var<uniform> u: Uniforms;
${functions}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * groups.x + group.x) * ${THREADS}u + thread;
  if (i >= u.count) { return; }
${reads.join('\n')}
${body}
${writes.join('\n')}
}`;
}
