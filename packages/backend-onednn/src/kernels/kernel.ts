/** Types of this backend's kernels, and checks that most of them make. */
import { getKernel, type NamedAttrMap, type TensorInfo } from '@tensorflow/tfjs-core';
import type { OnednnBackend } from '../backend';
import type { NativeType } from '../native';

export interface KernelCall {
  inputs: Record<string, TensorInfo | undefined>;
  attrs: Record<string, unknown>;
  backend: OnednnBackend;
}

/** Runs the call, or returns undefined if the native kernels cannot: then TF.js's CPU kernel runs. */
export type NativeKernel = (call: KernelCall) => TensorInfo | TensorInfo[] | undefined;

/** Kernels by TF.js's names. */
export type KernelTable = Readonly<Record<string, NativeKernel>>;

/** Largest rank that the native kernels take. */
const MAX_RANK = 8;

/** Returns true if all numbers are whole and in [least, below). A program may pass any number in an attribute. */
export function areWhole(numbers: readonly number[], least = 0, below: number = Number.MAX_SAFE_INTEGER): boolean {
  return numbers.every((value) => Number.isSafeInteger(value) && value >= least && value < below);
}

/** Sizes and paddings of windows are below this number in the native kernels. */
export const MOST = 2 ** 31;

/** Returns the number as JavaScript's array of that type would store it. */
export function storedAs(dtype: NativeType, value: number): number {
  if (dtype === 'float32') return value;
  return dtype === 'int32' ? value | 0 : value & 255;
}

/** Returns true if the tensor has a native type, is not empty and has at most {@link MAX_RANK} dimensions. */
export function isNumeric(info: TensorInfo | undefined): info is TensorInfo & { dtype: NativeType } {
  return (
    info !== undefined &&
    (info.dtype === 'float32' || info.dtype === 'int32' || info.dtype === 'bool') &&
    info.shape.length <= MAX_RANK &&
    areWhole(info.shape, 1)
  );
}

/** Returns true if the tensor is float32, not empty and has at most {@link MAX_RANK} dimensions. */
export function isFloat(info: TensorInfo | undefined): info is TensorInfo & { dtype: 'float32' } {
  return isNumeric(info) && info.dtype === 'float32';
}

export function sameShape(a: TensorInfo, b: TensorInfo): boolean {
  return a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);
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
