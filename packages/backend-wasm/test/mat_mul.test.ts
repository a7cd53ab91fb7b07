import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { expectSame } from './compare';

describe.each([
  [false, false],
  [false, true],
  [true, false],
  [true, true],
])('a matrix product, transposed %s and %s', (transposeA, transposeB) => {
  it.each([
    [1, 1, 1],
    [3, 5, 7],
    [1, 8, 4],
    [4, 8, 512],
    [33, 17, 600],
    [130, 9, 1030],
    [129, 64, 64],
    [3, 4, 0],
    [0, 4, 3],
  ])('of %i × %i over %i gives the CPU backend’s', (rows, columns, depth) =>
    expectSame(
      (a, b) => tf.matMul(a, b, transposeA, transposeB),
      [transposeA ? [depth, rows] : [rows, depth], transposeB ? [columns, depth] : [depth, columns]],
      1e-5,
    ),
  );

  // The CPU backend itself gives a result of the wrong size here.
  it('broadcasts outer dimensions', () =>
    expectSame(
      (a, b) => tf.matMul(a, b, transposeA, transposeB),
      [
        [2, 1, 5, 5],
        [3, 5, 5],
      ],
      2e-6,
      (a, b) => tf.matMul(tf.tile(a, [1, 3, 1, 1]), tf.stack([b, b]), transposeA, transposeB),
    ));
});
