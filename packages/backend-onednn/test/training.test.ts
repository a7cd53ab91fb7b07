/**
 * Kernels for training that TF.js does not have, compared with the separate operations, with float64, or bit by bit.
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, reason } from './native-build';
import { normals } from './reference';

const run = (name: string, inputs: tf.NamedTensorMap, attributes: object = {}) =>
  tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);

describe.skipIf(!isBuilt)(`kernels for training${reason}`, () => {
  beforeAll(async () => {
    const { configure } = await import('../src/index');
    configure({ poison: true, precision: 'float32' });
    // Otherwise the CPU backend advertises another backend on its first use.
    tf.env().set('IS_NODE', false);
    await tf.setBackend('onednn');
  });

  it.each([
    [[1, 1, 1, 3], 0, 1],
    [[5, 7, 3, 17], 0, 1],
    [[33, 16, 16, 64], 100, 0.01],
    [[2, 1], -3, 2],
  ])('ChannelMoments of %j around %f ± %f agrees with float64', async (shape, centre, spread) => {
    const channels = shape.at(-1)!;
    const values = normals(tf.util.sizeFromShape(shape), 3).map((v, i) =>
      Math.fround(centre + spread * v + (i % channels)),
    );
    const rows = values.length / channels;
    const mean = new Float64Array(channels);
    const variance = new Float64Array(channels);
    for (const [i, value] of values.entries()) mean[i % channels]! += value / rows;
    for (const [i, value] of values.entries()) variance[i % channels]! += (value - mean[i % channels]!) ** 2 / rows;
    await expectNoLeak(() => {
      tf.tidy(() => {
        const [m, v] = run('ChannelMoments', { x: tf.tensor(values, shape) }) as tf.Tensor[];
        expect(m).toBeAllclose(Array.from(mean), { rtol: 1e-6, atol: 1e-6 });
        expect(v).toBeAllclose(Array.from(variance), { rtol: 1e-4, atol: 1e-9 });
      });
    });
  });

  it.each([
    [[3, 5, 4, 7], true, true],
    [[33, 12, 10, 20], true, true],
    [[33, 12, 10, 20], false, true],
    [[4, 6, 6, 16], true, false],
  ] as [[number, number, number, number], boolean, boolean][])(
    'ChannelNormGrad of %j, ReLU %s, statistics of the batch %s',
    async (shape, relu, ofBatch) => {
      const channels = shape.at(-1)!;
      const epsilon = 1e-3;
      const inputs = () => {
        const x = tf.tensor4d(normals(tf.util.sizeFromShape(shape), 1), shape);
        const [scale, offset] = [tf.tensor1d(normals(channels, 2)), tf.tensor1d(normals(channels, 3))];
        return { x, scale, offset, dy: tf.tensor(normals(x.size, 4), shape) };
      };
      // TF.js's own gradients of the separate operations.
      await tf.setBackend('cpu');
      const expected = tf.tidy(() => {
        const { x, scale, offset, dy } = inputs();
        const { mean, variance } = tf.moments(x, [0, 1, 2]);
        const f = (u: tf.Tensor, s: tf.Tensor, o: tf.Tensor) => {
          const own = ofBatch ? tf.moments(u, [0, 1, 2]) : { mean, variance };
          const y = tf.add(
            tf.mul(tf.div(tf.sub(u, own.mean), tf.sqrt(tf.add(own.variance, epsilon))), s),
            o,
          ) as tf.Tensor4D;
          return relu ? tf.relu(y) : y;
        };
        return tf
          .grads((...[u, s, o]) => f(u!, s!, o!))([x, scale, offset], dy)
          .map((t) => t.dataSync() as Float32Array);
      });
      await tf.setBackend('onednn');
      await expectNoLeak(() => {
        tf.tidy(() => {
          const own = inputs();
          const [mean, variance] = run('ChannelMoments', { x: own.x }) as [tf.Tensor, tf.Tensor];
          const attributes = { varianceEpsilon: epsilon, relu, ofBatch };
          const actual = run('ChannelNormGrad', { ...own, mean, variance }, attributes) as tf.Tensor[];
          expected.forEach((values, i) => {
            const largest = values.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
            expect(actual[i]!).toBeAllclose(values, { rtol: 1e-4, atol: 1e-5 * largest });
          });
        });
      });
    },
  );

  it.each([
    [1, 0],
    [7, 1],
    [64, 1],
    [30_001, 0],
    [30_000, 3],
  ])(
    'AddressedDropout of %i numbers from position %i drops the numbers that the stream selects, bit by bit',
    async (count, before) => {
      const [stream, same] = [randomStream(5, 'dropout/fc6', 3), randomStream(5, 'dropout/fc6', 3)];
      for (let i = 0; i < before; i++) expect(stream.uint32()).toBe(same.uint32());
      const rate = 0.3;
      const values = normals(count, 8);
      const kept = Math.fround(1 / (1 - rate));
      const expected = values.map((v) => v * (same.uniform() < rate ? 0 : kept));
      await expectNoLeak(() => {
        const x = tf.tensor1d(values);
        const y = run('AddressedDropout', { x }, { rate, ...stream.take(count) }) as tf.Tensor;
        expect(y.dataSync()).toEqual(expected);
        tf.dispose([x, y]);
      });
      expect(stream.uint32()).toBe(same.uint32());
    },
  );

  it("masks a pool's gradient by the ReLU before the pool in one kernel", async () => {
    const gradients = async (backend: string) => {
      await tf.setBackend(backend);
      return tf.tidy(() => {
        const x = tf.tensor4d(normals(3 * 9 * 8 * 5, 1), [3, 9, 8, 5]);
        const f = (u: tf.Tensor) => tf.maxPool(tf.relu(u) as tf.Tensor4D, 2, 2, 'valid');
        const dy = tf.tensor4d(normals(3 * 4 * 4 * 5, 2), [3, 4, 4, 5]);
        return tf.grad(f)(x, dy).dataSync() as Float32Array;
      });
    };
    const expected = await gradients('cpu');
    // Adding 0 turns -0 into 0.
    expect(Array.from(await gradients('onednn'), (v) => v + 0)).toEqual(Array.from(expected, (v) => v + 0));
  });
});
