/** Kernels of our own but products, against TF.js's CPU backend or numbers worked by hand. */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasDevice, reason } from './lavapipe';
import { normals, start, worst } from './reference';

type Numbers = Float32Array[];

/** Returns the result of `compute` on a backend. */
async function on(backend: string, compute: () => tf.Tensor | tf.Tensor[]): Promise<Numbers> {
  await tf.setBackend(backend);
  return expectNoLeak(async () => {
    const tensors = [tf.tidy(compute)].flat();
    const values = await Promise.all(tensors.map((tensor) => tensor.data() as Promise<Float32Array>));
    tf.dispose(tensors);
    return values;
  });
}

async function expectSame(compute: () => tf.Tensor | tf.Tensor[], tolerance = 3e-6): Promise<void> {
  const expected = await on('cpu', compute);
  const actual = await on('webgpu', compute);
  for (const [i, values] of expected.entries()) expect(worst(actual[i]!, values)).toBeLessThanOrEqual(tolerance);
}

const random = (shape: number[], ...address: number[]) =>
  tf.tensor(normals(tf.util.sizeFromShape(shape), ...address), shape);

const run = (name: string, inputs: tf.NamedTensorMap, attributes: object = {}) =>
  tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);

describe.skipIf(!hasDevice)(`kernels${reason}`, () => {
  beforeAll(() => start());

  it.each([
    [
      [3, 5],
      [3, 5],
    ],
    [[2, 3, 8], [8]],
    [
      [2, 3, 7],
      [1, 1, 7],
    ],
    [[4, 4], []],
    [[], [9]],
    [
      [4, 1],
      [4, 5],
    ],
  ])('element-wise on %j and %j', async (a, b) => {
    await expectSame(() => {
      const [x, y] = [random(a, 1), random(b, 2)];
      return [tf.add(x, y), tf.sub(x, y), tf.mul(x, y), tf.div(x, y), tf.squaredDifference(x, y)];
    });
  });

  it.each([[[7]], [[2, 3, 4]]])('of one input %j', async (shape) => {
    await expectSame(() => {
      const x = random(shape, 1);
      return [
        tf.relu(x),
        tf.neg(x),
        tf.abs(x),
        tf.sqrt(tf.square(x)),
        tf.step(x),
        tf.mul(random(shape, 2), tf.step(x)),
      ];
    });
  });

  it('lets NaN through a ReLU and through the mask of its gradient', async () => {
    const [y, masked] = await on('webgpu', () => {
      const x = tf.tensor1d([Number.NaN, -1, 2, 0]);
      return [tf.relu(x), tf.mul(tf.tensor1d([1, 2, 3, Number.NaN]), tf.step(x))];
    });
    expect([...y!]).toEqual([Number.NaN, 0, 2, 0]);
    expect([...masked!].slice(1)).toEqual([0, 3, 0]);
  });

  it('adds up more tensors than the device binds at once', async () => {
    await expectSame(() => tf.addN(Array.from({ length: 33 }, (_, i) => random([5, 3], i))));
  });

  it.each([
    [
      [4, 6, 6, 12],
      [0, 1, 2],
    ],
    [
      [40, 30, 3],
      [0, 1],
    ],
    [[8, 1024], undefined],
    [[8192], undefined],
    [[100, 7], [0]],
    [[3, 5, 7], [2]],
    [[1], undefined],
  ] as [number[], number[] | undefined][])('sums %j over %j', async (shape, axes) => {
    await expectSame(() => [tf.sum(random(shape, 1), axes), tf.sum(tf.square(random(shape, 1)), axes)]);
  });

  it.each([
    [[2, 8, 8, 8], 2, 2, 'valid'],
    [[2, 9, 7, 3], 2, 2, 'valid'],
    [[1, 9, 9, 4], 3, 2, 'same'],
    [[1, 6, 5, 2], 3, 1, 1],
  ] as [[number, number, number, number], number, number, 'valid' | 'same' | number][])(
    'max-pool of %j, window %i, stride %i, %s, ties to the first',
    async (shape, size, stride, pad) => {
      await expectSame(() => {
        // Few different numbers, so that most windows have ties.
        const x = tf.round(tf.mul(random(shape, 1), 2)) as tf.Tensor4D;
        const f = (u: tf.Tensor) => tf.maxPool(u as tf.Tensor4D, size, stride, pad);
        const y = f(x);
        return [y, tf.grad(f)(x, random(y.shape, 2))];
      });
    },
  );

  it.each([
    [[2, 3, 3, 7], 2],
    [[1, 2, 2, 16], 3],
  ] as [[number, number, number, number], number][])('the gradient of LRN of %j, radius %i', async (shape, radius) => {
    await expectSame(() => {
      const f = (u: tf.Tensor) => tf.localResponseNormalization(u as tf.Tensor4D, radius, 2, 0.1, 0.75);
      return tf.grad(f)(random(shape, 1), random(shape, 2));
    });
  });

  it.each([
    [[1, 1, 1, 3], 0],
    [[5, 7, 3, 17], 1],
    [[33, 8, 8, 16], 100],
  ])('ChannelMoments of %j around %f', async (shape, centre) => {
    const values = normals(tf.util.sizeFromShape(shape), 3).map((v) => Math.fround(centre + v));
    const channels = shape.at(-1)!;
    const rows = values.length / channels;
    const [mean, variance] = [new Float64Array(channels), new Float64Array(channels)];
    for (const [i, v] of values.entries()) mean[i % channels]! += v / rows;
    for (const [i, v] of values.entries()) variance[i % channels]! += (v - mean[i % channels]!) ** 2 / rows;
    const [m, v] = await on('webgpu', () => run('ChannelMoments', { x: tf.tensor(values, shape) }) as tf.Tensor[]);
    expect(worst(m!, mean)).toBeLessThan(1e-6);
    expect(m!.length === 3 ? 0 : worst(v!, variance)).toBeLessThan(1e-5);
  });

  it.each([
    [[3, 5, 4, 7], true, true],
    [[9, 12, 10, 20], true, true],
    [[4, 6, 6, 16], true, false],
    [[4, 6, 6, 16], false, true],
  ] as [[number, number, number, number], boolean, boolean][])(
    'ChannelNormGrad of %j, ReLU %s, statistics of the batch %s',
    async (shape, relu, ofBatch) => {
      const [channels, epsilon] = [shape[3], 1e-3];
      const inputs = () => {
        const x = random(shape, 1);
        return { x, scale: random([channels], 2), offset: random([channels], 3), dy: random(shape, 4) };
      };
      const expected = await on('cpu', () => {
        const { x, scale, offset, dy } = inputs();
        const fixed = tf.moments(x, [0, 1, 2]);
        const f = (u: tf.Tensor, s: tf.Tensor, o: tf.Tensor) => {
          const { mean, variance } = ofBatch ? tf.moments(u, [0, 1, 2]) : fixed;
          const y = tf.add(tf.mul(tf.div(tf.sub(u, mean), tf.sqrt(tf.add(variance, epsilon))), s), o);
          return relu ? tf.relu(y) : y;
        };
        return tf.grads((...[u, s, o]) => f(u!, s!, o!))([x, scale, offset], dy);
      });
      const actual = await on('webgpu', () => {
        const given = inputs();
        const [mean, variance] = run('ChannelMoments', { x: given.x }) as [tf.Tensor, tf.Tensor];
        return run(
          'ChannelNormGrad',
          { ...given, mean, variance },
          { varianceEpsilon: epsilon, relu, ofBatch },
        ) as tf.Tensor[];
      });
      for (const [i, values] of expected.entries()) expect(worst(actual[i]!, values)).toBeLessThan(1e-5);
    },
  );

  it.each([
    [1, 0],
    [7, 1],
    [3001, 0],
    [3000, 3],
  ])('AddressedDropout of %i numbers from place %i drops what the stream says', async (count, before) => {
    const [stream, same] = [randomStream(5, 'dropout/fc6', 3), randomStream(5, 'dropout/fc6', 3)];
    for (let i = 0; i < before; i++) expect(stream.uint32()).toBe(same.uint32());
    const [rate, values] = [0.3, normals(count, 8)];
    const expected = values.map((v) => v * (same.uniform() < rate ? 0 : Math.fround(1 / (1 - rate))));
    const attributes = { rate, ...stream.take(count) };
    const [y] = await on('webgpu', () => run('AddressedDropout', { x: tf.tensor1d(values) }, attributes) as tf.Tensor);
    expect([...y!]).toEqual([...expected]);
  });

  it('MomentumSgd moves weights and velocity in place', async () => {
    await tf.setBackend('webgpu');
    const [weights, gradient] = [tf.variable(random([3, 5], 1)), random([3, 5], 2)];
    const factors = { a: -0.1, b: -0.01, m: 0.9, c: 1 };
    const w = normals(15, 1);
    const v = new Float32Array(15);
    let velocity: tf.Tensor | undefined;
    for (let step = 0; step < 2; step++) {
      const inputs = { weights, gradient, ...(velocity && { velocity }) };
      const before = velocity;
      velocity = tf.tidy(() => {
        const [moved, kept] = run('MomentumSgd', inputs as tf.NamedTensorMap, factors) as tf.Tensor[];
        weights.assign(moved!);
        return kept!;
      });
      before?.dispose();
      for (const [i, g] of normals(15, 2).entries()) {
        v[i] = factors.a * g + factors.b * w[i]! + factors.m * v[i]!;
        w[i]! += v[i]!;
      }
    }
    expect(worst(await weights.data(), w)).toBeLessThan(1e-6);
    expect(worst(await velocity!.data(), v)).toBeLessThan(1e-6);
    tf.dispose([weights, gradient, velocity!]);
  });

  it('runs kernels that only the CPU backend has', async () => {
    const [values] = await on('webgpu', () =>
      tf.bitwiseAnd(tf.tensor1d([5, 6], 'int32'), tf.tensor1d([3, 3], 'int32')),
    );
    expect([...values!]).toEqual([1, 2]);
  });
});
