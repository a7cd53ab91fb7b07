/** Runs one function on the CPU backend and on ours, over the same random inputs. */
import '@tensorflow/tfjs-backend-cpu';
import '@vgg/backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { expect } from 'vitest';

tf.env().set('IS_TEST', true);

/** Returns normal numbers, the same for the same seed. */
export function normals(shape: readonly number[], seed: number): Float32Array {
  const stream = randomStream(seed, 'test');
  return Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => stream.normal());
}

/** Fills freed heap with NaN, so that a test fails if a kernel leaves output unwritten. */
export function poison(bytes = 8 << 20): void {
  const size = bytes / 4;
  const parts = 16;
  tf.fill([size], Number.NaN).dispose();
  tf.dispose(Array.from({ length: parts }, () => tf.fill([size / parts], Number.NaN)));
}

type Results = Float32Array[];

async function on(
  backend: string,
  fn: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
  shapes: readonly (readonly number[])[],
): Promise<Results> {
  await tf.setBackend(backend);
  if (backend === 'wasm') poison();
  const outputs = tf.tidy(() => {
    const result = fn(...shapes.map((shape, seed) => tf.tensor(normals(shape, seed), [...shape])));
    return Array.isArray(result) ? result : [result];
  });
  const values = outputs.map((output) => output.dataSync().slice() as Float32Array);
  tf.dispose(outputs);
  return values;
}

/**
 * Expects `fn` to give the results of `reference` on the CPU backend, within `rtol` of each result's greatest
 * magnitude.
 */
export async function expectSame(
  fn: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[],
  shapes: readonly (readonly number[])[],
  rtol = 2e-6,
  reference = fn,
): Promise<void> {
  const expected = await on('cpu', reference, shapes);
  const actual = await on('wasm', fn, shapes);
  expect(actual.length).toBe(expected.length);
  expected.forEach((values, i) => {
    const scale = values.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0);
    expect(actual[i]!).toBeAllclose(values, { rtol, atol: rtol * scale });
  });
}
