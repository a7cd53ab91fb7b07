/** Assertion that code leaks no tensors. */
import { memory } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

/** Runs `fn` and fails if the number of tensors or bytes changes. Returns the result of `fn`. */
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
