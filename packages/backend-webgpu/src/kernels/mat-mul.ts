/** BatchMatMul and _FusedMatMul. */
import { broadcast_util, type TensorInfo } from '@tensorflow/tfjs-core';
import type { VggWebgpuBackend } from '../backend';
import type { Binding } from '../runner';
import type { Factor } from '../wgsl/gemm';
import { type Destination, type Product, runProducts } from './gemm';
import { isFloat, type KernelCall, type KernelTable, sizeOf, staysOnCpu } from './kernel';
import { rangeOf, rowsThatFit, storageOf } from './ranges';

interface MatMulAttributes {
  transposeA: boolean;
  transposeB: boolean;
  activation?: string;
}

/** A matrix [own, k] (or [k, own]) as a factor of the template. */
export function factor(name: 'A' | 'B', { half }: { half: boolean }, along: 'own' | 'k', stride: number): Factor {
  const [row, column] = along === 'k' ? ['own', 'k'] : ['k', 'own'];
  return {
    storage: storageOf({ half }),
    vector: stride % 4 === 0,
    along,
    declarations: () => `alias Prepared${name} = u32;
fn prepare${name}(own: u32) -> u32 { return own; }
fn index${name}(p: u32, own: u32, k: u32) -> i32 { return i32(u.base${name} + batch * u.batch${name} + ${row} * u.ld${name.toLowerCase()} + ${column}); }`,
    direct: () => `fn line${name}(p: u32, own: u32, outer: u32) -> i32 { return index${name}(p, own, 0u); }
fn at${name}(line: i32, i: u32) -> i32 { return line + i32(${along === 'k' ? 'i' : `i * u.ld${name.toLowerCase()}`}); }`,
  };
}

interface Matrices {
  a: TensorInfo;
  b: TensorInfo;
  c: TensorInfo;
  transposeA: boolean;
  transposeB: boolean;
  batch: number;
  m: number;
  n: number;
  k: number;
  batchA: number;
  batchB: number;
  bias?: Binding | undefined;
  relu: boolean;
}

/** Records the product, in ranges of what does not fit one binding. */
function multiply(backend: VggWebgpuBackend, x: Matrices): void {
  const { m, n, k } = x;
  const [a, b] = [backend.operand(x.a), backend.operand(x.b)];
  const [strideA, strideB] = [x.transposeA ? m : k, x.transposeB ? k : n];
  const c = backend.operand(x.c);
  const fa = factor('A', a, x.transposeA ? 'own' : 'k', strideA);
  const fb = factor('B', b, x.transposeB ? 'k' : 'own', strideB);
  const common = { name: 'MatMul', batch: x.batch, line: 'u.k', uniforms: {}, key: '' };
  const label = () =>
    `MatMul of [${a.shape}] and [${b.shape}]${x.transposeA ? ', first transposed' : ''}${x.transposeB ? ', second transposed' : ''}`;
  const whole = { base: 0 };
  const to: Omit<Destination, 'binding'> = {
    storage: 'f32',
    base: 0,
    stride: n,
    perBatch: m * n,
    bias: x.bias,
    relu: x.relu,
  };
  const product = (sizes: { m: number; n: number; k: number }, at: { a: Part; b: Part }): Product => ({
    ...common,
    ...sizes,
    label,
    a: { ...fa, tensor: x.a, stride: strideA, perBatch: x.batchA, ...at.a },
    b: { ...fb, tensor: x.b, stride: strideB, perBatch: x.batchB, ...at.b },
  });
  const all = { a: { ...whole, binding: { buffer: a.buffer } }, b: { ...whole, binding: { buffer: b.buffer } } };
  const perB = rowsThatFit(backend, b, strideB);
  const perC = rowsThatFit(backend, c, n);
  if (perB !== undefined && !x.transposeB) {
    // Rows of B are k: the products of its ranges are added up.
    const parts: Product[] = [];
    for (let from = 0; from < k; from += perB) {
      const rows = Math.min(perB, k - from);
      const part = { base: 0, binding: rangeOf(b, from * n, rows * n) };
      parts.push(product({ m, n, k: rows }, { a: { ...all.a, base: x.transposeA ? from * m : from }, b: part }));
    }
    runProducts(backend, parts, { ...to, binding: { buffer: c.buffer } });
  } else if (perB !== undefined) {
    // Rows of B are n: each range gives some columns of C.
    for (let from = 0; from < n; from += perB) {
      const rows = Math.min(perB, n - from);
      const part = { base: 0, binding: rangeOf(b, from * k, rows * k) };
      const bias = x.bias && { ...x.bias, offset: from * 4, size: rows * 4 };
      const columns = product({ m, n: rows, k }, { a: all.a, b: part });
      runProducts(backend, [columns], { ...to, bias, base: from, binding: { buffer: c.buffer } });
    }
  } else if (perC !== undefined) {
    for (let from = 0; from < m; from += perC) {
      const rows = Math.min(perC, m - from);
      const base = x.transposeA ? from : from * k;
      runProducts(backend, [product({ m: rows, n, k }, { a: { ...all.a, base }, b: all.b })], {
        ...to,
        binding: rangeOf(c, from * n, rows * n),
      });
    }
  } else {
    runProducts(backend, [product({ m, n, k }, all)], { ...to, binding: { buffer: c.buffer } });
  }
}

interface Part {
  base: number;
  binding: Binding;
}

function matMul({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { a, b, bias, preluActivationWeights } = inputs;
  const { transposeA, transposeB, activation = 'linear' } = attrs as unknown as MatMulAttributes;
  if (!isFloat(a) || !isFloat(b) || preluActivationWeights || a.shape.length < 2 || b.shape.length < 2)
    return undefined;
  if (activation !== 'linear' && activation !== 'relu') return undefined;
  if (staysOnCpu(backend, [a, b])) return undefined;
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [n, inner] = transposeB ? [rowsB, columnsB] : [columnsB, rowsB];
  if (k !== inner) return undefined;
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const outer = broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  const [batch, sizeA, sizeB] = [outer, outerA, outerB].map((shape) => sizeOf({ shape })) as [number, number, number];
  const broadcasts = (sizeA !== batch && sizeA !== 1) || (sizeB !== batch && sizeB !== 1);
  if (broadcasts || batch > 65_535) return undefined;
  if (bias && !(isFloat(bias) && sizeOf(bias) === n && batch === 1)) return undefined;
  const c = backend.output([...outer, m, n]);
  multiply(backend, {
    a,
    b,
    c,
    transposeA,
    transposeB,
    batch,
    m,
    n,
    k,
    batchA: sizeA === 1 ? 0 : m * k,
    batchB: sizeB === 1 ? 0 : k * n,
    bias: bias ? { buffer: backend.operand(bias).buffer } : undefined,
    relu: activation === 'relu',
  });
  return c;
}

export const matMulKernels: KernelTable = { BatchMatMul: matMul, _FusedMatMul: matMul };
