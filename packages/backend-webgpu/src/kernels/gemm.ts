/** Runs products of the template in src/wgsl/gemm.ts: tiles by size, splits over k where there are few tiles. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { VggWebgpuBackend } from '../backend';
import { inNode } from '../gpu';
import type { Binding } from '../runner';
import { readsFour } from '../wgsl/direct';
import { type Factor, gemmShader, type Storage, splitSumShader, type Tile } from '../wgsl/gemm';
import { readsByLanes } from '../wgsl/lanes';
import { isScaled, type MatrixUnit, workgroupBytes } from '../wgsl/matrices';
import { scaleOf } from './scale';

/** C[m, n] = A · B. Places in A, B and C are counted in numbers. */
export interface Product {
  name: string;
  /** Shapes, for errors and profiles. */
  label: () => string;
  m: number;
  n: number;
  k: number;
  batch: number;
  a: PlacedFactor;
  b: PlacedFactor;
  /** Numbers of k that lie evenly, {@link Gemm.line}. */
  line: string;
  /** Further uniforms that the factors use. */
  uniforms: Readonly<Record<string, number>>;
  /** Key of what the declarations depend on in addition to vectors and storage. */
  key: string;
}

export interface PlacedFactor extends Factor {
  /** The tensor that it is, or is a part of; tiles of Winograd's convolutions, which tensor cores never multiply, have none. */
  tensor?: TensorInfo;
  binding: Binding;
  base: number;
  stride: number;
  perBatch: number;
}

export interface Destination {
  binding: Binding;
  storage: Storage;
  /** Place of C[0, 0] and numbers between its rows. */
  base: number;
  stride: number;
  perBatch: number;
  bias?: Binding | undefined;
  relu: boolean;
}

/** Workgroups that keep a GPU busy. */
const BUSY = 256;

/** Workgroups of a CPU, which are smaller: fewer are enough, but the sums of splits are also the more exact ones. */
const BUSY_CPU = 32;

/** Smallest part of k per split. */
const LEAST_SPLIT = 256;

/** The tile for a product of that size. */
export function chooseTile(m: number, n: number): Tile {
  if (m <= 16) return gpuTile(16, 128, 4, 16);
  if (m <= 32) return gpuTile(32, 128, 8, 16);
  if (n <= 32) return gpuTile(128, 32, 16, 8);
  const groups = Math.ceil(m / 128) * Math.ceil(n / 128);
  if (n <= 64 || m <= 64 || groups < BUSY / 4) return gpuTile(64, 64, 16, 16);
  return gpuTile(128, 128, 16, 16);
}

/** Threads that a CPU computes at once. */
export const LANES = 8;

/** Products from which on a shader with more rows and columns in a thread is worth its longer compilation. */
const MANY = 2 ** 24;

/** True for a large product in Node: browsers end a GPU process that compiles for seconds. */
export function isLarge({ m, n, k, batch = 1 }: { m: number; n: number; k: number; batch?: number }): boolean {
  return inNode && m * n * k * batch >= MANY;
}

/**
 * The tile on a CPU, where a thread's rows and columns are reads that others are saved: more of those that are read four at once.
 */
function softwareTile(product: Product): Tile {
  const { m, n, b } = product;
  const few = (count: number, most: number) => Math.min(most, ceil(count, 4) * 4);
  const [mostRows, mostColumns] = !isLarge(product) ? [4, 4] : readsFour(b) ? [12, 16] : [12, 12];
  const [rows, columns] = [few(m, mostRows), few(n, mostColumns)];
  let threadsN = 1;
  while (threadsN < LANES && threadsN * columns < n) threadsN *= 2;
  const threadsM = LANES / threadsN;
  return { m: rows * threadsM, n: columns * threadsN, k: 16, threadsN, threadsM, staged: false };
}

