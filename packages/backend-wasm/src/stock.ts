/** The stock backend's Emscripten module, as far as its type declarations leave it out. */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

export interface StockModule {
  _malloc(bytes: number): number;
  _free(address: number): void;
  /** Replaced when the heap grows: read it anew for each use. */
  readonly HEAPU8: Uint8Array;
  /** The instance's exports; the threaded build does not export its memory. */
  readonly asm: { readonly memory?: WebAssembly.Memory };
}

export function stockModule(backend: BackendWasm): StockModule {
  return backend.wasm as unknown as StockModule;
}
