/** Matrix products on tensor cores against float64 of the rounded factors, and what becomes of numbers that float16 lacks. */
import * as tf from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { VggWebgpuBackend } from '../../src/backend';
import { device, kernelTimes, profile } from '../../src/index';
import { chooseMatrixTile } from '../../src/kernels/gemm';
import { normals, product, start, worst } from '../reference';
import { rounded } from './rounding';

const backend = () => tf.backend() as unknown as VggWebgpuBackend;

/** Uses tensor cores for products of any size, with the tile of a CPU or of a GPU. */
function force(m: number, n: number, software = true): void {
  backend().tile = chooseMatrixTile(backend().unit!, m, n, { limits: backend().device.limits, software });
}

const read = async (t: tf.Tensor) => {
  const values = (await t.data()) as Float32Array;
  t.dispose();
  return values;
};

beforeAll(async () => {
  await start({ precision: 'float16', tensorCores: true });
  expect(device()).toMatchObject({ precision: 'float16', tensorCores: { m: 8, n: 8, k: 8 } });
});

afterEach(() => {
  backend().tile = undefined;
});

describe('products on tensor cores', () => {
  it.each(
    [
      [1, 1, 1],
      [3, 5, 7],
      [2, 100, 1030],
      [33, 17, 65],
      [64, 64, 64],
      [5, 68, 4000],
      [130, 132, 36],
      [300, 260, 100],
    ].flatMap((size) => [false, true].flatMap((ta) => [false, true].map((tb) => ({ size, ta, tb })))),
  )('$size, transposed $ta $tb', async ({ size, ta, tb }) => {
    const [m, n, k] = size as [number, number, number];
    const [a, b] = [normals(m * k, 1), normals(k * n, 2)];
    force(m, n);
    await expectNoLeak(async () => {
      const [x, y] = [tf.tensor2d(a, ta ? [k, m] : [m, k]), tf.tensor2d(b, tb ? [n, k] : [k, n])];
      const values = await read(tf.matMul(x, y, ta, tb));
      tf.dispose([x, y]);
      expect(worst(values, product(rounded(a), rounded(b), size, ta, tb))).toBeLessThan(1e-5);
    });
  });

  it.each([
    [100, 96, 48],
    [28, 132, 40],
  ])('%i × %i × %i by the tile of a GPU', async (m, n, k) => {
    force(m, n, false);
    const [a, b] = [normals(m * k, 1), normals(k * n, 2)];
    const values = await read(tf.matMul(tf.tensor2d(a, [m, k]), tf.tensor2d(b, [k, n])));
    expect(worst(values, product(rounded(a), rounded(b), [m, n, k]))).toBeLessThan(1e-5);
  });

  it('with bias and ReLU', async () => {
    const size = [36, 44, 700];
    const [a, b, bias] = [normals(36 * 700, 1), normals(700 * 44, 2), normals(44, 3)];
    const of = { a: tf.tensor2d(a, [36, 700]), b: tf.tensor2d(b, [700, 44]), bias: tf.tensor1d(bias) };
    const values = await read(tf.fused.matMul({ ...of, activation: 'relu' }));
    const expected = product(rounded(a), rounded(b), size).map((v, i) => Math.max(0, v + bias[i % 44]!));
    expect(worst(values, expected)).toBeLessThan(1e-5);
  });

  it('are those of the profile, which names them', async () => {
    profile(true);
    const x = tf.tensor2d(normals(32 * 32, 1), [32, 32]);
    await read(tf.matMul(x, x));
    profile(false);
    const names = (await kernelTimes()).map(({ name }) => name);
    expect(names).toContain('MatMul of [32,32] and [32,32] on tensor cores');
  });

  it.each([1e-30, 1e-9, 1e6, 1e30])('keep their digits where the numbers of a factor are near %d', async (size) => {
    const [a, b] = [normals(40 * 40, 1).map((v) => v * size), normals(40 * 40, 2)];
    const values = await read(tf.matMul(tf.tensor2d(a, [40, 40]), tf.tensor2d(b, [40, 40])));
    expect(worst(values, product(rounded(a), rounded(b), [40, 40, 40]))).toBeLessThan(1e-5);
  });

  it('of zeros are zeros', async () => {
    const values = await read(tf.matMul(tf.zeros([20, 20]), tf.tensor2d(normals(400, 1), [20, 20])));
    expect([...values]).toEqual(Array.from({ length: 400 }, () => 0));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('of %d are not finite', async (odd) => {
    const a = normals(400, 1);
    a[7] = odd;
    const values = await read(tf.matMul(tf.tensor2d(a, [20, 20]), tf.tensor2d(normals(400, 2), [20, 20])));
    const lines = Array.from({ length: 20 }, (_, i) => values.subarray(i * 20, i * 20 + 20));
    expect(lines.map((line) => line.every(Number.isFinite))).toEqual(lines.map((_, i) => i !== 0));
  });

  it('see weights that were changed in place', async () => {
    const [w, gradient, x] = [3, 4, 5].map((i) => tf.tensor2d(normals(400, i), [20, 20])) as [
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    await read(tf.matMul(x, w));
    const attributes = { a: 1, b: 0, m: 0, c: 1e6 };
    const [moved, velocity] = tf.engine().runKernel('MomentumSgd', { weights: w, gradient }, attributes) as unknown as [
      tf.Tensor2D,
      tf.Tensor,
    ];
    const values = await read(tf.matMul(x, moved));
    const weights = normals(400, 3).map((v, i) => v + 1e6 * normals(400, 4)[i]!);
    expect(worst(values, product(rounded(normals(400, 5)), rounded(weights), [20, 20, 20]))).toBeLessThan(1e-5);
    tf.dispose([w, gradient, x, moved, velocity]);
  });

  it('have the same bits twice', async () => {
    const [x, y] = [tf.tensor2d(normals(40 * 3000, 1), [40, 3000]), tf.tensor2d(normals(3000 * 36, 2), [3000, 36])];
    expect(await read(tf.matMul(x, y))).toEqual(await read(tf.matMul(x, y)));
  });
});
