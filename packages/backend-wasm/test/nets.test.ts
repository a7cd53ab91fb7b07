/** Whole training steps of nets of the paper: those of plain JavaScript, and the same bits on any number of threads. */
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs-core';
import { setThreads } from '@vgg/backend-wasm';
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser, type VggOptions } from '@vgg/models';
import { globalNorm, lossAndGradients, MomentumSgd, softmaxCrossEntropy } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { normals } from './compare';

const BATCH = 4;
const LABELS = [4, 0, 7, 2];
const SIDE = 32;
const STEPS = 2;

type Numbers = Map<string, Float32Array>;

/** Steps of training with clipped gradients: losses, gradients, and the variables after the last step. */
function train(options: VggOptions): Promise<Numbers> {
  return expectNoLeak(async () => {
    const net = createVgg({ inputSize: SIDE, classes: 10, ...options }, heInitialiser({ seed: 3 }));
    const images = tf.tensor4d(normals([BATCH, SIDE, SIDE, 3], 1), [BATCH, SIDE, SIDE, 3]);
    const sgd = new MomentumSgd();
    const numbers: Numbers = new Map();
    for (let step = 0; step < STEPS; step++) {
      const dropout = (layer: string) => randomStream(1, layer, step);
      const { loss, gradients } = lossAndGradients(
        () => softmaxCrossEntropy(net.apply(images, { training: true, dropout }).logits, LABELS),
        net.trainable,
      );
      const norm = await globalNorm(gradients);
      numbers.set(`loss ${step}`, loss.dataSync().slice() as Float32Array);
      for (const [name, gradient] of gradients) {
        numbers.set(`gradient ${step} ${name}`, gradient.dataSync().slice() as Float32Array);
      }
      sgd.step(net.trainable, gradients, 0.01, Math.min(1, 5 / norm));
      tf.dispose([loss, ...gradients.values()]);
    }
    for (const [name, variable] of net.variables) numbers.set(name, variable.dataSync().slice() as Float32Array);
    images.dispose();
    sgd.dispose();
    net.dispose();
    return numbers;
  });
}

/** Hashes of the bits by name: quicker to compare than the bits themselves. */
const digests = (numbers: Numbers) =>
  [...numbers].map(([name, values]) => `${name} ${createHash('sha256').update(values).digest('hex')}`);

beforeAll(async () => {
  // The backend's memory can be shared only if it starts with several threads.
  await setThreads(3);
});

describe.each([
  ['A', { configuration: 'A', width: 1 / 16 }],
  ['A-LRN', { configuration: 'A-LRN', width: 1 / 16 }],
  ['D', { configuration: 'D', width: 1 / 16 }],
  ['D with batch norm', { configuration: 'D', width: 1 / 16, batchNorm: true }],
] as const)('%s', (_, options) => {
  it('trains as in plain JavaScript', async () => {
    await tf.setBackend('cpu');
    const expected = await train(options);
    await tf.setBackend('wasm');
    const actual = await train(options);
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    const largest = Math.max(...[...expected].map(([name, g]) => (name.startsWith('gradient') ? Math.hypot(...g) : 0)));
    for (const [name, values] of expected) {
      // A bias before batch norm has no effect on the loss: its gradient is rounding noise about zero.
      const vanishes = 'batchNorm' in options && /^gradient . conv.*bias/.test(name);
      const floor = name.startsWith('gradient') ? (vanishes ? largest : 1e-3 * largest) : 1e-3;
      const distance = Math.hypot(...values.map((value, i) => value - actual.get(name)![i]!));
      expect(distance / (Math.hypot(...values) + floor), name).toBeLessThan(2e-5);
    }
  });
});

it.each([
  ['A', { configuration: 'A', width: 1 / 4 }],
  ['A with batch norm', { configuration: 'A', width: 1 / 4, batchNorm: true }],
] as const)('%s has the same bits on any number of threads', async (_, options) => {
  await tf.setBackend('wasm');
  await setThreads(1);
  const expected = digests(await train(options));
  for (const count of [2, 3]) {
    await setThreads(count);
    expect(digests(await train(options))).toEqual(expected);
  }
});
