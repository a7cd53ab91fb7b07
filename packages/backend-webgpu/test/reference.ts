/** Helpers of the kernels' tests: the device, numbers, distances. */
import { backend, env, setBackend } from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import type { VggWebgpuBackend } from '../src/backend';
import { configure, type WebgpuOptions } from '../src/index';

/** Makes lavapipe TF.js's backend. */
export async function start(options: WebgpuOptions = {}): Promise<void> {
  configure({ software: true, ...options });
  // Else the CPU backend advertises another one on its first use.
  env().set('IS_NODE', false);
  // Small tensors too are computed on the device.
  env().set('WEBGPU_CPU_FORWARD', false);
  await setBackend('webgpu');
  // One shader for all layers: a CPU takes seconds to compile each.
  (backend() as unknown as VggWebgpuBackend).constantSizes = false;
}

/** The product of two matrices in float64. @param size rows, columns and terms. */
export function product(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  [m, n, k]: readonly number[],
  ta = false,
  tb = false,
): Float64Array {
  const c = new Float64Array(m! * n!);
  for (let i = 0; i < m!; i++) {
    for (let p = 0; p < k!; p++) {
      const x = a[ta ? p * m! + i : i * k! + p]!;
      for (let j = 0; j < n!; j++) c[i * n! + j]! += x * b[tb ? j * k! + p : p * n! + j]!;
    }
  }
  return c;
}

export function normals(length: number, ...address: number[]): Float32Array {
  return randomStream(7, 'test', ...address).fillNormal(new Float32Array(length));
}

/** The largest difference relative to the largest number expected. */
export function worst(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`expected ${expected.length} numbers, got ${actual.length}`);
  let [difference, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i]! - expected[i]!);
    if (!(d <= difference)) difference = d;
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return largest === 0 ? difference : difference / largest;
}
