/** Engines of a browser. The code of each is fetched when it is chosen. */

import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { engine, setBackend } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

export type EngineName = 'wasm' | 'webgl' | 'webgpu';

interface Engine {
  readonly name: EngineName;
  readonly label: string;
  /** Returns the feature that this browser lacks for the engine, or `undefined`. */
  missing(): Promise<string | undefined>;
  fetch(): Promise<void>;
}

export const ENGINES: readonly Engine[] = [
  {
    name: 'wasm',
    label: 'WebAssembly',
    missing: async () => (typeof WebAssembly === 'undefined' ? 'no WebAssembly' : undefined),
    async fetch() {
      const { setWasmPaths } = await import('@vgg/backend-wasm');
      setWasmPaths({
        'tfjs-backend-wasm.wasm': plain,
        'tfjs-backend-wasm-simd.wasm': simd,
        'tfjs-backend-wasm-threaded-simd.wasm': threaded,
      });
    },
  },
  {
    name: 'webgl',
    label: 'WebGL',
    missing: async () => (document.createElement('canvas').getContext('webgl2') === null ? 'no WebGL 2' : undefined),
    fetch: async () => void (await import('@tensorflow/tfjs-backend-webgl')),
  },
  {
    name: 'webgpu',
    label: 'WebGPU',
    async missing() {
      const gpu = (navigator as { gpu?: { requestAdapter(): Promise<unknown> } }).gpu;
      return gpu === undefined || (await gpu.requestAdapter().catch(() => null)) === null ? 'no WebGPU' : undefined;
    },
    fetch: async () => void (await import('@tensorflow/tfjs-backend-webgpu')),
  },
];

let ready = false;

/**
 * Fetches an engine and makes it the one of TF.js.
 * @throws VggError `VGG_BACKEND` when the engine does not start.
 */
export async function useEngine(name: EngineName): Promise<void> {
  if (ready && engine().backendName === name) return;
  const { fetch, label } = ENGINES.find((known) => known.name === name)!;
  await fetch();
  ready = await setBackend(name);
  if (!ready) throw new VggError('backend', `${label} does not start in this browser: choose another engine`);
}
