/** Tensors larger than what is bound at once, the tiles of GPUs, and Winograd: the same numbers as in one piece on the CPU. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { VggWebgpuBackend } from '../src/backend';
import { hasDevice, reason } from './lavapipe';
import { normals, start, worst } from './reference';

const backend = () => tf.backend() as unknown as VggWebgpuBackend;

const random = (shape: number[], ...address: number[]) =>
  tf.tensor(normals(tf.util.sizeFromShape(shape), ...address), shape);

const run = (name: string, inputs: tf.NamedTensorMap, attributes: object = {}) =>
  tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap) as tf.Tensor;

const GEOMETRY = { strides: [1, 1], dilations: [1, 1], pad: 'same', dataFormat: 'NHWC' };

async function numbers(compute: () => tf.Tensor[]): Promise<Float32Array[]> {
  const tensors = tf.tidy(compute);
  const values = await Promise.all(tensors.map((tensor) => tensor.data() as Promise<Float32Array>));
  tf.dispose(tensors);
  return values;
}

async function expectSame(compute: () => tf.Tensor[]): Promise<void> {
  await tf.setBackend('cpu');
  const expected = await numbers(compute);
  await tf.setBackend('webgpu');
  const actual = await numbers(compute);
  for (const [i, values] of expected.entries()) expect(worst(actual[i]!, values)).toBeLessThan(5e-6);
}

/** The three products of a convolution. */
function convolution(): tf.Tensor[] {
  const [x, dy] = [random([9, 8, 8, 8], 1), random([9, 8, 8, 12], 2)] as [tf.Tensor4D, tf.Tensor4D];
  const filter = random([3, 3, 8, 12], 3) as tf.Tensor4D;
  return [
    tf.fused.conv2d({ x, filter, strides: 1, pad: 'same', bias: random([12], 4) as tf.Tensor1D, activation: 'relu' }),
    run('Conv2DBackpropInput', { dy, filter }, { ...GEOMETRY, inputShape: x.shape }),
    run('Conv2DBackpropFilter', { x, dy }, { ...GEOMETRY, filterShape: filter.shape }),
  ];
}

/** Convolutions of odd sizes without padding, with as much as there can be, and with more on one side. */
function paddings(): tf.Tensor[] {
  const x = random([2, 7, 9, 4], 5) as tf.Tensor4D;
  const filter = random([3, 3, 4, 8], 6) as tf.Tensor4D;
  const pads: ('valid' | number | [[0, 0], [number, number], [number, number], [0, 0]])[] = [
    'valid',
    2,
    [
      [0, 0],
      [0, 1],
      [2, 0],
      [0, 0],
    ],
  ];
  return pads.flatMap((pad) => {
    const convolve = (u: tf.Tensor, w: tf.Tensor) => tf.conv2d(u as tf.Tensor4D, w as tf.Tensor4D, 1, pad);
    const y = convolve(x, filter);
    return [y, ...tf.grads(convolve)([x, filter], random(y.shape, 7))];
  });
}

function products(): tf.Tensor[] {
  const [x, weight, dy] = [random([6, 512], 1), random([512, 96], 2), random([6, 96], 3)] as tf.Tensor2D[];
  const bias = random([96], 4) as tf.Tensor1D;
  return [
    tf.fused.matMul({ a: x!, b: weight!, bias, activation: 'relu' }),
    tf.matMul(dy!, weight!, false, true),
    tf.matMul(x!, dy!, true, false),
  ];
}

/** A product whose second factor is bound in ranges of its rows, each divided into sums over a part of its many terms. */
function manyTerms(): tf.Tensor[] {
  const [x, weight, bias] = [random([6, 1024], 1), random([26, 1024], 2), random([26], 3)];
  const [a, b] = [x as tf.Tensor2D, weight as tf.Tensor2D];
  const activation = 'relu';
  return [
    tf.fused.matMul({ a, b, transposeB: true, bias: bias as tf.Tensor1D, activation }),
    tf.matMul(a, b, false, true),
  ];
}

describe.skipIf(!hasDevice)(`ranges and tiles${reason}`, () => {
  beforeAll(() => start());

  it('in ranges of 16 KiB', { timeout: 300_000 }, async () => {
    await tf.setBackend('webgpu');
    backend().bindingLimit = 16_384;
    await expectSame(convolution);
    await expectSame(products);
    await expectSame(manyTerms);
    await expectSame(() => {
      const [a, b, c] = [random([9, 8, 8, 16], 1), random([9, 8, 8, 16], 2), random([16], 3)];
      const pool = (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid');
      const square = tf.sum(tf.square(a));
      return [tf.add(a, b), tf.mul(a, c), tf.relu(a), tf.sum(a, [0, 1, 2]), square, pool(a), tf.grad(pool)(a)];
    });
    backend().bindingLimit = backend().device.limits.maxStorageBufferBindingSize;
  });

  it.each([2, 4] as const)(
    "by Winograd's outputs of %i pixels a side, in one piece and in ranges",
    { timeout: 300_000 },
    async (side) => {
      await tf.setBackend('webgpu');
      backend().winograd = side;
      await expectSame(convolution);
      await expectSame(() => paddings());
      backend().bindingLimit = 16_384;
      await expectSame(convolution);
      backend().bindingLimit = backend().device.limits.maxStorageBufferBindingSize;
      backend().winograd = undefined;
    },
  );

  it('by tiles in workgroup memory, as on a GPU', { timeout: 300_000 }, async () => {
    await tf.setBackend('webgpu');
    // Small, since the loops of a stage are written out, which a CPU takes long to compile.
    backend().tile = { m: 16, n: 16, k: 8, threadsM: 4, threadsN: 4, staged: true };
    await expectSame(convolution);
    await expectSame(products);
    backend().tile = undefined;
  });
});
