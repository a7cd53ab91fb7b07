/**
 * Throws an error when the stock backend's heap is full. By itself the stock backend does not notice: when `malloc`
 * fails it uses address 0 as memory, and a request that would end beyond 4 GiB may wrap around and get memory that is
 * in use.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { VggError } from '@vgg/core';
import { stockModule } from './stock';

/** Largest size of the stock module's heap in bytes, fixed when that module was built. */
const HEAP_LIMIT = 4_294_901_760;

/** Number of bytes that `malloc` may take in addition to the request, for its own records and for rounding up. */
const OVERHEAD = 1 << 20;

/** Returns true if `bytes` fit between or after the blocks (sizes by address) within the heap's limit. */
function fits(bytes: number, blocks: ReadonlyMap<number, number>): boolean {
  let end = 0;
  for (const [address, size] of [...blocks].sort(([a], [b]) => a - b)) {
    if (address - end >= bytes + OVERHEAD) return true;
    end = address + size;
  }
  return end + bytes + OVERHEAD <= HEAP_LIMIT;
}

/**
 * Makes every allocation of the backend either succeed or throw a VggError 'backend' that names the requested bytes.
 */
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
