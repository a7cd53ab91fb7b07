/** Training as the trainer does it, for benchmarks: a net and `trainStep` on a backend, on the images given or on noise. */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser } from '@vgg/models';
import { MomentumSgd } from '@vgg/optim';
import { splitBatch, trainStep } from '@vgg/train';

/** A batch of normal numbers, the same at every call. */
export function noise({ batch, side, classes }) {
  return {
    images: randomStream(1, 'bench').fillNormal(new Float32Array(batch * side * side * 3)),
    labels: Int32Array.from({ length: batch }, (_, i) => (i * 7) % classes),
    size: batch,
    height: side,
    width: side,
  };
}

/** `step(number, batch)` trains once; the rate is too small for noise to make the loss grow. */
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
