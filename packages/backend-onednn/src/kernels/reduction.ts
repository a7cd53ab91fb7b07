/** Sums, means, extremes, their indices, and the k largest numbers (native/kernels/reduce.cc, gather.cc). */
import { backend_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { areWhole, isFloat, type KernelCall, type KernelTable, type NativeKernel } from './kernel';
import { permute } from './movement';

interface ReduceAttributes {
  axis?: number | number[];
  /** Max's name for its axes. */
  reductionIndices?: number | number[];
  keepDims?: boolean;
}

function reduction(kernel: string, factor: (reduced: number) => number = () => 1): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const { x } = inputs;
    if (!isFloat(x)) return undefined;
    const { axis, reductionIndices, keepDims = false } = attrs as ReduceAttributes;
    const axes = util.parseAxisParam((reductionIndices ?? axis) as number | number[], x.shape);
    if (new Set(axes).size < axes.length) return undefined;
    const [kept, reducedShape] = backend_util.computeOutAndReduceShapes(x.shape, axes);
    const shape = keepDims ? backend_util.expandShapeToKeepDim(kept, axes) : kept;
    const sums = kernel === 'Sum' && factor(2) === 1 ? backend.record(x).channelSums : undefined;
    const overAllButChannels = axes.length === x.shape.length - 1 && !axes.includes(axes.length);
    if (sums !== undefined && overAllButChannels && sums.shape[0] === x.shape.at(-1)) {
      return backend.wrap(sums.buffer.retain(), shape, 'float32');
    }
    const mask = x.shape.map((_, i) => (axes.includes(i) ? 1 : 0));
    return backend.run(kernel, [backend.operand(x)], { shape }, [factor(util.sizeFromShape(reducedShape)), ...mask]);
  };
}

function argReduction(largest: boolean): NativeKernel {
  return ({ inputs, attrs, backend }: KernelCall) => {
    const { x } = inputs;
    if (!isFloat(x) || x.shape.length === 0) return undefined;
    const axis = util.parseAxisParam((attrs as { axis: number }).axis, x.shape)[0]!;
    const others = x.shape.map((_, i) => i).filter((i) => i !== axis);
    const shape = others.map((i) => x.shape[i]!);
    const last = axis === x.shape.length - 1 ? undefined : permute(x, [...others, axis], backend);
    const attributes = [largest ? 1 : 0];
    const result = backend.run('ArgReduce', [backend.operand(last ?? x)], { shape, dtype: 'int32' }, attributes);
    if (last !== undefined) backend.disposeIntermediateTensorInfo(last);
    return result;
  };
}

function topK({ inputs, attrs, backend }: KernelCall): TensorInfo[] | undefined {
  const { x } = inputs;
  const { k } = attrs as { k: number };
  if (!isFloat(x) || x.shape.length === 0 || !areWhole([k], 1) || k > x.shape.at(-1)!) return undefined;
  const shape = [...x.shape.slice(0, -1), k];
  const [values, indices] = [backend.device.reserve(), backend.device.reserve()];
  const outputs = [
    { buffer: values, shape, dtype: 'float32' },
    { buffer: indices, shape, dtype: 'int32' },
  ] as const;
  backend.device.submit('TopK', [backend.operand(x)], outputs, [k]);
  return [backend.wrap(values, shape, 'float32'), backend.wrap(indices, shape, 'int32')];
}

export const reductionKernels: KernelTable = {
  Sum: reduction('Sum'),
  Mean: reduction('Sum', (reduced) => 1 / reduced),
  Max: reduction('Max'),
  Min: reduction('Min'),
  Prod: reduction('Prod'),
  ArgMax: argReduction(true),
  ArgMin: argReduction(false),
  TopK: topK,
};
