import './engine';
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { CONFIGURATION_NAMES, createVgg, summarise } from '../src/index';

const NETS = CONFIGURATION_NAMES.flatMap((configuration) =>
  [false, true].map((batchNorm) => ({ configuration, batchNorm })),
);

describe.each(NETS)('$configuration with batch norm $batchNorm', ({ configuration, batchNorm }) => {
  const options = { configuration, batchNorm, classes: 5, inputSize: 32, width: 1 / 16 } as const;

  it('trains one step with a finite gradient for every variable', async () => {
    const net = createVgg(options);
    const stream = randomStream(1, 'images');
    const images = tf.tensor4d(stream.fillNormal(new Float32Array(2 * 32 * 32 * 3)), [2, 32, 32, 3]);
    const labels = tf.tensor2d([1, 0, 0, 0, 0, 0, 0, 0, 1, 0], [2, 5]);
    const step = () =>
      tf.variableGrads(() => {
        const { logits } = net.apply(images, { training: true, dropout: (layer) => randomStream(1, layer) });
        return tf.neg(tf.mean(tf.sum(tf.mul(labels, tf.logSoftmax(logits)), 1))) as tf.Scalar;
      }, [...net.trainable.values()]);
    step();
    await expectNoLeak(() => {
      const { value, grads } = step();
      expect(Number.isFinite(value.dataSync()[0])).toBe(true);
      expect(Object.keys(grads).length).toBe(net.trainable.size);
      for (const [name, held] of net.trainable) {
        const gradient = grads[held.name]!;
        expect(gradient.shape, name).toEqual(held.shape);
        expect(gradient.dataSync().every(Number.isFinite), name).toBe(true);
      }
      tf.dispose([value, grads]);
    });
    let size = 0;
    for (const v of net.trainable.values()) size += v.size;
    expect(size).toBe(summarise(options).parameters);
    net.dispose();
  });
});
