/** Type of this backend's kernels, and functions that most of them need. */
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { VggWebgpuBackend } from '../backend';

export interface KernelCall {
  inputs: Record<string, TensorInfo | undefined>;
  attrs: Record<string, unknown>;
  backend: VggWebgpuBackend;
}

/** Runs the call, or returns undefined when it is not for this backend: then the stock kernel runs. */
export type OwnKernel = (call: KernelCall) => TensorInfo | TensorInfo[] | undefined;

/** Kernels by TF.js's names. */
export type KernelTable = Readonly<Record<string, OwnKernel>>;

export const sizeOf = ({ shape }: { shape: readonly number[] }): number => util.sizeFromShape(shape as number[]);

/** True if the tensor is float32 and not empty. */
export function isFloat(info: TensorInfo | undefined | null): info is TensorInfo & { dtype: 'float32' } {
  return info !== undefined && info !== null && info.dtype === 'float32' && sizeOf(info) > 0;
}

/** True if the stock backend would compute this on the CPU: small tensors that were never on the GPU, nor is what they are put off from. */
export function staysOnCpu(backend: VggWebgpuBackend, inputs: readonly TensorInfo[]): boolean {
  return (
    inputs.every((info) => backend.record(info).deferred === undefined) &&
    backend.shouldExecuteOnCPU(inputs as TensorInfo[])
  );
}
