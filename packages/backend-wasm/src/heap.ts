/** The stock backend's heap: where tensors lie, and memory for the time of one kernel. */

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { stockModule } from './stock';

/** What the stock module may grow to, fixed when it was built. */
const HEAP_LIMIT = 4_294_901_760;

/** The address of a tensor's first byte. It stays valid when the heap grows. */
export function addressOf(backend: BackendWasm, tensor: TensorInfo): number {
  return backend.dataIdMap.get(tensor.dataId).memoryOffset;
}

/**
 * Runs `fn` with the addresses of one or more blocks of scratch memory, 16-byte aligned, freed when it returns.
 */
export function withScratch<T>(backend: BackendWasm, bytes: readonly number[], fn: (...addresses: number[]) => T): T {
  const starts: number[] = [];
  let total = 15;
  for (const size of bytes) {
    starts.push(total);
    total += (size + 15) & ~15;
  }
  const wasm = stockModule(backend);
  const block = wasm._malloc(total) >>> 0;
  try {
    return fn(...starts.map((start) => (block + start) & ~15).map((address) => address >>> 0));
  } finally {
    wasm._free(block);
  }
}

/**
 * Makes the heap's end an error. The stock backend ignores that `malloc` gives 0 and would then write its tensors over
 * address 0.
 */
export function guardHeap(backend: BackendWasm): void {
  const wasm = stockModule(backend);
  const malloc = wasm._malloc;
  wasm._malloc = (bytes: number) => {
    const address = bytes > HEAP_LIMIT ? 0 : malloc(bytes);
    if (address === 0 && bytes > 0) {
      throw new VggError(
        'backend',
        `the WASM backend cannot allocate ${bytes} bytes: its heap holds ${wasm.HEAPU8.length} of at most ${HEAP_LIMIT} bytes; use a smaller micro-batch, image or width`,
        { details: { bytes, heap: wasm.HEAPU8.length, limit: HEAP_LIMIT } },
      );
    }
    return address;
  };
}
