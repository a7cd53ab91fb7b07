/** A narrow net that learns some images by heart. */
import * as tf from '@tensorflow/tfjs-core';
import { createVgg, heInitialiser } from '@vgg/models';
import { lossAndGradients, MomentumSgd, softmaxCrossEntropy } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { expect } from 'vitest';
import { normals } from './reference';

/** Returns the losses of twelve steps on a backend. */
export async function losses(backend: string): Promise<number[]> {
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

/** Asserts that a net starts with the losses that are expected, and learns. */
export function expectToLearn(actual: readonly number[], expected: readonly number[]): void {
  expect(expected.at(-1)).toBeLessThan(0.5 * expected[0]!);
  expect(Math.abs(actual[0]! - expected[0]!)).toBeLessThan(0.01 * expected[0]!);
  expect(actual.at(-1)).toBeLessThan(0.5 * expected[0]!);
}
