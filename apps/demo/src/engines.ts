/** Engines of a browser. The code of each is fetched when it is chosen. */

import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { engine, setBackend } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

export type EngineName = 'wasm' | 'webgl' | 'webgpu';

/** True if the page's address ends with `?software`: WebGPU may then compute on the CPU, as tests of the page do. */
const SOFTWARE = new URLSearchParams(location.search).has('software');

/** The part of a WebGPU adapter that is used. */
interface Adapter {
  readonly info: { readonly isFallbackAdapter?: boolean | undefined };
}

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
      const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
      const adapter = (await gpu?.requestAdapter().catch(() => null)) ?? null;
      if (adapter === null) return 'no WebGPU';
      return adapter.info.isFallbackAdapter && !SOFTWARE ? 'no GPU: it would compute on the CPU' : undefined;
    },
    async fetch() {
      const { configure } = await import('@vgg/backend-webgpu');
      if (SOFTWARE) configure({ software: true });
    },
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

/** Returns the name of the engine in use, with the number of its threads or the name of its GPU. */
export async function engineInUse(): Promise<string> {
  const { label, name } = ENGINES.find((known) => known.name === engine().backendName)!;
  if (name === 'wasm') {
    const { threads } = await import('@vgg/backend-wasm');
    return threads() === 1 ? label : `${label}, ${threads()} threads`;
  }
  if (name !== 'webgpu') return label;
  const { device } = await import('@vgg/backend-webgpu');
  const { name: gpu, software } = device()!;
  return `${label}, ${gpu}${software ? ', on the CPU' : ''}`;
}
