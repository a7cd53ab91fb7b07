/** Activations stored as float16: kernels against float64 on the rounded numbers, and nets that learn as in float32. */
import * as tf from '@tensorflow/tfjs-core';
import { softmaxCrossEntropy } from '@vgg/optim';
import { beforeAll, describe, expect, it } from 'vitest';
import type { VggWebgpuBackend } from '../src/backend';
import { device } from '../src/index';
import { hasDevice, reason } from './lavapipe';
import { expectToLearn, losses } from './learning';
import { normals, start, worst } from './reference';

/** Half an ulp of float16, and a little for rounding twice. */
const ROUNDED = 2 ** -11 * 1.01;

type Shape4D = [number, number, number, number];

const random = (shape: Shape4D, ...address: number[]) =>
  tf.tensor4d(normals(tf.util.sizeFromShape(shape), ...address), shape);

const geometry = { strides: [1, 1], dilations: [1, 1], pad: 'same', dataFormat: 'NHWC' };

const run = (name: string, inputs: tf.NamedTensorMap, attributes: object) =>
  tf.engine().runKernel(name, inputs, { ...geometry, ...attributes } as unknown as tf.NamedAttrMap) as tf.Tensor4D;

/** Returns the result of the CPU backend. */
async function onCpu(compute: () => tf.Tensor): Promise<Float32Array> {
  await tf.setBackend('cpu');
  const result = tf.tidy(compute);
  const values = (await result.data()) as Float32Array;
  result.dispose();
  await tf.setBackend('webgpu');
  return values;
}

describe.skipIf(!hasDevice)(`float16${reason}`, () => {
  beforeAll(async () => {
    await start({ precision: 'float16' });
    expect(device()?.precision).toBe('float16');
  });

  it.each([
    ['convolutions', [2, 6, 5, 8], 12, undefined],
    ['convolutions', [2, 7, 7, 3], 5, undefined],
    ["Winograd's convolutions", [2, 6, 5, 8], 12, 4],
  ] as [string, Shape4D, number, 4 | undefined][])(
    '%s of %j to %i channels',
    { timeout: 300_000 },
    async (_, shape, channels, winograd) => {
      (tf.backend() as unknown as VggWebgpuBackend).winograd = winograd;
      const filterShape: Shape4D = [3, 3, shape[3], channels];
      const next: Shape4D = [3, 3, channels, 4];
      const dyShape: Shape4D = [shape[0], shape[1], shape[2], 4];
      const x = random(shape, 1);
      const [filter, second, dy] = [random(filterShape, 2), random(next, 3), random(dyShape, 4)];
      const y = tf.conv2d(x, filter, 1, 'same');
      const dw = run('Conv2DBackpropFilter', { x: y, dy }, { filterShape: next });
      const z = tf.conv2d(y, second, 1, 'same');
      const gradient = run('Conv2DBackpropInput', { dy, filter: second }, { inputShape: y.shape });
      const results = await Promise.all([dw, z, gradient, y].map((t) => t.data() as Promise<Float32Array>));
      const [ofDw, ofZ, ofGradient, rounded] = results as [Float32Array, Float32Array, Float32Array, Float32Array];
      const exact = await onCpu(() => tf.conv2d(random(shape, 1), random(filterShape, 2), 1, 'same'));
      expect(rounded.every((v, i) => Math.abs(v - exact[i]!) <= ROUNDED * Math.abs(exact[i]!) + 1e-5)).toBe(true);
      const held = () => tf.tensor4d(rounded, y.shape);
      expect(
        worst(
          ofDw,
          await onCpu(() => run('Conv2DBackpropFilter', { x: held(), dy: random(dyShape, 4) }, { filterShape: next })),
        ),
      ).toBeLessThan(1e-5);
      const afterNext = await onCpu(() => tf.conv2d(held(), random(next, 3), 1, 'same'));
      expect(ofZ.every((v, i) => Math.abs(v - afterNext[i]!) <= ROUNDED * Math.abs(afterNext[i]!) + 1e-4)).toBe(true);
      const inputs = () => ({ dy: random(dyShape, 4), filter: random(next, 3) });
      expect(
        worst(ofGradient, await onCpu(() => run('Conv2DBackpropInput', inputs(), { inputShape: y.shape }))),
      ).toBeLessThan(1e-5);
      tf.dispose([x, filter, second, dy, y, dw, z, gradient]);
      (tf.backend() as unknown as VggWebgpuBackend).winograd = undefined;
    },
  );

  it('the loss of logits stored as float16 is that of their rounded numbers', async () => {
    const [rows, classes] = [6, 4 * 5 * 12];
    const x = random([rows, 4, 5, 8], 1);
    const filter = random([3, 3, 8, 12], 2);
    const y = tf.conv2d(x, filter, 1, 'same');
    const logits = tf.reshape(y, [rows, classes]) as tf.Tensor2D;
    const { half } = (tf.backend() as unknown as VggWebgpuBackend).record(logits);
    expect(half).toBe(true);
    const labels = [0, 5, 100, 239, 7, 7];
    const loss = softmaxCrossEntropy(logits, labels, { reduction: 'sum' });
    const actual = (await loss.data())[0]!;
    const rounded = (await logits.data()) as Float32Array;
    const expected = labels.reduce((sum, label, i) => {
      const row = rounded.subarray(i * classes, (i + 1) * classes);
      const top = row.reduce((a, b) => Math.max(a, b));
      return sum + top + Math.log(row.reduce((s, v) => s + Math.exp(v - top), 0)) - row[label]!;
    }, 0);
    expect(actual).toBeAllclose(expected, { rtol: 1e-5 });
    tf.dispose([x, filter, y, logits, loss]);
  });

  it('a net learns what it learns in float32', { timeout: 400_000 }, async () => {
    const expected = await losses('cpu');
    const actual = await losses('webgpu');
    expectToLearn(actual, expected);
  });
});
