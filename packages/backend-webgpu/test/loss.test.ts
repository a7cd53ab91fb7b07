/** Soft-max cross-entropy with its gradient, and sums of squares, against float64; the same bits in two runs. */
import * as tf from '@tensorflow/tfjs-core';
import { assertFinite, globalNorm, lossAndGradients, softmaxCrossEntropy } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import type { VggWebgpuBackend } from '../src/backend';
import { hasDevice, reason } from './lavapipe';
import { normals, start, worst } from './reference';

const webgpu = () => tf.backend() as unknown as VggWebgpuBackend;

interface Expected {
  loss: number;
  gradient: Float64Array;
}

/** Computes loss and gradient in float64. */
function exact(logits: Float32Array, targets: ArrayLike<number>, classes: number, scale: number): Expected {
  const gradient = new Float64Array(logits.length);
  let loss = 0;
  for (let first = 0; first < logits.length; first += classes) {
    const row = logits.subarray(first, first + classes);
    const top = row.reduce((a, b) => Math.max(a, b));
    const size = row.reduce((sum, x) => sum + Math.exp(x - top), 0);
    let weight = 0;
    for (let c = 0; c < classes; c++) weight += targets[first + c]!;
    for (let c = 0; c < classes; c++) {
      const t = targets[first + c]!;
      loss += scale * t * (top + Math.log(size) - row[c]!);
      gradient[first + c] = scale * ((weight * Math.exp(row[c]! - top)) / size - t);
    }
  }
  return { loss, gradient };
}

/** Runs the kernel. */
function fused(logits: Float32Array, targets: Float32Array, shape: [number, number], scale: number) {
  return expectNoLeak(async () => {
    const inputs = { logits: tf.tensor(logits, shape), targets: tf.tensor(targets, shape) };
    const outputs = tf.engine().runKernel('SoftmaxCrossEntropy', inputs, { scale }) as tf.Tensor[];
    const [loss, gradient] = (await Promise.all(outputs.map((output) => output.data()))) as Float32Array[];
    tf.dispose([inputs, outputs]);
    return { loss: loss![0]!, gradient: gradient! };
  });
}

describe.skipIf(!hasDevice)(`the loss${reason}`, () => {
  beforeAll(() => start());

  it.each([
    [1, 1, 1],
    [3, 7, 1],
    [5, 256, 10],
    [32, 1000, 1],
    [32, 1000, 300],
    [300, 10, 5],
  ])('%i rows of %i classes, logits of size %f, within 1e-5 of float64', async (rows, classes, size) => {
    const logits = normals(rows * classes, 1).map((x) => x * size);
    // Smoothed labels, with weights of the classes.
    const targets = normals(rows * classes, 2).map((x) => Math.abs(x) / classes);
    const scale = 1 / rows;
    const expected = exact(logits, targets, classes, scale);
    const actual = await fused(logits, targets, [rows, classes], scale);
    expect(Math.abs(actual.loss - expected.loss)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(expected.loss)));
    expect(worst(actual.gradient, expected.gradient)).toBeLessThanOrEqual(classes === 1 ? 1e-7 : 1e-5);
    expect(await fused(logits, targets, [rows, classes], scale)).toEqual(actual);
  });

  it('is stable for logits near the end of float32, and shows those that are not finite', async () => {
    const targets = Float32Array.of(0, 1, 0);
    const { loss, gradient } = await fused(Float32Array.of(3e38, 2.9e38, -3e38), targets, [1, 3], 1);
    expect(loss).toBeAllclose(1e37, { rtol: 1e-5 });
    expect([...gradient]).toEqual([1, -1, 0]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const result = await fused(Float32Array.of(1, bad, 0), targets, [1, 3], 1);
      expect(result.loss).toBeNaN();
      expect(result.gradient[1]).toBeNaN();
    }
  });

  it('is what softmaxCrossEntropy runs, in three dispatches with its gradient', async () => {
    const [rows, classes] = [6, 10];
    const values = normals(rows * classes, 4);
    const logits = tf.variable(tf.tensor2d(values, [rows, classes]));
    const labels = [0, 9, 3, 3, 1, 5];
    const options = { labelSmoothing: 0.1 };
    const targets = labels.flatMap((label) =>
      Array.from({ length: classes }, (_, c) => 0.01 + (c === label ? 0.9 : 0)),
    );
    const expected = exact(values, targets, classes, 1 / rows);
    const before = webgpu().runner.dispatches;
    const { loss, gradients } = lossAndGradients(
      () => softmaxCrossEntropy(logits as tf.Tensor2D, labels, options),
      new Map([['logits', logits]]),
    );
    const [gradient] = gradients.values();
    expect((await loss.data())[0]).toBeAllclose(expected.loss, { rtol: 1e-5 });
    expect(worst((await gradient!.data()) as Float32Array, expected.gradient)).toBeLessThan(1e-5);
    expect(webgpu().runner.dispatches - before).toBe(3);
    tf.dispose([logits, loss, gradient!]);
  });

  it.each([[[1]], [[3, 5, 4096]], [[1, 7, 63_000, 5, 5]], [[1_100_000]]])(
    'the norm of tensors of %j numbers',
    async (sizes) => {
      const values = sizes.map((size, i) => normals(size, 5, i));
      const sum = values.reduce((all, numbers) => numbers.reduce((a, x) => a + x * x, all), 0);
      await expectNoLeak(async () => {
        const tensors = new Map(values.map((numbers, i) => [`${i}`, tf.tensor1d(numbers)]));
        const norm = await globalNorm(tensors);
        expect(norm).toBeAllclose(Math.sqrt(sum), { rtol: 1e-6 });
        expect(await globalNorm(tensors)).toBe(norm);
        tf.dispose([...tensors.values()]);
      });
    },
  );

  it('the norm of a tensor that is more than the device binds', async () => {
    const whole = webgpu().bindingLimit;
    const tensor = tf.tensor1d(normals(5001, 6));
    const norm = await globalNorm(new Map([['x', tensor]]));
    webgpu().bindingLimit = 4096;
    try {
      expect(await globalNorm(new Map([['x', tensor]]))).toBeAllclose(norm, { rtol: 1e-6 });
    } finally {
      webgpu().bindingLimit = whole;
      tensor.dispose();
    }
  });

  it('a norm that is not finite names the layer', async () => {
    const gradients = new Map([
      ['fine', tf.tensor1d([1, 2])],
      ['broken', tf.tensor1d([1, Number.NaN])],
    ]);
    await expect(assertFinite({ step: 3, loss: 1, gradients })).rejects.toThrow(/broken/);
    tf.dispose([...gradients.values()]);
  });
});
