/** The stock backend's heap: addresses of tensors, and scratch memory of kernels. */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { stockModule } from './stock';

/** Returns the address of a tensor's first byte. It stays valid when the heap grows. */
export function addressOf(backend: BackendWasm, tensor: TensorInfo): number {
  return backend.dataIdMap.get(tensor.dataId).memoryOffset;
}

/** Runs `fn` with the addresses of one or more blocks of scratch memory, 16-byte aligned, and frees them afterwards. */
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