/** The tile of a workgroup whose threads read for each other: 32 rows, or as many as there are, and four columns a thread. */
const lanesTile = ({ m }: Product): Tile => ({
  m: Math.min(32, ceil(m, 4) * 4),
  n: LANES * 4,
  k: 16,
  threadsN: LANES,
  threadsM: 1,
  staged: false,
  lanes: true,
});

function gpuTile(m: number, n: number, threadsM: number, threadsN: number): Tile {
  return { m, n, k: 16, threadsM, threadsN, staged: true };
}

/** Products with fewer rows, columns or terms than this leave most of a matrix of tensor cores empty. */
const LEAST_FOR_MATRICES = 16;

const matrixTile = (unit: MatrixUnit, m: number, n: number, k: number, subgroupsM: number, subgroupsN: number) => ({
  m,
  n,
  k,
  threadsM: 1,
  threadsN: subgroupsM * subgroupsN * unit.subgroup,
  staged: true,
  matrices: { unit, subgroupsM, subgroupsN },
});

interface MatrixDevice {
  limits: GPUSupportedLimits;
  software: boolean;
}

/**
 * The tile of a product on tensor cores, each of whose subgroups computes 32 × 32 or, of large products, 64 × 32 numbers. A CPU
 * compiles the shader of such a tile for up to a minute: it has 16 × 16.
 */
export function chooseMatrixTile(unit: MatrixUnit, m: number, n: number, { limits, software }: MatrixDevice): Tile {
  if (software) return matrixTile(unit, 2 * Math.max(16, unit.m), 2 * Math.max(16, unit.n), Math.max(16, unit.k), 2, 2);
  if (m <= 32) return matrixTile(unit, 32, 128, 32, 1, 4);
  if (n <= 32) return matrixTile(unit, 128, 32, 32, 4, 1);
  const large = matrixTile(unit, 128, 128, 32, 2, 4);
  const groups = ceil(m, 128) * ceil(n, 128);
  const fits =
    large.threadsN <= limits.maxComputeInvocationsPerWorkgroup &&
    workgroupBytes(large) <= limits.maxComputeWorkgroupStorageSize;
  return n <= 64 || m <= 64 || groups < BUSY / 4 || !fits ? matrixTile(unit, 64, 64, 32, 2, 2) : large;
}

function chooseTileFor(backend: VggWebgpuBackend, product: Product): Tile {
  const { tile, unit, software, lanes } = backend;
  const { limits } = backend.device;
  const { m, n, k, a, b } = product;
  if (tile !== undefined) return tile;
  if (unit !== undefined && Math.min(m, n, k) >= LEAST_FOR_MATRICES)
    return chooseMatrixTile(unit, m, n, { limits, software });
  if (!software) return chooseTile(m, n);
  return lanes && isLarge(product) && readsByLanes(a, b) ? lanesTile(product) : softwareTile(product);
}

/** Parts that k is divided in, for enough workgroups; depends on sizes alone, so that bits do not change. */
function chooseSplits(groups: number, k: number, outputs: number, software: boolean): number {
  const wanted = Math.ceil((software ? BUSY_CPU : BUSY) / groups);
  const most = Math.max(1, Math.floor(k / LEAST_SPLIT));
  const room = Math.max(1, Math.floor(2 ** 24 / outputs));
  return Math.max(1, Math.min(wanted, most, room, 64));
}

function words(values: readonly number[]): ArrayBuffer {
  return Uint32Array.from(values).buffer;
}

const ceil = (a: number, b: number) => Math.ceil(a / b);

/** Workgroups of one dimension as two, since each may have at most 65,535. */
export function folded(groups: number): [number, number, number] {
  if (groups <= 65_535) return [groups, 1, 1];
  const y = ceil(groups, 65_535);
  return [ceil(groups, y), y, 1];
}

/**
 * Records C = product, or C = the sum of several products over parts of k (of tensors that are bound in ranges). With more
 * than one part, each writes its own place of a scratch buffer, and a second pass adds them up in order.
 */
