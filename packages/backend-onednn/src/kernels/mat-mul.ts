/** BatchMatMul and _FusedMatMul (native/kernels/mat_mul.cc). */
import { backend_util, engine, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { activate, type FusedAttributes, nativeActivation } from './activation';
import { isFloat, type KernelCall, type KernelTable } from './kernel';

interface Transposes {
  transposeA: boolean;
  transposeB: boolean;
}

/**
 * Returns the shapes of both operands as [batch, rows, columns] with equal batches, or undefined if that is impossible.
 */
function batches(a: number[], b: number[], { transposeA }: Transposes) {
  const batchA = util.sizeFromShape(a.slice(0, -2));
  const batchB = util.sizeFromShape(b.slice(0, -2));
  const [rowsA, columnsA] = a.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.slice(-2) as [number, number];
  if (batchA === batchB) return { a: [batchA, rowsA, columnsA], b: [batchB, rowsB, columnsB] };
  // One matrix b for the whole batch: the matrices of a are stacked into one.
  if (batchB === 1 && !transposeA) return { a: [1, batchA * rowsA, columnsA], b: [1, rowsB, columnsB] };
  return undefined;
}

function multiply(
  call: KernelCall,
  { relu, bias }: { relu: boolean; bias: TensorInfo | undefined },
): TensorInfo | undefined {
  const { backend } = call;
  const { a, b } = call.inputs;
  const attrs = call.attrs as unknown as Transposes;
  if (!isFloat(a) || !isFloat(b) || a.shape.length < 2 || b.shape.length < 2) return undefined;
  const shapes = batches(a.shape, b.shape, attrs);
  if (shapes === undefined) return undefined;
  const rows = a.shape.at(attrs.transposeA ? -1 : -2)!;
  const columns = b.shape.at(attrs.transposeB ? -2 : -1)!;
  const inner = a.shape.at(attrs.transposeA ? -2 : -1)!;
  util.assert(
    inner === b.shape.at(attrs.transposeB ? -1 : -2),
    () => `Error in matMul: inner dimensions of shapes ${a.shape} and ${b.shape} must match.`,
  );
  const outer = backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (bias !== undefined && !(isFloat(bias) && bias.shape.length === 1 && bias.shape[0] === columns)) return undefined;
  // Batches of one size may still be of different shapes, each broadcast along the other.
  if (util.sizeFromShape(outer) * rows !== shapes.a[0]! * shapes.a[attrs.transposeA ? 2 : 1]!) return undefined;
  const operands = [backend.operand(a, shapes.a), backend.operand(b, shapes.b)];
  if (bias !== undefined) operands.push(backend.operand(bias));
  const nativeShape = [shapes.a[0]!, shapes.a[attrs.transposeA ? 2 : 1]!, columns];
  // While no gradients are recorded, the same weights are expected again.
  const again = engine().state.gradientDepth === 0;
  const attributes = [attrs.transposeA, attrs.transposeB, relu, again].map(Number);
  return backend.run('BatchMatMul', operands, { shape: [...outer, rows, columns], nativeShape }, attributes);
}

function fusedMatMul(call: KernelCall): TensorInfo | undefined {
  const { bias, preluActivationWeights } = call.inputs;
  const fused = call.attrs as unknown as FusedAttributes;
  const { relu, kernel } = nativeActivation(fused.activation);
  const y = multiply(call, { relu, bias: bias ?? undefined });
  if (y === undefined || kernel === undefined) return y;
  return activate(kernel, call.backend, y, fused, preluActivationWeights);
}

export const matMulKernels: KernelTable = {
  BatchMatMul: (call) => multiply(call, { relu: false, bias: undefined }),
  _FusedMatMul: fusedMatMul,
};
