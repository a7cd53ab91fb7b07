/** Bias and ReLU that are computed with a convolution or a product: all sizes of blocks, and the cases of the stock kernels. */
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { expectSame, normals } from './compare';

type Activation = 'linear' | 'relu' | 'relu6';

describe.each<Activation>(['linear', 'relu', 'relu6'])('with the activation %s', (activation) => {
  it.each([
    [[2, 9, 7, 3], [3, 3, 3, 8], 1, 'same'],
    [[1, 5, 5, 6], [3, 3, 6, 13], 1, 'valid'],
    [[3, 6, 8, 4], [1, 1, 4, 21], 1, 'same'],
    [[2, 11, 10, 5], [3, 3, 5, 4], 2, 'same'],
  ] as const)(
    'a convolution of %j by %j, stride %i, %s gives the CPU backend’s output',
    async (x, filter, strides, pad) => {
      const convolve = (inputs: tf.Tensor[]) => {
        const [image, weights, bias] = inputs as [tf.Tensor4D, tf.Tensor4D, tf.Tensor1D | undefined];
        return tf.fused.conv2d({ x: image, filter: weights, strides, pad, activation, ...(bias && { bias }) });
      };
      await expectSame((...inputs) => convolve(inputs), [x, filter, [filter[3]]], 5e-6);
      await expectSame((...inputs) => convolve(inputs), [x, filter], 5e-6);
    },
  );

  it.each([
    [[5, 30], [30, 8], false, false],
    [[3, 700], [700, 21], false, false],
    // The stock kernels are wrong for other activations of transposed matrices.
    ...(activation === 'relu6'
      ? []
      : ([
          [[30, 9], [30, 5], true, false],
          [[1, 40], [33, 40], false, true],
        ] as const)),
  ] as const)('a product of %j by %j, transposed %s and %s, gives the CPU backend’s output', async (...sizes) => {
    const [a, b, transposeA, transposeB] = sizes;
    const multiply = (inputs: tf.Tensor[]) => {
      const [left, right, bias] = inputs as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D | undefined];
      return tf.fused.matMul({ a: left, b: right, transposeA, transposeB, activation, ...(bias && { bias }) });
    };
    await expectSame((...inputs) => multiply(inputs), [a, b, [transposeB ? b[0] : b[1]]], 5e-6);
    await expectSame((...inputs) => multiply(inputs), [a, b], 5e-6);
  });
});

it('a convolution keeps numbers that are not finite', async () => {
  await tf.setBackend('wasm');
  const values = normals([1, 4, 4, 2], 1);
  values[0] = Number.NaN;
  const y = tf.tidy(() =>
    tf.fused
      .conv2d({
        x: tf.tensor4d(values, [1, 4, 4, 2]),
        filter: tf.tensor4d(normals([1, 1, 2, 9], 2), [1, 1, 2, 9]),
        strides: 1,
        pad: 'same',
        bias: tf.tensor1d(normals([9], 3)),
        activation: 'relu',
      })
      .dataSync(),
  );
  expect([...y].map(Number.isNaN)).toEqual([...y].map((_, i) => i < 9));
});

describe('pooling', () => {
  it.each([
    [2, 8, 8, 16],
    [1, 7, 6, 13],
    [3, 2, 3, 1],
  ])('of %i × %i × %i × %i gives the CPU backend’s bits', (...shape) =>
    expectSame((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid'), [shape], 0),
  );

  it('ignores what is not a number', async () => {
    await tf.setBackend('wasm');
    const { NaN: none } = Number;
    const x = tf.tensor4d([none, 1, -1, -3, -2, 0, none, none], [1, 2, 4, 1]);
    const y = tf.maxPool(x, 2, 2, 'valid');
    expect([...y.dataSync()]).toEqual([1, -1]);
    tf.dispose([x, y]);
  });
});
