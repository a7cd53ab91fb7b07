/** The parts of the stock backend's Emscripten module that its type declarations lack. */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

export interface StockModule {
  _malloc(bytes: number): number;
  _free(address: number): void;
  /** The heap. Replaced when it grows: read this property again for each use. */
  readonly HEAPU8: Uint8Array;
  /** The instance's exports; the threaded build does not export its memory. */
  readonly asm: { readonly memory?: WebAssembly.Memory | undefined };
}

export function stockModule(backend: BackendWasm): StockModule {
  return backend.wasm as unknown as StockModule;
}
