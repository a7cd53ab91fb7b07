/** A narrow net learns with tensor cores what it learns in float32. */
import * as tf from '@tensorflow/tfjs-core';
import { createVgg, heInitialiser } from '@vgg/models';
import { lossAndGradients, MomentumSgd, softmaxCrossEntropy } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, expect, it } from 'vitest';
import { kernelTimes, profile } from '../../src/index';
import { normals, start } from '../reference';

beforeAll(() => start({ precision: 'float16', tensorCores: true }));

async function losses(backend: string): Promise<number[]> {
  await tf.setBackend(backend);
  return expectNoLeak(async () => {
    const options = {
      configuration: 'A',
      inputSize: 32,
      width: 1 / 16,
      classes: 4,
      batchNorm: true,
      dropout: 0,
    } as const;
    const model = createVgg(options, heInitialiser({ seed: 3 }));
    const images = tf.tensor4d(normals(8 * 32 * 32 * 3, 5), [8, 32, 32, 3]);
    const labels = [0, 1, 2, 3, 0, 1, 2, 3];
    const sgd = new MomentumSgd();
    const all: number[] = [];
    for (let step = 0; step < 12; step++) {
      const { loss, gradients } = lossAndGradients(
        () => softmaxCrossEntropy(model.apply(images, { training: true }).logits, labels),
        model.trainable,
      );
      all.push((await loss.data())[0]!);
      sgd.step(model.trainable, gradients, 0.01);
      tf.dispose([loss, ...gradients.values()]);
    }
    images.dispose();
    sgd.dispose();
    model.dispose();
    return all;
  });
}

it('a net learns on tensor cores what it learns in float32', async () => {
  const expected = await losses('cpu');
  await tf.setBackend('webgpu');
  profile(true);
  const actual = await losses('webgpu');
  profile(false);
  const kernels = (await kernelTimes()).filter(({ name }) => name.endsWith('on tensor cores'));
  for (const kernel of ['Conv2D ', 'Conv2DBackpropInput ', 'Conv2DBackpropFilter '])
    expect(kernels.some(({ name }) => name.startsWith(kernel))).toBe(true);
  expect(expected.at(-1)).toBeLessThan(0.5 * expected[0]!);
  expect(Math.abs(actual[0]! - expected[0]!)).toBeLessThan(0.01 * expected[0]!);
  expect(actual.at(-1)).toBeLessThan(0.5 * expected[0]!);
});
