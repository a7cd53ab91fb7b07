/** LRN, LRNGrad, FusedBatchNorm and Softmax (native/kernels/lrn.cc, batch_norm.cc, softmax.cc). */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { DeferredOperation } from './deferred';
import { areWhole, isFloat, type KernelCall, type KernelTable, sameShape } from './kernel';

/** Returns the attributes, or undefined if the native kernels cannot compute it. */
function lrnAttributes(x: TensorInfo, attrs: Record<string, unknown>): number[] | undefined {
  const { depthRadius, bias, alpha, beta } = attrs as Record<string, number>;
  if (x.shape.length !== 4 || !areWhole([depthRadius!])) return undefined;
  return [depthRadius!, bias!, alpha!, beta!];
}

function lrn({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x } = inputs;
  if (!isFloat(x)) return undefined;
  const attributes = lrnAttributes(x, attrs);
  if (attributes === undefined) return undefined;
  return backend.run('LRN', [backend.operand(x)], { shape: x.shape }, attributes);
}

function lrnGrad({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, y, dy } = inputs;
  if (!isFloat(x) || !isFloat(y) || !isFloat(dy)) return undefined;
  const attributes = lrnAttributes(x, attrs);
  if (attributes === undefined || !sameShape(x, y) || !sameShape(x, dy)) return undefined;
  const operands = [backend.operand(x), backend.operand(y), backend.operand(dy)];
  return backend.run('LRNGrad', operands, { shape: x.shape }, attributes);
}

function batchNorm({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, mean, variance, offset, scale } = inputs;
  if (!isFloat(x)) return undefined;
  const channels = x.shape.at(-1);
  const perChannel = (info: TensorInfo | undefined) => isFloat(info) && info.shape.join() === String(channels);
  const hasOffset = offset !== undefined && offset !== null;
  const hasScale = scale !== undefined && scale !== null;
  const fits =
    perChannel(mean) && perChannel(variance) && (!hasOffset || perChannel(offset)) && (!hasScale || perChannel(scale));
  if (!fits) return undefined;
  const operands = [x, mean, variance, hasOffset ? offset : undefined, hasScale ? scale : undefined]
    .filter((info) => info !== undefined)
    .map((info) => backend.operand(info));
  const { varianceEpsilon = 0.001 } = attrs as { varianceEpsilon?: number };
  const attributes = [varianceEpsilon ?? 0.001, hasOffset ? 1 : 0, hasScale ? 1 : 0];
  const plan = { kernel: 'FusedBatchNorm', operands, shape: x.shape, attributes };
  return backend.defer(new DeferredOperation(backend, plan), x.shape);
}

function softmax({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { logits } = inputs;
  const { dim } = attrs as { dim: number };
  if (!isFloat(logits) || logits.shape.length === 0) return undefined;
  if (dim !== -1 && dim !== logits.shape.length - 1) return undefined;
  return backend.run('Softmax', [backend.operand(logits)], { shape: logits.shape }, [0]);
}

export const normalisationKernels: KernelTable = {
  LRN: lrn,
  LRNGrad: lrnGrad,
  FusedBatchNorm: batchNorm,
  Softmax: softmax,
};
