/** GatherV2, OneHot, constants and ResizeBilinear (native/kernels/gather.cc, strided.cc, resize_bilinear.cc). */
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { type NativeType, TYPES } from '../native';
import { areWhole, isFloat, isNumeric, type KernelCall, type KernelTable, storedAs } from './kernel';

function gather({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { x, indices } = inputs;
  const { axis, batchDims = 0 } = attrs as { axis: number; batchDims?: number };
  if (!isNumeric(x) || !isNumeric(indices) || indices.dtype !== 'int32' || batchDims !== 0) return undefined;
  const along = util.parseAxisParam(axis, x.shape)[0]!;
  const length = x.shape[along]!;
  const host = backend.record(indices).host as Int32Array | undefined;
  for (const index of host ?? []) {
    util.assert(index >= 0 && index < length, () => `GatherV2: the index value ${index} is not in [0, ${length - 1}]`);
  }
  const [before, after] = [x.shape.slice(0, along), x.shape.slice(along + 1)];
  const attributes = [util.sizeFromShape(before), length, util.sizeFromShape(after)];
  const shape = [...before, ...indices.shape, ...after];
  return backend.run('GatherV2', [backend.operand(x), backend.operand(indices)], { shape, dtype: x.dtype }, attributes);
}

function oneHot({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { indices } = inputs;
  const { dtype, depth, onValue, offValue } = attrs as {
    dtype: NativeType;
    depth: number;
    onValue: number;
    offValue: number;
  };
  if (!isNumeric(indices) || indices.dtype !== 'int32' || !areWhole([depth], 1) || !(dtype in TYPES)) return undefined;
  const shape = [...indices.shape, depth];
  const attributes = [depth, storedAs(dtype, onValue), storedAs(dtype, offValue)];
  return backend.run('OneHot', [backend.operand(indices)], { shape, dtype }, attributes);
}

/** Number of elements below which filling is not worth a queued operation. */
const SMALL = 1 << 12;

/** Fills a large tensor natively. Returns undefined for small ones and for other types. */
function fillLarge(
  call: KernelCall,
  shape: number[],
  dtype: string | undefined,
  value: unknown,
): TensorInfo | undefined {
  const numeric = dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
  if (!numeric || typeof value !== 'number' || !areWhole(shape) || util.sizeFromShape(shape) < SMALL) return undefined;
  return call.backend.run('Fill', [], { shape, dtype }, [storedAs(dtype, value)]);
}

function fill(call: KernelCall): TensorInfo | undefined {
  const { shape, value, dtype } = call.attrs as { shape: number[]; value: number; dtype?: string };
  return fillLarge(call, shape, dtype ?? util.inferDtype(value), value);
}

function like(value: number) {
  return (call: KernelCall) => fillLarge(call, call.inputs.x!.shape, call.inputs.x!.dtype, value);
}

function resizeBilinear({ inputs, attrs, backend }: KernelCall): TensorInfo | undefined {
  const { images } = inputs;
  if (!isFloat(images) || images.shape.length !== 4) return undefined;
  const { alignCorners, halfPixelCenters, size } = attrs as {
    alignCorners: boolean;
    halfPixelCenters: boolean;
    size: [number, number];
  };
  if (size.length !== 2 || !areWhole(size, 1) || (alignCorners && halfPixelCenters)) return undefined;
  const shape = [images.shape[0]!, ...size, images.shape[3]!];
  const attributes = [alignCorners ? 1 : 0, halfPixelCenters ? 1 : 0];
  return backend.run('ResizeBilinear', [backend.operand(images)], { shape }, attributes);
}

export const selectionKernels: KernelTable = {
  GatherV2: gather,
  OneHot: oneHot,
  Fill: fill,
  ZerosLike: like(0),
  OnesLike: like(1),
  ResizeBilinear: resizeBilinear,
};
