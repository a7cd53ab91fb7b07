/** The update against numbers worked by hand, and what shares memory with the weights. */
import * as tf from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, reason } from './native-build';

describe.skipIf(!isBuilt)(`momentum SGD${reason}`, () => {
  let momentumSgd: typeof import('../src/index').momentumSgd;
  beforeAll(async () => {
    ({ momentumSgd } = await import('../src/index'));
    await tf.setBackend('onednn');
  });

  // w = 2, v = 0.5, g = 3, s = 2, λ = 0.1, ε = 0.01, m = 0.9; s·g + λ·w = 6.2.
  // caffe: v = 0.45 - 0.062 = 0.388, w = 2.388. pytorch: v = 0.45 + 6.2 = 6.65, w = 2 - 0.0665 = 1.9335.
  it.each([
    ['caffe', 2.388, 0.388],
    ['pytorch', 1.9335, 6.65],
  ] as const)('follows the rule of %s', async (rule, weight, speed) => {
    await expectNoLeak(() => {
      const filled = (value: number) => tf.tidy(() => tf.variable(tf.fill([70, 1000], value)));
      const [w, v, g] = [filled(2), filled(0.5), filled(3)] as const;
      momentumSgd(w, v, g, { rate: 0.01, momentum: 0.9, weightDecay: 0.1, gradientScale: 2, rule });
      expect(w).toBeAllclose(new Float32Array(70_000).fill(weight), { rtol: 1e-6 });
      expect(v).toBeAllclose(new Float32Array(70_000).fill(speed), { rtol: 1e-6 });
      tf.dispose([w, v, g]);
    });
  });

  it('leaves whoever shares the memory as it was: clones, reshapes and operations that wait', async () => {
    await tf.setBackend('onednn');
    await expectNoLeak(() => {
      tf.tidy(() => {
        const start = tf.fill([1, 1, 8, 8], 1) as tf.Tensor4D;
        const w = tf.variable(start, true);
        const v = tf.variable(tf.zerosLike(w));
        const [clone, flat] = [w.clone(), tf.reshape(w, [64])];
        const waiting = tf.conv2d(tf.ones([1, 4, 4, 8]) as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
        momentumSgd(w, v, tf.onesLike(w), { rate: 0.5 });
        const later = tf.conv2d(tf.ones([1, 4, 4, 8]) as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
        momentumSgd(w, v, tf.onesLike(w), { rate: 0.5 });
        expect([start, clone, flat].map((t) => t.dataSync()[63])).toEqual([1, 1, 1]);
        expect([waiting, later].map((t) => t.dataSync()[0])).toEqual([8, 4]);
        expect(w.dataSync()[0]).toBeCloseTo(0.5 - 0.95, 6);
        tf.dispose([w, v]);
      });
    });
  });

  it('comes with a backend that takes no options any more', async () => {
    const { configure } = await import('../src/index');
    expect(() => configure({ threads: 1 })).toThrow('options of onednn were given after its first use');
  });

  it.each([
    [[2], [3], {}, 'expected a velocity of float32 [2] as the weights, got float32 [3]'],
    [[2], [2], { rate: Number.NaN }, 'expected a finite rate, got NaN'],
  ])('refuses what does not fit: %j %j %j', (shape, other, update, message) => {
    const [w, v] = [tf.variable(tf.zeros(shape)), tf.variable(tf.zeros(other))];
    expect(() => momentumSgd(w, v, w, { rate: 1, ...update })).toThrow(message);
    tf.dispose([w, v]);
  });
});
