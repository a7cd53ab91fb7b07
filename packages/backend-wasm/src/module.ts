/** Our WebAssembly module: one instance per backend, on the memory of the stock module. */
/// <reference path="./wasm.d.ts" />
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { VggError } from '@vgg/core';
import bytes from './kernels.wasm';
import { stockModule } from './stock';

/**
 * The functions of `assembly/`. Addresses are bytes in the backend's heap. Sizes and strides are elements, except where
 * noted. */
export type Kernels = Readonly<
  Record<
    | 'columnSums'
    | 'convolve'
    | 'filterGradient'
    | 'localResponse'
    | 'localResponseGradient'
    | 'localResponseScratch'
    | 'maxPoolGradient'
    | 'normalisationFactors'
    | 'normalisationGradient'
    | 'normalise'
    | 'packPanels'
    | 'packRotated'
    | 'product'
    | 'productScratch',
    (...args: (number | boolean)[]) => number
  >
>;

const instances = new WeakMap<BackendWasm, Kernels>();

/** Compiles and links the module, off the main thread if the engine can. Call this when the backend is created. */
export async function prepareKernels(backend: BackendWasm): Promise<void> {
  if (instances.has(backend)) return;
  instances.set(backend, link(backend, await WebAssembly.compile(bytes)));
}

/**
 * Returns the kernels of a backend. Compiles synchronously if the backend was created before this package was imported.
 */
export function kernelsOf(backend: BackendWasm): Kernels {
  let kernels = instances.get(backend);
  if (kernels === undefined) {
    kernels = link(backend, new WebAssembly.Module(bytes));
    instances.set(backend, kernels);
  }
  return kernels;
}

function link(backend: BackendWasm, module: WebAssembly.Module): Kernels {
  const { memory } = stockModule(backend).asm;
  if (memory === undefined) {
    throw new VggError(
      'backend',
      'the stock WASM backend does not export its memory (it is the threaded build): import @vgg/backend-wasm before tf.setBackend',
    );
  }
  const { exports } = new WebAssembly.Instance(module, {
    env: { memory },
    local_response: { pow: Math.pow },
  });
  return exports as unknown as Kernels;
}
