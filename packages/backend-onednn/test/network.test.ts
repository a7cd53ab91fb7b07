/** Whole nets of the paper: training steps compared with the CPU backend, fallbacks, leaks and determinism. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser, inputShape, type VggOptions } from '@vgg/models';
import { lossAndGradients, MomentumSgd, softmaxCrossEntropy } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, reason } from './native-build';
import { normals } from './reference';

const BATCH = 3;
const LABELS = [4, 0, 7];

type Numbers = Map<string, Float32Array>;

/** Trains for two steps. Returns the loss and every gradient of each step, and the logits at the end. */
async function train(backend: string, options: VggOptions): Promise<Numbers> {
  await tf.setBackend(backend);
  const [side] = inputShape(options);
  return expectNoLeak(async () => {
    const model = createVgg(options, heInitialiser({ seed: 3 }));
    const images = tf.tensor4d(normals(BATCH * side * side * 3, side), [BATCH, side, side, 3]);
    const optimiser = new MomentumSgd();
    const numbers: Numbers = new Map();
    for (let step = 0; step < 2; step++) {
      const dropout = (layer: string) => randomStream(1, layer, step);
      const { loss, gradients } = lossAndGradients(
        () => softmaxCrossEntropy(model.apply(images, { training: true, dropout }).logits, LABELS),
        model.trainable,
      );
      optimiser.step(model.trainable, gradients, 0.01);
      numbers.set(`loss ${step}`, (await loss.data()) as Float32Array);
      for (const [name, gradient] of gradients) numbers.set(`${name} ${step}`, (await gradient.data()) as Float32Array);
      tf.dispose([loss, ...gradients.values()]);
    }
    const { logits } = model.apply(images);
    numbers.set('logits', (await logits.data()) as Float32Array);
    tf.dispose([images, logits]);
    optimiser.dispose();
    model.dispose();
    return numbers;
  });
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
const distance = (a: Float32Array, b: Float32Array) => norm(a.map((v, i) => v - b[i]!));

describe.skipIf(!isBuilt)(`a net${reason}`, () => {
  let onednn: typeof import('../src/index');
  beforeAll(async () => {
    onednn = await import('../src/index');
    onednn.configure({ poison: true });
    // Otherwise the CPU backend advertises another backend on its first use.
    tf.env().set('IS_NODE', false);
  });

  it.each<VggOptions>([
    { configuration: 'A-LRN', inputSize: 32, width: 1 / 16, classes: 10 },
    { configuration: 'C', inputSize: 35, width: 1 / 21, classes: 10, dropout: 0 },
    { configuration: 'D', inputSize: 32, width: 1 / 16, classes: 10, batchNorm: true, head: 'small' },
  ])('trains as on the CPU backend: %j', async (options) => {
    const expected = await train('cpu', options);
    const actual = await train('onednn', options);
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    const errors = [...expected].map(([name, values]) => {
      // The gradient of a bias before batch norm is 0 in exact arithmetic. Both backends give only the rounding error
      // of about three thousand terms, summed in different orders.
      const vanishes = options.batchNorm === true && /^conv.*bias/.test(name);
      const floor = (vanishes ? 5e-3 : 1e-3) * Math.sqrt(values.length);
      return { name, error: distance(actual.get(name)!, values) / (norm(values) + floor) };
    });
    expect(errors.filter(({ error }) => !(error < 1e-3))).toEqual([]);
  });

  it('trains without kernels of the CPU backend', async () => {
    await tf.setBackend('onednn');
    onednn.clearFallbacks();
    await train('onednn', { configuration: 'D', inputSize: 32, width: 1 / 16, classes: 10, batchNorm: true });
    await train('onednn', { configuration: 'A-LRN', inputSize: 32, width: 1 / 16, classes: 10 });
    expect([...onednn.fallbacks()]).toEqual([]);
  });

  it('gives the same bits every time', async () => {
    const options: VggOptions = { configuration: 'D', inputSize: 64, width: 1 / 8, classes: 10 };
    const [first, second] = [await train('onednn', options), await train('onednn', options)];
    expect([...second]).toEqual([...first]);
  });

  it('does not grow in memory over steps', async () => {
    const options: VggOptions = { configuration: 'A', inputSize: 32, width: 1 / 16, classes: 10 };
    await train('onednn', options);
    const used = () => {
      onednn.drain();
      const { numTensors, bytesInUse, buffersInUse, bytesHeld } = tf.memory() as unknown as Record<string, number>;
      return { numTensors, bytesInUse, buffersInUse, bytesHeld };
    };
    const before = used();
    for (let i = 0; i < 5; i++) await train('onednn', options);
    expect(used()).toEqual(before);
  });
});
