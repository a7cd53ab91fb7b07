/** Training as in the trainer, for benchmarks: a net and `trainStep` on a backend, and batches of noise. */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser } from '@vgg/models';
import { MomentumSgd } from '@vgg/optim';
import { splitBatch, trainStep } from '@vgg/train';

/** Returns a batch of normal numbers, the same in every call. */
export function noise({ batch, side, classes }) {
  return {
    images: randomStream(1, 'bench').fillNormal(new Float32Array(batch * side * side * 3)),
    labels: Int32Array.from({ length: batch }, (_, i) => (i * 7) % classes),
    size: batch,
    height: side,
    width: side,
  };
}

/**
 * Creates a net and `step(number, batch)`, which trains for one step. The rate is small, so that the loss does not grow
 * on noise.
 */
export async function startTraining({ backend = 'onednn', configuration, side, width, classes }) {
  const engine = await import(`@vgg/backend-${backend}`);
  await tf.setBackend(backend);
  const head = side < 64 ? 'small' : 'paper';
  const options = { configuration, classes, inputSize: side, width, head };
  const model = createVgg(options, heInitialiser({ seed: 1 }));
  const optimiser = new MomentumSgd();
  return {
    engine,
    step: (step, batch) =>
      trainStep({ model, optimiser, rate: 1e-5, seed: 1, step, microBatches: splitBatch(batch, batch.size) }),
  };
}
