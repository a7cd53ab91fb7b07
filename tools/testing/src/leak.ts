/** Leaks as an ordinary assertion. */
import { memory } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

/** Runs `fn` and fails unless it leaves as many tensors and bytes as it found. Returns what `fn` returned. */
export async function expectNoLeak<T>(fn: () => T | Promise<T>): Promise<T> {
  const before = memory();
  const result = await fn();
  const after = memory();
  expect({ tensors: after.numTensors, bytes: after.numBytes }).toEqual({
    tensors: before.numTensors,
    bytes: before.numBytes,
  });
  return result;
}
