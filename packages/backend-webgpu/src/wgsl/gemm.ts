/**
 * The one template behind convolutions, their gradients and matrix products: C[m, n] = Σ over k of A[m, k] · B[k, n], by tiles
 * staged in workgroup memory. A product differs by how it finds A and B; a convolution gathers A from its input, so that no
 * matrix of windows is ever stored.
 */
import { directLoop, readsFour } from './direct';
import { lanesLoop } from './lanes';
import { type Matrices, matricesBody } from './matrices';
import { loader, stage } from './staging';

/** Numbers of C a workgroup computes, the depth of a stage, and threads along n and m. */
export interface Tile {
  m: number;
  n: number;
  k: number;
  threadsN: number;
  threadsM: number;
  /**
   * True if tiles are staged in workgroup memory, by loops that are written out. On a CPU, whose caches do the same, each
   * thread reads the buffers directly (src/wgsl/direct.ts).
   */
  staged: boolean;
  /** True if a workgroup is one subgroup whose threads read for each other (src/wgsl/lanes.ts). */
  lanes?: boolean;
  /** Set for tensor cores (src/wgsl/matrices.ts). Then all threads lie along n. */
  matrices?: Matrices;
}

export type Storage = 'f32' | 'f16';

/** A factor: how its tile is read from a storage buffer. */
export interface Factor {
  storage: Storage;
  /** True if four neighbours along the axis below lie together and are read as one vector. */
  vector: boolean;
  /** Axis of the tile along which vectors lie: its own (m or n), or the depth k. */
  along: 'own' | 'k';
  /**
   * WGSL of a type and two functions, each name followed by A or B. `prepare(own): Prepared` returns what is the same for all k.
   * `index(prepared, own, k)` returns the place of a number in the buffer, or -1 for zero.
   */
  declarations: () => string;
  /**
   * WGSL of two more, for threads that read directly, with k as `outer` · {@link Gemm.line} + i: `line(prepared, own, outer): Line`
   * returns what is the same for all i, `at(line, i)` the place in the buffer, negative for zero.
   */
  direct: () => string;
}

export interface Gemm {
  tile: Tile;
  a: Factor;
  b: Factor;
  c: Storage;
  /** True if n, and the stride between rows of C, are multiples of 4. */
  vectorC: boolean;
  bias: boolean;
  relu: boolean;
  /** Numbers of k that lie evenly in both factors, as WGSL: the channels of a window position, the pixels of a line, or all. */
  line: string;
  /** Names of further uniforms, unsigned integers, that the factors use. */
  uniforms: readonly string[];
}

const uniforms = (more: readonly string[]) => `struct Uniforms {
  m: u32, n: u32, k: u32, kPer: u32,
  splits: u32, ldc: u32, baseC: u32, batchC: u32,
  lda: u32, baseA: u32, batchA: u32, ldb: u32,
  baseB: u32, batchB: u32, partial: u32,
${more.map((name) => `  ${name}: u32,\n`).join('')}}`;

const enable = (...storages: Storage[]) => (storages.includes('f16') ? 'enable f16;\n' : '');
const element = (storage: Storage, vector: boolean) => (vector ? `vec4<${storage}>` : storage);

/** The products of one stage: every thread's rows by its columns, as vectors of four columns. */
function products(rows: number, vectors: number, { tile, a, b }: Gemm): string {
  const out: string[] = [];
  const rowOf = (r: number) => `(ty * ${rows}u + ${r}u)`;
  const columnOf = (c: number) => (c === 0 ? 'tx' : `(tx + ${c * tile.threadsN}u)`);
  out.push(`    for (var kk = 0u; kk < ${tile.k / 4}u; kk++) {`);
  for (let c = 0; c < vectors; c++) {
    for (let j = 0; j < 4; j++) {
      if (b.along === 'own') {
        out.push(`      let b${c}_${j} = tileB[(kk * 4u + ${j}u) * ${tile.n / 4}u + ${columnOf(c)}];`);
      } else {
        out.push(`      let t${c}_${j} = tileB[(${columnOf(c)} * 4u + ${j}u) * ${tile.k / 4}u + kk];`);
      }
    }
    if (b.along === 'k') for (const line of transposed(c)) out.push(line);
  }
  const add = (row: number, factor: (j: number) => string) => {
    for (let c = 0; c < vectors; c++) {
      for (let j = 0; j < 4; j++)
        out.push(`      c${row}_${c} = fma(vec4<f32>(${factor(j)}), b${c}_${j}, c${row}_${c});`);
    }
  };
  if (a.along === 'k') {
    for (let r = 0; r < rows; r++) {
      out.push(`      let a${r} = tileA[${rowOf(r)} * ${tile.k / 4}u + kk];`);
      add(r, (j) => `a${r}[${j}]`);
    }
  } else {
    // Rows of a thread lie in vectors of four, as the tile does.
    for (let v = 0; v < rows / 4; v++) {
      const at = v === 0 ? 'ty' : `(ty + ${v * tile.threadsM}u)`;
      for (let j = 0; j < 4; j++) out.push(`      let a${v}_${j} = tileA[(kk * 4u + ${j}u) * ${tile.m / 4}u + ${at}];`);
      for (let i = 0; i < 4; i++) add(v * 4 + i, (j) => `a${v}_${j}[${i}]`);
    }
  }
  out.push('    }');
  return out.join('\n');
}

