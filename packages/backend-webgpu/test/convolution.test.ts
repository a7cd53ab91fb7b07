/** Convolutions and their gradients against the CPU backend, over odd sizes. */
import * as tf from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasDevice, reason } from './lavapipe';
import { normals, start, worst } from './reference';

type Pad = 'same' | 'valid' | number;

interface Case {
  x: [number, number, number, number];
  filter: [number, number, number, number];
  stride: number;
  pad: Pad;
  dilation: number;
}

const CASES: Case[] = [
  { x: [1, 1, 1, 1], filter: [1, 1, 1, 1], stride: 1, pad: 'same', dilation: 1 },
  { x: [2, 9, 7, 3], filter: [3, 3, 3, 8], stride: 1, pad: 'same', dilation: 1 },
  { x: [3, 8, 8, 16], filter: [3, 3, 16, 20], stride: 1, pad: 'same', dilation: 1 },
  { x: [2, 7, 5, 6], filter: [3, 3, 6, 5], stride: 1, pad: 'same', dilation: 1 },
  { x: [2, 7, 7, 8], filter: [7, 7, 8, 12], stride: 1, pad: 'valid', dilation: 1 },
  { x: [1, 11, 10, 4], filter: [3, 2, 4, 4], stride: 2, pad: 'same', dilation: 1 },
  { x: [2, 12, 9, 5], filter: [3, 3, 5, 7], stride: 1, pad: 2, dilation: 2 },
  { x: [2, 6, 6, 12], filter: [1, 1, 12, 9], stride: 1, pad: 'valid', dilation: 1 },
  // Large enough for the large tiles of a CPU.
  { x: [1, 32, 32, 32], filter: [3, 3, 32, 64], stride: 1, pad: 'same', dilation: 1 },
  { x: [1, 37, 31, 37], filter: [3, 3, 37, 50], stride: 1, pad: 'same', dilation: 1 },
];

const name = ({ x, filter, stride, pad, dilation }: Case) =>
  `[${x}] by [${filter}], stride ${stride}, ${pad}, dilation ${dilation}`;

async function everything(backend: string, c: Case): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  return expectNoLeak(async () => {
    const x = tf.tensor4d(normals(tf.util.sizeFromShape(c.x), 1), c.x);
    const filter = tf.tensor4d(normals(tf.util.sizeFromShape(c.filter), 2), c.filter);
    const bias = tf.tensor1d(normals(c.filter[3], 3));
    const f = (u: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(u, w, c.stride, c.pad, 'NHWC', c.dilation);
    const options = { strides: c.stride, pad: c.pad, dilations: c.dilation, bias, activation: 'relu' } as const;
    const fused = tf.fused.conv2d({ x, filter, ...options });
    const y = f(x, filter);
    const dy = tf.tensor(normals(y.size, 4), y.shape);
    const gradients = c.dilation > 1 ? [] : tf.grads((u, w) => f(u as tf.Tensor4D, w as tf.Tensor4D))([x, filter], dy);
    const results = await Promise.all([y, fused, ...gradients].map((t) => t.data() as Promise<Float32Array>));
    tf.dispose([x, filter, bias, fused, y, dy, gradients]);
    return results;
  });
}

describe.skipIf(!hasDevice)(`convolutions${reason}`, () => {
  beforeAll(() => start());

  it.each(CASES.map((c) => [name(c), c] as const))('%s', { timeout: 300_000 }, async (_, c) => {
    const expected = await everything('cpu', c);
    const actual = await everything('webgpu', c);
    for (const [i, values] of expected.entries()) expect(worst(actual[i]!, values)).toBeLessThan(3e-6);
  });
});
