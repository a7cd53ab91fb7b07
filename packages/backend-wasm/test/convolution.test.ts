import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { expectSame } from './compare';

type Pad = 'same' | 'valid' | number | [[number, number], [number, number], [number, number], [number, number]];

/** Batch, height, width, inputs, outputs, filter height and width, stride, padding. */
const CASES: readonly [number, number, number, number, number, [number, number], number, Pad][] = [
  [2, 8, 8, 8, 8, [3, 3], 1, 'same'],
  [1, 1, 1, 1, 1, [1, 1], 1, 'same'],
  [1, 7, 5, 3, 16, [3, 3], 1, 'same'],
  [33, 2, 2, 9, 17, [3, 3], 1, 'same'],
  [33, 1, 1, 12, 5, [3, 3], 1, 'same'],
  [3, 6, 10, 16, 24, [1, 1], 1, 'valid'],
  [2, 9, 7, 5, 7, [3, 3], 1, 'valid'],
  [2, 9, 11, 4, 12, [3, 3], 2, 'same'],
  [2, 10, 10, 3, 4, [5, 5], 3, 2],
  [2, 8, 9, 6, 6, [2, 3], 1, 'same'],
  [2, 8, 9, 6, 6, [3, 1], 2, 'valid'],
  [
    2,
    6,
    7,
    5,
    9,
    [3, 3],
    1,
    [
      [0, 0],
      [2, 0],
      [1, 3],
      [0, 0],
    ],
  ],
  [2, 5, 6, 4, 8, [1, 1], 1, 1],
  [1, 20, 24, 40, 24, [3, 3], 1, 'same'],
  [3, 40, 36, 8, 16, [3, 3], 1, 'same'],
  [9, 33, 31, 5, 13, [3, 3], 1, 'same'],
];

describe.each(CASES)('a convolution of %i × %i × %i × %i to %i, filter %s, stride %i, pad %s', (...parameters) => {
  const [batch, height, width, inputs, outputs, size, stride, pad] = parameters;
  const shapes = [
    [batch, height, width, inputs],
    [...size, inputs, outputs],
  ];
  const convolve = (x: tf.Tensor, filter: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad as number);

  it('gives the CPU backend’s output', () => expectSame(convolve, shapes));

  it('gives the CPU backend’s gradients', () =>
    expectSame((x, filter) => tf.grads((a, b) => tf.sum(tf.square(convolve(a, b))))([x, filter]), shapes));
});

describe('a convolution of no images', () => {
  it('has a filter gradient of zeros', () =>
    expectSame(
      (filter) =>
        tf.grad((w) => tf.sum(tf.conv2d(tf.zeros<tf.Rank.R4>([0, 5, 5, 8]), w as tf.Tensor4D, 1, 'same')))(filter),
      [[3, 3, 8, 8]],
    ));
});
