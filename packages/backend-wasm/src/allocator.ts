/**
 * Makes the end of the stock backend's heap an error. On its own it goes unnoticed: the backend takes address 0 for memory
 * when `malloc` fails, and a request that would end beyond 4 GiB may wrap around and be given memory that is in use.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { VggError } from '@vgg/core';
import { stockModule } from './stock';

/** What the stock module may grow to, fixed when it was built. */
const HEAP_LIMIT = 4_294_901_760;

/** Beyond the bytes asked for, what `malloc` may take for its own records and to round up. */
const OVERHEAD = 1 << 20;

/** Whether `bytes` fit between or after blocks (size by address) without the heap's end passing its limit. */
function fits(bytes: number, blocks: ReadonlyMap<number, number>): boolean {
  let end = 0;
  for (const [address, size] of [...blocks].sort(([a], [b]) => a - b)) {
    if (address - end >= bytes + OVERHEAD) return true;
    end = address + size;
  }
  return end + bytes + OVERHEAD <= HEAP_LIMIT;
}

/** Has every allocation of the backend either succeed or throw a VggError 'backend' that names the bytes wanted. */
export function guardHeap(backend: BackendWasm): void {
  const wasm = stockModule(backend);
  wasm._free(wasm._malloc(1)); // Emscripten's functions replace themselves in the module on their first call.
  const { _malloc: malloc, _free: free } = wasm;
  const blocks = new Map<number, number>();
  wasm._malloc = (bytes) => {
    const nearLimit = wasm.HEAPU8.length + bytes + OVERHEAD > HEAP_LIMIT;
    const address = nearLimit && !fits(bytes, blocks) ? 0 : malloc(bytes) >>> 0;
    if (bytes > 0 && (address === 0 || address + bytes > wasm.HEAPU8.length)) {
      throw new VggError(
        'backend',
        `the WASM backend cannot allocate ${bytes} bytes: its heap holds ${wasm.HEAPU8.length} of at most ${HEAP_LIMIT} bytes; use a smaller micro-batch, image or width`,
        { details: { bytes, heap: wasm.HEAPU8.length, limit: HEAP_LIMIT } },
      );
    }
    blocks.set(address, bytes);
    return address;
  };
  wasm._free = (address) => {
    blocks.delete(address >>> 0);
    free(address);
  };
}
