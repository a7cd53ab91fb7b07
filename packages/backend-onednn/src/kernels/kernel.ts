/** What a kernel of this backend is, and the questions that most of them ask. */
import { getKernel, type NamedAttrMap, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { OnednnBackend } from '../backend';
import type { NativeType } from '../native';

export interface KernelCall {
  inputs: Record<string, TensorInfo | undefined>;
  attrs: Record<string, unknown>;
  backend: OnednnBackend;
}

/** Runs the call, or returns undefined when it is not for this backend: then TF.js's CPU kernel runs. */
export type NativeKernel = (call: KernelCall) => TensorInfo | TensorInfo[] | undefined;

/** Kernels by TF.js's names. */
export type KernelTable = Readonly<Record<string, NativeKernel>>;

/** Native kernels walk at most so many dimensions, and none that is empty. */
const MAX_RANK = 8;

export function isNumeric(info: TensorInfo | undefined): info is TensorInfo & { dtype: NativeType } {
  return (
    info !== undefined &&
    (info.dtype === 'float32' || info.dtype === 'int32' || info.dtype === 'bool') &&
    info.shape.length <= MAX_RANK &&
    util.sizeFromShape(info.shape) > 0
  );
}

/** Whether the tensor is float32, not empty and of ordinary rank. */
export function isFloat(info: TensorInfo | undefined): info is TensorInfo & { dtype: 'float32' } {
  return isNumeric(info) && info.dtype === 'float32';
}

/** Runs any registered kernel of this backend. */
export function runKernel(
  name: string,
  backend: OnednnBackend,
  inputs: Record<string, TensorInfo>,
  attrs: Record<string, unknown>,
): TensorInfo {
  const { kernelFunc } = getKernel(name, 'onednn');
  return kernelFunc({ inputs, attrs: attrs as NamedAttrMap, backend }) as TensorInfo;
}
