/**
 * The one-pass update: the same bits as the optimiser's operations, hand-worked numbers, and tensors that share memory.
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { MomentumSgd } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, reason } from './native-build';
import { normals } from './reference';

const SHAPE = [70, 1001];
const SIZE = 70 * 1001;

function step(weights: tf.Tensor, gradient: tf.Tensor, velocity?: tf.Tensor, attributes = { a: 1, b: 0, m: 1, c: 1 }) {
  const inputs = velocity === undefined ? { weights, gradient } : { weights, gradient, velocity };
  return tf.engine().runKernel('MomentumSgd', inputs, attributes) as [tf.Tensor, tf.Tensor];
}

describe.skipIf(!isBuilt)(`momentum SGD${reason}`, () => {
  beforeAll(async () => {
    const { configure } = await import('../src/index');
    configure({ poison: true, precision: 'float32' });
    // Otherwise the CPU backend advertises another backend on its first use.
    tf.env().set('IS_NODE', false);
    await tf.setBackend('onednn');
  });

  /** Weights and velocity after five steps at two rates. */
  async function trained(backend: string, rule: 'caffe' | 'pytorch', weightDecay: number, clip: number) {
    await tf.setBackend(backend);
    return expectNoLeak(() => {
      const weights = tf.tidy(() => tf.variable(tf.tensor(normals(SIZE, 1), SHAPE)));
      const optimiser = new MomentumSgd({ rule, weightDecay, groups: [] });
      for (let i = 0; i < 5; i++) {
        const gradient = tf.tensor(normals(SIZE, 2, i), SHAPE);
        optimiser.step(new Map([['w', weights]]), new Map([['w', gradient]]), i < 3 ? 0.01 : 0.003, clip);
        gradient.dispose();
      }
      const result = [weights.dataSync(), optimiser.velocities.get('w')!.dataSync()];
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
    expect(await trained('onednn', rule, decay, scale)).toEqual(expected);
  });

  // w = 2, v = 0.5, g = 3: v = 2·3 + 0.1·2 + 0.9·0.5 = 6.65, w = 2 - 0.01·6.65 = 1.9335; without velocity 6.2 and
  // 1.938.
  it.each([
    [0.5, 1.9335, 6.65],
    [undefined, 1.938, 6.2],
  ])('follows its formula with velocity %s', async (velocity, weight, speed) => {
    await tf.setBackend('onednn');
    expectNoLeakIn(() => {
      const [w, g] = [tf.fill(SHAPE, 2), tf.fill(SHAPE, 3)];
      const v = velocity === undefined ? undefined : tf.fill(SHAPE, velocity);
      const [weights, moved] = step(w, g, v, { a: 2, b: 0.1, m: 0.9, c: -0.01 });
      expect(weights).toBeAllclose(new Float32Array(SIZE).fill(weight), { rtol: 1e-6 });
      expect(moved).toBeAllclose(new Float32Array(SIZE).fill(speed), { rtol: 1e-6 });
    });
  });

  it('works in place if no other tensor shares the memory, and never changes other tensors', async () => {
    await tf.setBackend('onednn');
    expectNoLeakIn(() => {
      const [w, v] = [tf.ones([1, 1, 8, 8]), tf.zeros([1, 1, 8, 8])] as tf.Tensor4D[];
      const { dataId } = step(w!, tf.onesLike(w!), v!)[0];
      expect(dataId).toBe(w!.dataId);

      const shared = tf.ones([1, 1, 8, 8]) as tf.Tensor4D;
      const [clone, flat] = [shared.clone(), tf.reshape(shared, [64])];
      const waiting = tf.conv2d(tf.ones([1, 4, 4, 8]) as tf.Tensor4D, shared, 1, 'same');
      const [moved] = step(shared, tf.onesLike(shared));
      const later = tf.conv2d(tf.ones([1, 4, 4, 8]) as tf.Tensor4D, moved as tf.Tensor4D, 1, 'same');
      expect([shared, clone, flat, moved].map((t) => t.dataSync()[63])).toEqual([1, 1, 1, 2]);
      expect([waiting, later].map((t) => t.dataSync()[0])).toEqual([8, 16]);
    });
  });

  describe('of a gradient that could not be computed', () => {
    /** Returns a gradient that exceeds any memory. */
    const impossible = () => tf.reshape(tf.sum(tf.fill([6, 2 ** 40], 1), 1), [2, 3]);

    it('leaves weights and velocity, which can be read, and says so once', async () => {
      await tf.setBackend('onednn');
      const [w, v] = [tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]), tf.fill([2, 3], 0.5)];
      const gradient = tf.tidy(impossible);
      const [weights, velocity] = step(w, gradient, v);
      await expect(tf.square(w).data()).rejects.toThrow(/^onednn: Fill .*out of memory/);
      expect([...(await weights.data())]).toEqual([1, 2, 3, 4, 5, 6]);
      expect([...(await velocity.data())]).toEqual([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
      const [moved] = step(weights, tf.ones([2, 3]), velocity);
      expect([...moved.dataSync()]).toEqual([2.5, 3.5, 4.5, 5.5, 6.5, 7.5]);
      tf.dispose([w, v, gradient, weights, velocity, moved]);
    });

    it('is reported if the step came after the failure was reported', async () => {
      await tf.setBackend('onednn');
      const w = tf.ones([2, 3]);
      const gradient = tf.tidy(impossible);
      await expect(gradient.data()).rejects.toThrow('out of memory');
      const [weights] = step(w, gradient, tf.zeros([2, 3]));
      expect(() => weights.dataSync()).toThrow('out of memory');
      expect([...weights.dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
    });

    it('starts the velocity at 0 in a first step', async () => {
      await tf.setBackend('onednn');
      const weights = tf.tidy(() => tf.variable(tf.ones([2, 3])));
      const variables = new Map([['w', weights]]);
      const optimiser = new MomentumSgd({ weightDecay: 0 });
      const gradient = tf.tidy(impossible);
      optimiser.step(variables, new Map([['w', gradient]]), 1);
      expect(() => weights.dataSync()).toThrow('out of memory');
      expect([...weights.dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
      expect([...optimiser.velocities.get('w')!.dataSync()]).toEqual([0, 0, 0, 0, 0, 0]);
      optimiser.step(variables, new Map([['w', tf.ones([2, 3])]]), 1);
      expect([...weights.dataSync()]).toEqual([0, 0, 0, 0, 0, 0]);
      optimiser.dispose();
      tf.dispose([weights, gradient]);
    });
  });

  it('names the tensors that it takes', async () => {
    await tf.setBackend('onednn');
    const [w, g] = [tf.ones([2]), tf.ones([3])];
    expect(() => step(w, g)).toThrow(
      'MomentumSgd of onednn takes float32 tensors that fit, got weights float32 [2], gradient float32 [3]',
    );
    tf.dispose([w, g]);
  });

  it('refuses options after the first use of the backend', async () => {
    const { configure } = await import('../src/index');
    expect(() => configure({ threads: 1 })).toThrow('options of onednn were given after its first use');
  });
});

function expectNoLeakIn(body: () => void) {
  const before = tf.memory().numTensors;
  tf.tidy(body);
  expect(tf.memory().numTensors).toBe(before);
}
