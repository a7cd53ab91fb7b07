/** Sum over all axes, and over all axes but the last ones. */
import { backend_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { runColumnSums } from './columns';
import { isFloat, type KernelCall, type KernelTable, sizeOf, staysOnCpu } from './kernel';

interface SumAttributes {
  axis?: number | number[];
  keepDims?: boolean;
}

/** Columns that a whole tensor is seen as, for its sum. */
const WIDE = 256;

/** Numbers from which on the sum of all is worth passes of our own. */
const LEAST = 4096;

function sum({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x) || staysOnCpu(backend, [x])) return undefined;
  const { axis, keepDims = false } = attrs as SumAttributes;
  const axes = util.parseAxisParam(axis as number[], x.shape);
  const leads = axes.length > 0 && [...axes].sort((a, b) => a - b).every((a, i) => a === i);
  if (!leads) return undefined;
  const [kept] = backend_util.computeOutAndReduceShapes(x.shape, axes);
  const shape = keepDims ? backend_util.expandShapeToKeepDim(kept, axes) : kept;
  const columns = sizeOf({ shape: kept });
  const count = sizeOf(x);
  const square = backend.deferredSource(x, 'Square');
  const inputsOf = [{ operand: backend.operand(square ?? x) }];
  const [name, body] = square === undefined ? ['Sum', 'let r0 = v0;'] : ['SumOfSquares', 'let r0 = v0 * v0;'];
  if (columns === 1 && count >= LEAST && count % WIDE === 0) {
    const wide = backend.scratch(WIDE);
    runColumnSums(backend, { name, body, inputs: inputsOf, rows: count / WIDE, columns: WIDE, outputs: [wide] });
    const output = backend.output(shape);
    const operand = { buffer: wide, half: false, shape: [WIDE], count: WIDE };
    const outputs = [backend.operand(output).buffer];
    runColumnSums(backend, {
      name: 'Sum',
      body: 'let r0 = v0;',
      inputs: [{ operand }],
      rows: WIDE,
      columns: 1,
      outputs,
    });
    backend.release(wide);
    return output;
  }
  const output = backend.output(shape);
  const outputs = [backend.operand(output).buffer];
  runColumnSums(backend, { name, body, inputs: inputsOf, rows: count / columns, columns, outputs });
  return output;
}

export const reductionKernels: KernelTable = { Sum: sum };
