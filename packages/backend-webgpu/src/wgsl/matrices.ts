/**
 * The loop over k of a product on tensor cores: both tiles are staged in workgroup memory as float16, and each subgroup of threads
 * multiplies its parts of them, one small matrix by another, and adds up in float32.
 */
import type { Factor, Gemm, Tile } from './gemm';
import { loader, stage, vectorsPerRow } from './staging';

/** Sizes that tensor cores multiply at once: a left matrix of m × k by a right one of k × n. */
export interface MatrixUnit {
  m: number;
  n: number;
  k: number;
  /** Threads of a subgroup. */
  subgroup: number;
  /** True if the device has subgroups of several sizes, so that the shader must ask for one. */
  fixed: boolean;
}

/** Division of a tile among the subgroups of a workgroup. */
export interface Matrices {
  unit: MatrixUnit;
  /** Subgroups along m and n. */
  subgroupsM: number;
  subgroupsN: number;
}

/** Numbers between the end of a row in workgroup memory and the next, so that rows begin in different banks. */
const PADDING = 8;

/** Places of a factor's tile in workgroup memory. */
function layout(factor: Factor, own: number, tile: Tile) {
  const perRow = vectorsPerRow(factor, own, tile);
  const stride = perRow * 4 + PADDING;
  return { perRow, stride, numbers: ((own * tile.k) / (perRow * 4)) * stride };
}

/** Bytes of workgroup memory that a tile takes, whichever way its factors lie. */
export function workgroupBytes({ m, n, k, matrices }: Tile & { matrices: Matrices }): number {
  const { unit, subgroupsM, subgroupsN } = matrices;
  const factor = (own: number) => own * k + PADDING * Math.max(own, k);
  return 2 * (factor(m) + factor(n)) + 4 * subgroupsM * subgroupsN * unit.m * unit.n;
}

/** True if a factor is rounded to float16 as it is staged, after it is multiplied by its scale, a power of two. */
export const isScaled = ({ storage }: Factor): boolean => storage === 'f32';

const count = (n: number) => Array.from({ length: n }, (_, i) => i);

/** The body of the shader, as that of threads with sums of their own (src/wgsl/gemm.ts). */
export function matricesBody({ tile, a, b }: Gemm, { unit, subgroupsM, subgroupsN }: Matrices) {
  const [partM, partN] = [tile.m / subgroupsM, tile.n / subgroupsN];
  const [rows, columns] = [count(partM / unit.m), count(partN / unit.n)];
  const area = unit.m * unit.n;
  const sides = [
    {
      name: 'A',
      factor: a,
      own: tile.m,
      each: unit.m,
      type: 'Left',
      of: rows,
      lines: 'row_major',
      across: 'col_major',
    },
    {
      name: 'B',
      factor: b,
      own: tile.n,
      each: unit.n,
      type: 'Right',
      of: columns,
      lines: 'col_major',
      across: 'row_major',
    },
  ] as const;
  const staged = sides.map(({ name, factor, own }) => {
    const scaled = (value: string) => (isScaled(factor) ? `vec4<f16>(${value} * scale${name}[0])` : value);
    return stage(name, factor, { own, tile, write: (at, value) => `keep${name}(${at}, ${scaled(value)});` });
  });
  const loads = sides.flatMap(({ name, factor, own, each, type, of, lines, across }) => {
    const { stride } = layout(factor, own, tile);
    const [order, ofOwn, ofK] = factor.along === 'k' ? [lines, stride, 1] : [across, 1, stride];
    return of.map((i) => {
      const at = `(part${name} + ${i * each}u) * ${ofOwn}u + k * ${ofK}u`;
      return `      let ${name.toLowerCase()}${i} = subgroupMatrixLoad<${type}, ${order}>(&tile${name}, ${at}, ${stride}u);`;
    });
  });
  const each = (write: (i: number, j: number) => string) => rows.flatMap((i) => columns.map((j) => write(i, j)));
  const memory = sides.map(({ name, factor, own }) => {
    return `var<workgroup> tile${name}: array<f16, ${layout(factor, own, tile).numbers}>;`;
  });
  const keep = sides.map(({ name, factor, own }) => {
    const { perRow, stride } = layout(factor, own, tile);
    return `fn keep${name}(at: u32, v: vec4<f16>) {
  let to = (at / ${perRow}u) * ${stride}u + (at % ${perRow}u) * 4u;
  ${count(4)
    .map((i) => `tile${name}[to + ${i}u] = v[${i}];`)
    .join(' ')}
}`;
  });
  const unscaled = sides.filter(({ factor }) => isScaled(factor)).map(({ name }) => ` * scale${name}[1]`);
  return {
    extensions: `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
${unit.fixed ? 'enable subgroup_size_control;\n' : ''}`,
    attributes: unit.fixed ? ` @subgroup_size(${unit.subgroup})` : '',
    builtins: ', @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32',
    buffers: sides
      .filter(({ factor }) => isScaled(factor))
      .map(({ name }) => `var<storage, read> scale${name}: array<f32>`),
    memory: `alias Left = subgroup_matrix_left<f16, ${unit.k}, ${unit.m}>;
alias Right = subgroup_matrix_right<f16, ${unit.n}, ${unit.k}>;
alias Result = subgroup_matrix_result<f32, ${unit.n}, ${unit.m}>;
${memory.join('\n')}
var<workgroup> results: array<f32, ${subgroupsM * subgroupsN * area}>;
`,
    functions: `${sides.map(({ name, factor }) => loader(name, factor, factor.storage)).join('\n')}
${keep.join('\n')}
fn putResult(at: u32, m: u32, n: u32, base: u32) {
  let v = vec4<f32>(${count(4)
    .map((i) => `results[at + ${i}u]`)
    .join(', ')});
  put(m, n, v${unscaled.join('')}, base);
}`,
    code: `  let partA = (subgroup / ${subgroupsN}u) * ${partM}u;
  let partB = (subgroup % ${subgroupsN}u) * ${partN}u;
${each((i, j) => `  var c${i}_${j}: Result;`).join('\n')}
${staged.map(({ before }) => before).join('\n')}
  for (var k0 = kBegin; k0 < kEnd; k0 += ${tile.k}u) {
${staged.map(({ inside }) => inside).join('\n')}
    workgroupBarrier();
    for (var k = 0u; k < ${tile.k}u; k += ${unit.k}u) {
${loads.join('\n')}
${each((i, j) => `      c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}_${j});`).join('\n')}
    }
    workgroupBarrier();
  }`,
    stores: each(
      (i, j) => `  subgroupMatrixStore<row_major>(&results, subgroup * ${area}u, c${i}_${j}, ${unit.n}u);
  workgroupBarrier();
  for (var at = lane * 4u; at < ${area}u; at += ${unit.subgroup * 4}u) {
    let m = startA + partA + ${i * unit.m}u + at / ${unit.n}u;
    putResult(subgroup * ${area}u + at, m, startB + partB + ${j * unit.n}u + at % ${unit.n}u, outBase);
  }
  workgroupBarrier();`,
    ).join('\n'),
  };
}