export function runProducts(backend: VggWebgpuBackend, parts: readonly Product[], c: Destination): void {
  const first = parts[0]!;
  const { m, n, batch } = first;
  const tile = chooseTileFor(backend, first);
  const groups = ceil(m, tile.m) * ceil(n, tile.n) * batch;
  const splitsOf = parts.map(({ k }) =>
    batch > 1 ? 1 : chooseSplits(groups * parts.length, k, m * n, backend.software),
  );
  const total = splitsOf.reduce((sum, splits) => sum + splits, 0);
  const [count, rest] = [m * n, n % 4 === 0 && c.stride % 4 === 0 && c.base % 4 === 0 && c.perBatch % 4 === 0];
  if (total === 1) {
    runProduct(backend, first, tile, 1, { ...c, vector: rest });
    return;
  }
  const scratch = backend.scratch(total * count);
  let done = 0;
  for (const [i, part] of parts.entries()) {
    const base = done * count;
    const to = { binding: { buffer: scratch }, storage: 'f32', base, stride: n, perBatch: 0, relu: false } as const;
    runProduct(backend, part, tile, splitsOf[i]!, { ...to, vector: n % 4 === 0 });
    done += splitsOf[i]!;
  }
  sumSplits(backend, first, { buffer: scratch }, total, c);
  backend.release(scratch);
}

function runProduct(
  backend: VggWebgpuBackend,
  product: Product,
  tile: Tile,
  splits: number,
  c: Destination & { vector: boolean },
): void {
  const { a, b, m, n, k, batch, name } = product;
  const kPer = splits === 1 ? k : ceil(ceil(k, splits), tile.k) * tile.k;
  const key = `${product.key} ${JSON.stringify(tile)} ${a.storage},${a.vector},${a.along} ${b.storage},${b.vector},${b.along} ${c.storage},${c.vector},${c.bias !== undefined},${c.relu}`;
  const more = Object.keys(product.uniforms);
  const program = backend.runner.program(name, key, () =>
    gemmShader({
      tile,
      a,
      b,
      c: c.storage,
      vectorC: c.vector,
      bias: c.bias !== undefined,
      relu: c.relu,
      line: product.line,
      uniforms: more,
    }),
  );
  const first = [m, n, k, kPer, splits, c.stride, c.base, c.perBatch, a.stride, a.base, a.perBatch];
  const uniforms = words([...first, b.stride, b.base, b.perBatch, m * n, ...Object.values(product.uniforms)]);
  const onMatrices = tile.matrices !== undefined;
  const scales = onMatrices ? [a, b].filter(isScaled).map(({ tensor }) => scaleOf(backend, tensor!)) : [];
  const bindings = [a.binding, b.binding, c.binding, ...(c.bias === undefined ? [] : [c.bias]), ...scales];
  const groups = [ceil(n, tile.n), ceil(m, tile.m), batch * splits] as const;
  const label = () => `${product.label()}${onMatrices ? ' on tensor cores' : ''}`;
  backend.runner.run({ program, bindings, uniforms, groups, label });
}

function sumSplits(
  backend: VggWebgpuBackend,
  product: Product,
  partial: Binding,
  splits: number,
  c: Destination,
): void {
  const { m, n } = product;
  const vector = n % 4 === 0 && c.base % 4 === 0 && c.stride % 4 === 0;
  const [bias, relu] = [c.bias !== undefined, c.relu];
  const program = backend.runner.program('SplitSum', [c.storage, vector, bias, relu].join(), () =>
    splitSumShader({ c: c.storage, vector, bias, relu }),
  );
  const of = vector ? 4 : 1;
  backend.runner.run({
    program,
    bindings: [partial, c.binding, ...(c.bias === undefined ? [] : [c.bias])],
    uniforms: words([(m * n) / of, splits, n / of, c.base / of, c.stride / of]),
    groups: folded(ceil((m * n) / of, 64)),
    label: () => `SplitSum of ${product.label()}`,
  });
}
