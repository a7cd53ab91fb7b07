/** Kernels of this package: functions on the stock backend that replace the stock kernels, if there are any. */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  getKernel,
  type KernelFunc,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  registerKernel,
  type TensorInfo,
  unregisterKernel,
} from '@tensorflow/tfjs-core';

export interface KernelCall<Inputs, Attributes> {
  backend: BackendWasm;
  inputs: Inputs;
  attrs: Attributes;
  /** Runs the stock kernel, for cases that this kernel does not cover. Throws if there is none. */
  stock: () => TensorInfo;
}

type Result = TensorInfo | TensorInfo[];

export interface Kernel {
  name: string;
  run: (call: KernelCall<NamedTensorInfoMap, NamedAttrMap>) => Result;
}

/** Declares a kernel with the inputs and attributes that tfjs-core passes to it. */
export function kernel<Inputs, Attributes>(
  name: string,
  run: (call: KernelCall<{ [Name in keyof Inputs]: Exclude<Inputs[Name], undefined> }, Attributes>) => Result,
): Kernel {
  return { name, run: run as unknown as Kernel['run'] };
}

/**
 * Registers a kernel for the backend 'wasm'. The stock kernel's set-up still runs, so that the stock kernel can be
 * called.
 */
export function install({ name, run }: Kernel): void {
  const stock = getKernel(name, 'wasm');
  if (stock !== undefined) unregisterKernel(name, 'wasm');
  const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) =>
    run({
      backend: backend as BackendWasm,
      inputs: inputs as NamedTensorInfoMap,
      attrs: attrs as NamedAttrMap,
      stock: () =>
        stock!.kernelFunc({
          inputs: inputs as NamedTensorInfoMap,
          attrs: attrs as NamedAttrMap,
          backend,
        }) as TensorInfo,
    });
  registerKernel({ ...stock, kernelName: name, backendName: 'wasm', kernelFunc });
}
