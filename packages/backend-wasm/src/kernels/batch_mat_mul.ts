/**
 * BatchMatMul: one blocked product for all transpositions. With a transposition, the stock kernel is three nested
 * loops.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  BatchMatMul,
  type BatchMatMulAttrs,
  type BatchMatMulInputs,
  broadcast_util,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf, partsFor, runParts, slotsOf } from '../module';
import { kernel } from './kernel';

/** Returns, for each product of the batch, the index of the matrix that it reads if `outer` is broadcast to `shape`. */
function batchIndices(outer: readonly number[], shape: readonly number[]): number[] {
  const strides = util.computeStrides([...outer, 1]);
  const lead = shape.length - outer.length;
  return Array.from({ length: util.sizeFromShape([...shape]) }, (_, batch) => {
    let index = 0;
    for (let d = shape.length - 1, rest = batch; d >= lead; d--) {
      const position = rest % shape[d]!;
      rest = (rest - position) / shape[d]!;
      if (outer[d - lead] !== 1) index += position * strides[d - lead]!;
    }
    return index;
  });
}

/** The end of a product: bias, one value per column, and ReLU. */
interface Finish {
  bias?: TensorInfo | undefined;
  rectify?: boolean;
}

/** Computes the products of two batches of matrices. */
export function multiply(
  backend: BackendWasm,
  { a, b }: { a: TensorInfo; b: TensorInfo },
  { transposeA, transposeB }: BatchMatMulAttrs,
  { bias, rectify = false }: Finish = {},
): TensorInfo {
  util.assert(
    a.dtype === 'float32' && b.dtype === 'float32',
    () => `matMul on the wasm backend takes float32, got ${a.dtype} and ${b.dtype}`,
  );
  const [aLast, aBefore] = [a.shape.at(-1)!, a.shape.at(-2)!];
  const [bLast, bBefore] = [b.shape.at(-1)!, b.shape.at(-2)!];
  const [rows, depth] = transposeA ? [aLast, aBefore] : [aBefore, aLast];
  const [bDepth, columns] = transposeB ? [bLast, bBefore] : [bBefore, bLast];
  util.assert(
    depth === bDepth,
    () =>
      `Error in matMul: inner shapes (${depth}) and (${bDepth}) of Tensors with shapes ${a.shape} and ${b.shape} ` +
      `and transposeA=${transposeA} and transposeB=${transposeB} must match.`,
  );
  const outer = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [aIndices, bIndices] = [batchIndices(a.shape.slice(0, -2), outer), batchIndices(b.shape.slice(0, -2), outer)];
  const [panels, quads] = [Math.ceil(columns / 8), Math.ceil(rows / 4)];
  const wanted = partsFor(backend, 2 * rows * columns * depth, panels * quads);
  // Each part packs its own columns of B, so ranges of columns come first; few columns are packed again for ranges of rows.
  const columnParts = Math.max(1, Math.min(wanted, panels));
  const rowParts = Math.max(1, Math.min(Math.floor(wanted / columnParts), quads));
  const partRows = Math.ceil(quads / rowParts) * 4;
  const scratchBytes = kernelsOf(backend).productScratch(
    partRows,
    Math.ceil(panels / columnParts) * 8,
    depth,
    transposeA,
  );
  return withScratch(backend, [scratchBytes * slotsOf(backend)], (scratch) => {
    const out = backend.makeOutput([...outer, rows, columns], 'float32');
    const [from, by, to] = [addressOf(backend, a), addressOf(backend, b), addressOf(backend, out)];
    for (let i = 0; i < aIndices.length; i++) {
      runParts(backend, 'product', rowParts * columnParts, [
        from + aIndices[i]! * rows * depth * 4,
        by + bIndices[i]! * depth * columns * 4,
        to + i * rows * columns * 4,
        rows,
        columns,
        depth,
        transposeA,
        transposeB,
        scratch!,
        scratchBytes,
        columnParts,
        bias === undefined ? 0 : addressOf(backend, bias),
        rectify,
      ]);
    }
    return out;
  });
}

export const batchMatMul = kernel<BatchMatMulInputs, BatchMatMulAttrs>(BatchMatMul, ({ inputs, attrs, backend }) =>
  multiply(backend, inputs, attrs),
);