/** The loop over k by stages in workgroup memory, and the memory. */
function stagedLoop(rows: number, vectors: number, gemm: Gemm) {
  const { tile, a, b } = gemm;
  const staged = (name: 'A' | 'B', factor: Factor, own: number) =>
    stage(name, factor, { own, tile, write: (at, value) => `tile${name}[${at}] = ${value};` });
  const [stageA, stageB] = [staged('A', a, tile.m), staged('B', b, tile.n)];
  return {
    memory: `var<workgroup> tileA: array<vec4<f32>, ${stageA.vectors}>;
var<workgroup> tileB: array<vec4<f32>, ${stageB.vectors}>;
`,
    functions: `${loader('A', a, 'f32')}\n${loader('B', b, 'f32')}`,
    code: `${stageA.before}
${stageB.before}
  for (var k0 = kBegin; k0 < kEnd; k0 += ${tile.k}u) {
${stageA.inside}
${stageB.inside}
    workgroupBarrier();
${products(rows, vectors, gemm)}
    workgroupBarrier();
  }`,
  };
}

/** Four vectors along k of neighbouring columns as four vectors of columns. */
const transposed = (c: number) =>
  ['x', 'y', 'z', 'w'].map(
    (x, j) => `      let b${c}_${j} = vec4<f32>(t${c}_0.${x}, t${c}_1.${x}, t${c}_2.${x}, t${c}_3.${x});`,
  );

/** Stores all numbers of a thread. */
function stores(rows: number, vectors: number, { tile, a }: Gemm): string {
  const out: string[] = [];
  for (let r = 0; r < rows; r++) {
    const row =
      a.along === 'k' || !tile.staged
        ? `startA + ty * ${rows}u + ${r}u`
        : `startA + (ty + ${Math.floor(r / 4) * tile.threadsM}u) * 4u + ${r % 4}u`;
    for (let v = 0; v < vectors; v++) {
      out.push(`  put(${row}, startB + (tx + ${v * tile.threadsN}u) * 4u, c${r}_${v}, outBase);`);
    }
  }
  return out.join('\n');
}

/** Declares `put`, which writes four numbers of a row, with bias and ReLU, or as they are to a split's place. */
function putter({ c, vectorC, bias, relu }: Gemm): string {
  const finish = (value: string, ofBias: string) => {
    const biased = bias ? `${value} + ${ofBias}` : value;
    return relu ? `rectified(${biased})` : `(${biased})`;
  };
  const type = vectorC ? 'vec4<f32>' : 'f32';
  const rectified = `fn rectified(v: ${type}) -> ${type} { return select(v, ${type}(0), v < ${type}(0)); }\n`;
  const put = vectorC
    ? `fn put(m: u32, n: u32, v: vec4<f32>, base: u32) {
  if (m < u.m && n < u.n) {
    c[(base + m * u.ldc + n) / 4] = vec4<${c}>(${finish('v', 'bias[n / 4]')});
  }
}`
    : `fn put(m: u32, n: u32, v: vec4<f32>, base: u32) {
  for (var i = 0u; i < 4; i++) {
    if (m < u.m && n + i < u.n) {
      c[base + m * u.ldc + n + i] = ${c}(${finish('v[i]', 'bias[n + i]')});
    }
  }
}`;
  return (relu ? rectified : '') + put;
}

/** The part of a shader by which the kinds of tile differ. */
interface Body {
  extensions: string;
  /** Attributes of the entry point. */
  attributes: string;
  /** Its inputs in addition to those of all products. */
  builtins: string;
  /** Buffers in addition to those of all products. */
  buffers: readonly string[];
  memory: string;
  functions: string;
  /** Computes the sums. */
  code: string;
  stores: string;
}

