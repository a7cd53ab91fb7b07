import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { expectSame } from './compare';

type Inputs = [x: tf.Tensor4D, mean: tf.Tensor1D, spread: tf.Tensor1D, offset: tf.Tensor1D, scale: tf.Tensor1D];

/** Computes batch norm with a positive variance. */
const normalise = ([x, mean, spread, offset, scale]: Inputs) =>
  tf.batchNorm4d(x, mean, tf.add(tf.square(spread), 0.1) as tf.Tensor1D, offset, scale, 1e-3);

describe.each([
  [1, 1, 1, 1],
  [33, 5, 3, 7],
  [3, 9, 8, 24],
])('batch norm of %i × %i × %i × %i', (...shape) => {
  const shapes = [shape, [shape[3]], [shape[3]], [shape[3]], [shape[3]]];

  it('gives the CPU backend’s output', () =>
    expectSame((...inputs) => normalise(inputs as unknown as Inputs), shapes, 5e-6));

  it('gives the CPU backend’s gradient of each input', () =>
    expectSame(
      (...inputs) => tf.grads((...t) => tf.sum(tf.square(normalise(t as unknown as Inputs))))(inputs),
      shapes,
      1e-5,
    ));

  // Forward only: tfjs-core cannot save an absent scale for the gradient.
  it('works without scale and offset', () =>
    expectSame(
      (x, mean, spread) => tf.batchNorm4d(x as tf.Tensor4D, mean as tf.Tensor1D, tf.square(spread) as tf.Tensor1D),
      shapes.slice(0, 3),
      5e-6,
    ));

  it('runs the stock kernel for parameters of the image’s shape', () =>
    expectSame(
      (x, mean, spread) => tf.batchNorm4d(x as tf.Tensor4D, mean as tf.Tensor4D, tf.square(spread) as tf.Tensor4D),
      [shape, shape, shape],
      5e-6,
    ));
});

describe('sums and means over leading axes', () => {
  it.each([
    [[5, 3], 0],
    [
      [70, 9, 4, 6],
      [0, 1, 2],
    ],
    [
      [3, 130, 7],
      [0, 1],
    ],
    [
      [3, 130, 7],
      [1, 2],
    ],
    [[2, 3, 4], undefined],
  ] as const)('of %j over %j give the CPU backend’s', async (shape, axes) => {
    for (const keepDims of [false, true]) {
      await expectSame((x) => tf.sum(x, axes as unknown as number[], keepDims), [shape], 1e-5);
      await expectSame((x) => tf.mean(x, axes as unknown as number[], keepDims), [shape], 1e-5);
    }
  });
});

describe('local response normalisation', () => {
  it.each([
    [[2, 3, 3, 16], 2, 2, 1e-4, 0.75],
    [[1, 2, 5, 3], 2, 2, 0.3, 0.75],
    [[1, 1, 1, 1], 5, 1, 1, 0.5],
    [[2, 4, 3, 13], 1, 1, 0.7, 0.4],
  ] as const)(
    'of %j, radius %i, bias %f, α %f, β %f gives the CPU backend’s output and gradient',
    async (...parameters) => {
      const [shape, radius, bias, alpha, beta] = parameters;
      const lrn = (x: tf.Tensor) => tf.localResponseNormalization(x as tf.Tensor4D, radius, bias, alpha, beta);
      await expectSame(lrn, [shape], 5e-6);
      await expectSame((x) => tf.grad((t) => tf.sum(tf.square(lrn(t))))(x), [shape], 5e-6);
    },
  );
});
