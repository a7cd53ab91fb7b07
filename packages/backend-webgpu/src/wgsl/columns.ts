/** Sums over the rows of a matrix, of any expression of its numbers: bias gradients, moments, the gradient of batch norm. */
import type { Input } from './flat';
import type { Storage } from './gemm';

/** Threads along columns and rows. */
export const COLUMNS = 16;
export const ROWS = 16;

export interface ColumnsShader {
  inputs: readonly Input[];
  /** WGSL from v0, v1 … to r0, r1 …, one for each sum. */
  body: string;
  sums: number;
  vector: boolean;
  uniforms: readonly string[];
}

/** Workgroups: x over columns, y over ranges of rows, each of which writes a row of partial sums. */
export function columnsShader({ inputs, body, sums, vector, uniforms }: ColumnsShader): string {
  const type = (storage: Storage | 'i32') => (vector ? `vec4<${storage}>` : storage);
  const each = Array.from({ length: sums }, (_, j) => j);
  const count = inputs.length;
  const half = inputs.some(({ storage }) => storage === 'f16');
  const lines = [
    ...each.map((j) => `@group(0) @binding(${j}) var<storage, read_write> y${j}: array<V>;`),
    ...inputs.map(
      ({ storage }, j) => `@group(0) @binding(${sums + j}) var<storage, read> x${j}: array<${type(storage)}>;`,
    ),
    ...each.map((j) => `var<workgroup> s${j}: array<V, ${COLUMNS * ROWS}>;`),
  ];
  const byRow = inputs.map(({ mode }, j) => (mode === 'each' ? `    let v${j} = V(x${j}[i]);` : ''));
  const byColumn = inputs.map(({ mode }, j) => (mode === 'channel' ? `    let v${j} = V(x${j}[column]);` : ''));
  return `${half ? 'enable f16;\n' : ''}alias V = ${type('f32')};
struct Uniforms { rows: u32, columns: u32, per: u32, base: u32, ${uniforms.map((name) => `${name}, `).join('')}}
${lines.join('\n')}
@group(0) @binding(${sums + count}) var<uniform> u: Uniforms;
@compute @workgroup_size(${COLUMNS}, ${ROWS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let column = group.x * ${COLUMNS}u + local.x;
  let thread = local.y * ${COLUMNS}u + local.x;
${each.map((j) => `  var sum${j} = V(0);`).join('\n')}
  if (column < u.columns) {
${byColumn.filter(Boolean).join('\n')}
    let end = min(u.rows, (group.y + 1) * u.per);
    for (var row = group.y * u.per + local.y; row < end; row += ${ROWS}u) {
      let i = row * u.columns + column;
${byRow.filter(Boolean).join('\n')}
      ${body}
${each.map((j) => `      sum${j} += r${j};`).join('\n')}
    }
  }
${each.map((j) => `  s${j}[thread] = sum${j};`).join('\n')}
  workgroupBarrier();
  for (var half = ${ROWS / 2}u; half > 0; half >>= 1) {
    if (local.y < half) {
${each.map((j) => `      s${j}[thread] += s${j}[thread + half * ${COLUMNS}u];`).join('\n')}
    }
    workgroupBarrier();
  }
  if (local.y == 0 && column < u.columns) {
${each.map((j) => `    y${j}[(u.base + group.y) * u.columns + column] = s${j}[local.x];`).join('\n')}
  }
}`;
}
