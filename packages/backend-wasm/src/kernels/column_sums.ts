/**
 * Sum and Mean over leading axes: the bias gradient and the moments of batch normalisation. The stock kernels transpose
 * the tensor first. Other reductions run on the stock kernels.
 */
import { Mean, type MeanAttrs, type MeanInputs, Sum, type SumAttrs, type SumInputs, util } from '@tensorflow/tfjs-core';
import { addressOf, withScratch } from '../heap';
import { kernelsOf, partsFor, runParts } from '../module';
import { type KernelCall, kernel } from './kernel';

/** Number of arithmetic operations that take the time of one element, which comes from memory. */
const OPERATIONS = 8;

function reduceLeading(
  { backend, inputs, attrs, stock }: KernelCall<Record<'x', SumInputs['x'] & object>, SumAttrs>,
  factor: (rows: number) => number,
) {
  const { x } = inputs;
  const axes = [...util.parseAxisParam(attrs.axis, x.shape)].sort((a, b) => a - b);
  const leading = axes.length > 0 && axes.length < x.shape.length && axes.every((axis, i) => axis === i);
  const rows = util.sizeFromShape(x.shape.slice(0, axes.length));
  const columns = util.sizeFromShape(x.shape.slice(axes.length));
  if (!leading || x.dtype !== 'float32' || rows * columns === 0) return stock();
  const rest = x.shape.slice(axes.length);
  const { addBlockSums, blockSumsBytes } = kernelsOf(backend);
  return withScratch(backend, [blockSumsBytes(rows, columns)], (sums) => {
    const out = backend.makeOutput(attrs.keepDims ? [...axes.map(() => 1), ...rest] : rest, 'float32');
    const parts = partsFor(backend, rows * columns * OPERATIONS, Math.ceil(rows / 64));
    runParts(backend, 'blockSums', parts, [addressOf(backend, x), rows, columns, sums!]);
    addBlockSums(sums!, rows, columns, factor(rows), addressOf(backend, out));
    return out;
  });
}

export const sum = kernel<SumInputs, SumAttrs>(Sum, (call) => reduceLeading(call, () => 1));

export const mean = kernel<MeanInputs, MeanAttrs>(Mean, (call) => reduceLeading(call, (rows) => 1 / rows));
