/** Element-wise kernels: every way of broadcasting, numbers that are not finite, and the types that stay with the stock kernels. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectSame } from './compare';

/** Operations and their relative tolerance: the CPU backend squares a difference that it has not rounded to float32. */
const BINARY = [
  ['add', tf.add, 0],
  ['sub', tf.sub, 0],
  ['mul', tf.mul, 0],
  ['squaredDifference', tf.squaredDifference, 2e-7],
] as const;

/** Shapes of both sides: alike, scalars, channels, and two that need the stock kernel. */
const SHAPES = [
  [
    [2, 3, 5, 7],
    [2, 3, 5, 7],
  ],
  [[4, 9], []],
  [[], [4, 9]],
  [[1, 1, 1], [13]],
  [[6, 5, 16], [16]],
  [[16], [6, 5, 16]],
  [
    [6, 5, 3],
    [1, 1, 3],
  ],
  [
    [6, 5, 3],
    [5, 3],
  ],
  [
    [6, 5, 3],
    [6, 1, 3],
  ],
  [
    [6, 1, 3],
    [1, 5, 1],
  ],
  [[0, 3], [3]],
] as const;

describe.each(BINARY)('%s', (_, operation, rtol) => {
  it.each(SHAPES)('of %j and %j gives the CPU backend’s numbers', (...shapes) =>
    expectSame((a, b) => operation(a!, b!), shapes, rtol),
  );

  it('of one tensor with itself gives the CPU backend’s numbers', () =>
    expectSame((a) => operation(a!, a!), [[5, 7]], rtol));
});

describe('unary kernels', () => {
  it.each([[[1]], [[4, 4]], [[3, 5, 7]]])('of %j give the CPU backend’s bits', async (shape) => {
    await expectSame((x) => [tf.relu(x!), tf.step(x!), tf.step(x!, -0.3)], [shape], 0);
    await expectSame((x) => tf.grad((a) => tf.sum(tf.square(tf.relu(a))))(x!), [shape], 0);
    await expectSame((x, y) => tf.cast(tf.add(x!, y!), 'float32'), [shape, shape], 0);
  });

  it('give the second derivative through a ReLU', () =>
    expectSame(
      (x) => {
        const cube = (a: tf.Tensor) => tf.sum(tf.pow(tf.relu(a), 3));
        return tf.grad((a) => tf.sum(tf.square(tf.grad(cube)(a))))(x!);
      },
      [[31, 3]],
      1e-5,
    ));

  it('give the gradient of a ReLU that is used twice', () =>
    expectSame(
      (x) =>
        tf.grad((a) => {
          const y = tf.relu(a);
          return tf.sum(tf.mul(y, tf.add(y, tf.sum(y))));
        })(x!),
      [[31, 3]],
      1e-6,
    ));
});

it('adds any number of tensors in their order', () =>
  expectSame(
    (a, b, c) => [tf.addN([a!, b!, c!]), tf.addN([a!, b!]), tf.addN([a!])],
    [
      [3, 7],
      [3, 7],
      [3, 7],
    ],
    0,
  ));

describe('on the backend wasm', () => {
  beforeAll(() => tf.setBackend('wasm'));

  it('numbers that are not finite stay so', () =>
    tf.tidy(() => {
      const x = tf.tensor1d([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1, -1]);
      const { NaN: nan, POSITIVE_INFINITY: most } = Number;
      expect([...tf.relu(x).dataSync()]).toEqual([nan, most, 0, 1, 0]);
      expect([...tf.step(x, 0.5).dataSync()]).toEqual([nan, 1, 0.5, 1, 0.5]);
      expect([...tf.mul(x, 2).dataSync()]).toEqual([nan, most, -most, 2, -2]);
      expect([
        ...tf
          .grad((a) => tf.sum(tf.relu(a)))(x)
          .dataSync()
          .slice(1),
      ]).toEqual([1, 0, 1, 0]);
    }));

  it('integers stay integers', () =>
    tf.tidy(() => {
      const [a, b] = [tf.tensor1d([7, -3, 5], 'int32'), tf.tensor1d([2, 2, -9], 'int32')];
      for (const [y, values] of [
        [tf.add(a, b), [9, -1, -4]],
        [tf.mul(a, b), [14, -6, -45]],
        [tf.addN([a, b, b]), [11, 1, -13]],
        [tf.relu(a), [7, 0, 5]],
        [tf.cast(a, 'float32'), [7, -3, 5]],
      ] as const) {
        expect([...y.dataSync()]).toEqual(values);
      }
      expect(tf.add(a, b).dtype).toBe('int32');
    }));

  it('a cast to the same type is a tensor of its own', () => {
    const x = tf.tensor1d([1, 2]);
    const y = tf.engine().runKernel('Cast', { x }, { dtype: 'float32' }) as tf.Tensor;
    x.dispose();
    expect([...y.dataSync()]).toEqual([1, 2]);
    y.dispose();
  });
});
