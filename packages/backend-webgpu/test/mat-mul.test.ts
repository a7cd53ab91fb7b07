/** Matrix products against float64. */
import * as tf from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasDevice, reason } from './lavapipe';
import { normals, product, start, worst } from './reference';

describe.skipIf(!hasDevice)(`matrix products${reason}`, () => {
  beforeAll(() => start());

  async function expectProduct(size: number[], ta: boolean, tb: boolean): Promise<void> {
    const [m, n, k] = size as [number, number, number];
    const [a, b] = [normals(m * k, 1), normals(k * n, 2)];
    await expectNoLeak(async () => {
      const [x, y] = [tf.tensor2d(a, ta ? [k, m] : [m, k]), tf.tensor2d(b, tb ? [n, k] : [k, n])];
      const z = tf.matMul(x, y, ta, tb);
      const values = (await z.data()) as Float32Array;
      tf.dispose([x, y, z]);
      expect(worst(values, product(a, b, size, ta, tb))).toBeLessThan(2e-6);
    });
  }

  it.each(
    [
      [1, 1, 1],
      [3, 5, 7],
      [2, 100, 1030],
      [33, 17, 65],
      [64, 64, 64],
      [5, 68, 4000],
      [130, 132, 36],
    ].flatMap((size) => [false, true].flatMap((ta) => [false, true].map((tb) => ({ size, ta, tb })))),
  )('$size, transposed $ta $tb', ({ size, ta, tb }) => expectProduct(size, ta, tb));

  // Large enough for threads of a CPU that read for each other, with parts of tiles at the ends.
  it.each([
    { size: [172, 180, 588], ta: false, tb: false },
    { size: [172, 180, 588], ta: false, tb: true },
    { size: [172, 180, 588], ta: true, tb: true },
    { size: [180, 172, 570], ta: true, tb: false },
    { size: [6, 2052, 1404], ta: false, tb: false },
  ])('$size, transposed $ta $tb', { timeout: 300_000 }, ({ size, ta, tb }) => expectProduct(size, ta, tb));

  it('of batches, one factor shared', async () => {
    const [a, b] = [tf.tensor3d(normals(3 * 20 * 12, 1), [3, 20, 12]), tf.tensor3d(normals(12 * 9, 2), [1, 12, 9])];
    const values = (await tf.matMul(a, b).data()) as Float32Array;
    for (let i = 0; i < 3; i++) {
      const expected = product(
        normals(3 * 20 * 12, 1).subarray(i * 240, i * 240 + 240),
        normals(108, 2),
        [20, 9, 12],
        false,
        false,
      );
      expect(worst(values.subarray(i * 180, i * 180 + 180), expected)).toBeLessThan(2e-6);
    }
  });

  it('with bias and ReLU', async () => {
    const [a, b, bias] = [normals(6 * 700, 1), normals(700 * 12, 2), normals(12, 3)];
    const y = tf.fused.matMul({
      a: tf.tensor2d(a, [6, 700]),
      b: tf.tensor2d(b, [700, 12]),
      bias: tf.tensor1d(bias),
      activation: 'relu',
    });
    const expected = product(a, b, [6, 12, 700], false, false).map((v, i) => Math.max(0, v + bias[i % 12]!));
    expect(worst((await y.data()) as Float32Array, expected)).toBeLessThan(2e-6);
  });
});