/** The body where each thread keeps sums of its own. */
function threadsBody(gemm: Gemm): Body {
  const { tile, a, b, c } = gemm;
  const rows = tile.m / tile.threadsM;
  const vectors = tile.n / tile.threadsN / 4;
  const loop = (tile.lanes ? lanesLoop : tile.staged ? stagedLoop : directLoop)(rows, vectors, gemm);
  const sums = Array.from({ length: rows * vectors }, (_, i) => {
    return `  var c${Math.floor(i / vectors)}_${i % vectors} = vec4<f32>(0);`;
  });
  return {
    ...loop,
    extensions: `${enable(a.storage, b.storage, c)}${tile.lanes ? 'enable subgroups;\n' : ''}`,
    attributes: '',
    builtins: tile.lanes ? ', @builtin(subgroup_invocation_id) lane: u32' : '',
    buffers: [],
    code: `${sums.join('\n')}\n${loop.code}`,
    stores: stores(rows, vectors, gemm),
  };
}

/**
 * The shader. Workgroups: x over n, y over m, z over batch · splits. Buffers: A, B, C, the bias if any, and on tensor cores the
 * scale of each factor that is {@link isScaled}.
 */
export function gemmShader(gemm: Gemm): string {
  const { tile, a, b, c, vectorC } = gemm;
  const body: Body = tile.matrices === undefined ? threadsBody(gemm) : matricesBody(gemm, tile.matrices);
  const vector = (factor: Factor) => (tile.staged || tile.lanes ? factor.vector : readsFour(factor));
  const variables = [
    `var<storage, read> a: array<${element(a.storage, vector(a))}>`,
    `var<storage, read> b: array<${element(b.storage, vector(b))}>`,
    `var<storage, read_write> c: array<${element(c, vectorC)}>`,
    ...(gemm.bias ? [`var<storage, read> bias: array<${element('f32', vectorC)}>`] : []),
    ...body.buffers,
    'var<uniform> u: Uniforms',
  ];
  return `${body.extensions}${uniforms(gemm.uniforms)}
${variables.map((variable, i) => `@group(0) @binding(${i}) ${variable};`).join('\n')}
${body.memory}var<private> batch: u32;
${a.declarations()}
${b.declarations()}
${body.functions}
${putter(gemm)}
@compute @workgroup_size(${tile.threadsN}, ${tile.threadsM})${body.attributes}
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>${body.builtins}) {
  let tx = ${tile.lanes ? 'lane' : 'local.x'};
  let ty = local.y;
  let thread = ty * ${tile.threadsN}u + tx;
  let startA = group.y * ${tile.m}u;
  let startB = group.x * ${tile.n}u;
  batch = group.z / u.splits;
  let split = group.z % u.splits;
  let kBegin = split * u.kPer;
  let kEnd = min(u.k, kBegin + u.kPer);
  let endA = u.m;
  let endB = u.n;
${body.code}
  let outBase = u.baseC + batch * u.batchC + split * u.partial;
${body.stores}
}`;
}

/** Adds up the splits: C = Σ over s of partial[s], with bias and ReLU. */
export function splitSumShader(options: { c: Storage; vector: boolean; bias: boolean; relu: boolean }): string {
  const { c, vector, bias, relu } = options;
  const type = vector ? 'vec4<f32>' : 'f32';
  const biased = bias ? 'sum + bias[i % u.n]' : 'sum';
  return `${enable(c)}struct Uniforms { count: u32, splits: u32, n: u32, baseC: u32, ldc: u32 }
@group(0) @binding(0) var<storage, read> partial: array<${type}>;
@group(0) @binding(1) var<storage, read_write> c: array<${element(c, vector)}>;
${bias ? `@group(0) @binding(2) var<storage, read> bias: array<${type}>;\n` : ''}@group(0) @binding(${bias ? 3 : 2}) var<uniform> u: Uniforms;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let i = (group.y * groups.x + group.x) * 64u + thread;
  if (i >= u.count) { return; }
  var sum = partial[i];
  for (var s = 1u; s < u.splits; s++) { sum += partial[s * u.count + i]; }
  let v = ${biased};
  c[u.baseC + i / u.n * u.ldc + i % u.n] = ${element(c, vector)}(${relu ? `select(v, ${type}(0), v < ${type}(0))` : 'v'});
}`;
}
