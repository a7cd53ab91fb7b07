import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { expectSame } from './compare';

describe.each([
  [2, 8, 8, 16, 2, 2, 'valid'],
  [1, 7, 6, 13, 2, 2, 'valid'],
  [3, 7, 6, 5, 3, 2, 'same'],
  [33, 5, 9, 4, 3, 1, 'same'],
  [2, 9, 9, 6, 2, 3, 'valid'],
] as const)(
  'pooling of %i × %i × %i × %i by %i, stride %i, %s',
  (batch, height, width, channels, size, stride, pad) => {
    const shapes = [[batch, height, width, channels]];

    it('gives the CPU backend’s gradient of the maximum', () =>
      expectSame((x) => tf.grad((a) => tf.sum(tf.square(tf.maxPool(a as tf.Tensor4D, size, stride, pad))))(x), shapes));

    it('gives the first of equal maxima the whole gradient', () =>
      expectSame(
        (x) => tf.grad((a) => tf.sum(tf.square(tf.maxPool(tf.relu(a) as tf.Tensor4D, size, stride, pad))))(tf.round(x)),
        shapes,
      ));
  },
);
