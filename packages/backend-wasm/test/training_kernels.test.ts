/** Kernels for training that only this project's backends have: references are operations of the CPU backend, and worked numbers. */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { MomentumSgd } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { normals } from './compare';

beforeEach(() => tf.setBackend('wasm'));

const run = (name: string, inputs: object, attributes: object = {}) =>
  [tf.engine().runKernel(name, inputs as tf.NamedTensorMap, attributes as tf.NamedAttrMap)].flat() as tf.Tensor[];

const SHAPE = [7, 1001];

describe('MomentumSgd', () => {
  /** Weights and velocity after five steps at two rates. */
  async function trained(backend: string, rule: 'caffe' | 'pytorch', weightDecay: number, scale: number) {
    await tf.setBackend(backend);
    return expectNoLeak(() => {
      const weights = tf.tidy(() => tf.variable(tf.tensor(normals(SHAPE, 1), SHAPE)));
      const optimiser = new MomentumSgd({ rule, weightDecay, groups: [] });
      for (let i = 0; i < 5; i++) {
        const gradient = tf.tensor(normals(SHAPE, 2 + i), SHAPE);
        optimiser.step(new Map([['w', weights]]), new Map([['w', gradient]]), i < 3 ? 0.01 : 0.003, scale);
        gradient.dispose();
      }
      const result = [weights, optimiser.velocities.get('w')!].map((tensor) => tensor.dataSync().slice());
      optimiser.dispose();
      weights.dispose();
      return result;
    });
  }

  it.each([
    ['caffe', 5e-4, 1],
    ['pytorch', 5e-4, 1 / 3],
    ['caffe', 0, 0.7],
    ['pytorch', 0, 1],
  ] as const)('gives the bits of the separate operations: %s, decay %f, scale %f', async (rule, decay, scale) => {
    const expected = await trained('cpu', rule, decay, scale);
    expect(await trained('wasm', rule, decay, scale)).toEqual(expected);
  });

  it('changes memory in place only where no other tensor has it', () => {
    const [weights, velocity, gradient] = [[2], [0.5], [3]].map((values) => tf.tensor1d(values)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const copy = weights.clone();
    // w = 2, v = 0.5, g = 3: v = 2·3 + 0.1·2 + 0.9·0.5 = 6.65, w = 2 - 0.01·6.65 = 1.9335.
    const factors = { a: 2, b: 0.1, m: 0.9, c: -0.01 };
    const [w, v] = run('MomentumSgd', { weights, gradient, velocity }, factors) as [tf.Tensor, tf.Tensor];
    expect(w.dataSync()[0]).toBeCloseTo(1.9335, 6);
    expect(v.dataSync()[0]).toBeCloseTo(6.65, 6);
    expect([copy, weights, velocity].map((tensor) => tensor.dataSync()[0])).toEqual([2, 2, v.dataSync()[0]]);
    tf.dispose([weights, velocity, gradient, copy, w, v]);
  });
});

it.each([[[1]], [[1025]], [[3, 5000]]])('SumOfSquares of %j gives the sum in float64', (shape) => {
  const values = [normals(shape, 1), normals([17], 2)];
  const expected = values.flatMap((numbers) => [...numbers]).reduce((sum, x) => sum + x * x, 0);
  const tensors = [tf.tensor(values[0]!, shape), tf.tensor(values[1]!)];
  const [total] = run('SumOfSquares', { ...tensors });
  expect(total!.shape).toEqual([]);
  expect(total!.dataSync()[0]! / expected).toBeCloseTo(1, 6);
  tf.dispose([...tensors, total!]);
});

describe('AddressedDropout', () => {
  // Odd and even places in the stream, with and without a rest, beyond 32 bits, and a carry into the upper word.
  it.each([
    [0, 16],
    [3, 1],
    [1, 2],
    [7, 1000],
    [2 ** 33 - 5, 37],
    [2 ** 40 + 1, 9],
  ])('at %i of the stream drops what its numbers say, of %i', (start, count) => {
    const rate = 0.3;
    const x = normals([count], 5);
    const stream = randomStream(3, 'dropout');
    const { key } = stream.take(0);
    // The stream counts to 2^53: its place is set by skipping.
    stream.take(start);
    const expected = x.map((value) => Math.fround(value * (stream.uniform() < rate ? 0 : Math.fround(1 / 0.7))));
    const input = tf.tensor1d(x);
    const [y] = run('AddressedDropout', { x: input }, { rate, key, start });
    expect(y!.dataSync()).toEqual(expected);
    tf.dispose([input, y!]);
  });
});

describe.each([
  [[5, 7, 3, 13], true],
  [[3, 9, 8, 24], false],
  [[1, 1, 2, 1], true],
] as const)('batch norm of %j, ReLU %s', (shape, relu) => {
  const channels = shape[3];
  const vector = [channels];

  /** Output, statistics and gradients by operations of tfjs-core on the CPU backend. */
  async function reference(ofBatch: boolean) {
    await tf.setBackend('cpu');
    return tf.tidy(() => {
      const [x, dy] = [tf.tensor4d(normals(shape, 1), [...shape]), tf.tensor4d(normals(shape, 2), [...shape])];
      const [scale, offset] = [tf.tensor1d(normals(vector, 3)), tf.tensor1d(normals(vector, 4))];
      const fixed = tf.moments(x, [0, 1, 2]);
      const norm = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => {
        const { mean, variance } = ofBatch ? tf.moments(a, [0, 1, 2]) : fixed;
        const parts = [a, mean, variance, c, b] as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
        const y = tf.batchNorm4d(...parts, 1e-5);
        return relu ? tf.relu(y) : y;
      };
      const gradients = tf.grads((a, b, c) => norm(a!, b!, c!))([x, scale, offset], dy);
      return [fixed.mean, fixed.variance, norm(x, scale, offset), ...gradients].map(
        (t) => t.dataSync().slice() as Float32Array,
      );
    });
  }

  it.each([true, false])('gives the CPU backend’s results, by statistics of the batch: %s', async (ofBatch) => {
    const expected = await reference(ofBatch);
    await tf.setBackend('wasm');
    const tensors = tf.tidy(() => {
      const [x, dy] = [tf.tensor4d(normals(shape, 1), [...shape]), tf.tensor4d(normals(shape, 2), [...shape])];
      const [scale, offset] = [tf.tensor1d(normals(vector, 3)), tf.tensor1d(normals(vector, 4))];
      const [mean, variance] = run('ChannelMoments', { x }) as [tf.Tensor, tf.Tensor];
      const inputs = { x, mean, variance, scale, offset };
      const [y] = run('ChannelNorm', inputs, { varianceEpsilon: 1e-5, relu });
      const gradients = run('ChannelNormGrad', { ...inputs, dy }, { varianceEpsilon: 1e-5, relu, ofBatch });
      return [mean, variance, y!, ...gradients];
    });
    expected.forEach((values, i) => {
      const scale = values.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0);
      expect(tensors[i]!).toBeAllclose(values, { rtol: 2e-5, atol: 2e-5 * scale + 1e-6 });
    });
    tf.dispose(tensors);
  });
});
