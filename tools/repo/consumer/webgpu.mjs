/** Trains a small net on WebGPU, on an adapter of the CPU, and compares the first gradients with plain JavaScript. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { configure, device } from '@vgg/backend-webgpu';
import { createVgg, heInitialiser } from '@vgg/models';
import { lossAndGradients, MomentumSgd, softmaxCrossEntropy } from '@vgg/optim';

assert.equal(typeof createRequire(import.meta.url)('@vgg/backend-webgpu').device, 'function');
configure({ software: true });
const labels = [0, 1, 2, 3];

async function train(backend, steps) {
  await tf.setBackend(backend);
  assert.equal(tf.getBackend(), backend);
  const options = { configuration: 'A', inputSize: 32, width: 1 / 16, classes: 4, dropout: 0 };
  const model = createVgg(options, heInitialiser({ seed: 1 }));
  const images = tf.randomUniform([4, 32, 32, 3], -1, 1, 'float32', 7);
  const sgd = new MomentumSgd();
  const losses = [];
  let first;
  for (let step = 0; step < steps; step++) {
    const { loss, gradients } = lossAndGradients(
      () => softmaxCrossEntropy(model.apply(images, { training: true }).logits, labels),
      model.trainable,
    );
    losses.push((await loss.data())[0]);
    first ??= await Promise.all([...gradients.values()].map((gradient) => gradient.data()));
    sgd.step(model.trainable, gradients, 0.01);
    tf.dispose([loss, ...gradients.values()]);
  }
  return { losses, first };
}

const [expected, actual] = [await train('cpu', 1), await train('webgpu', 8)];
for (const [i, numbers] of expected.first.entries()) {
  const largest = numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 1e-6);
  numbers.forEach((number, k) => {
    assert.ok(
      Math.abs(actual.first[i][k] - number) < 1e-4 * largest,
      `gradient ${i}: ${actual.first[i][k]}, ${number}`,
    );
  });
}
assert.ok(actual.losses.at(-1) < 0.9 * actual.losses[0], `the loss fell too little: ${actual.losses}`);
console.log(`Node ${process.version}, ${device().name}: loss ${actual.losses[0]} to ${actual.losses.at(-1)}`);
process.exit(0);
