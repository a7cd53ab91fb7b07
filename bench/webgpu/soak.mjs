/**
 * Trains a narrow net for many steps, twice from one seed, and compares tensors, bytes of the GPU and resident memory after a
 * warm-up and at the end, and the weights of both runs bit by bit. Prints one JSON line; exits with 1 if a tensor or a byte in use
 * is left over, the least resident memory of the last quarter is 2 % or 16 MiB above that of the second quarter, or the weights differ.
 *
 *   node bench/webgpu/soak.mjs [--steps 2000] [--batch 4] [--side 32] [--width 0.125] [--precision float32] [--runs 2]
 *
 * VGG_WEBGPU_SOFTWARE=1 accepts lavapipe.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { configure, device } from '@vgg/backend-webgpu';
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser } from '@vgg/models';
import { MomentumSgd } from '@vgg/optim';
import { splitBatch, trainStep } from '@vgg/train';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '2000' },
    batch: { type: 'string', default: '4' },
    side: { type: 'string', default: '32' },
    width: { type: 'string', default: '0.125' },
    runs: { type: 'string', default: '2' },
    precision: { type: 'string', default: 'float32' },
  },
});
const [steps, batch, side, width, runs] = ['steps', 'batch', 'side', 'width', 'runs'].map((name) =>
  Number(values[name]),
);
const MEBIBYTE = 2 ** 20;

tf.env().set('IS_NODE', false);
configure({ precision: values.precision });
if (!(await tf.setBackend('webgpu'))) process.exit(1);

/** Trains from the seed and returns samples of memory and a hash of the weights. */
async function run() {
  const options = { configuration: 'A', inputSize: side, width, classes: 10, batchNorm: true };
  const model = createVgg(options, heInitialiser({ seed: 1 }));
  const optimiser = new MomentumSgd();
  const samples = [];
  for (let step = 0; step < steps; step++) {
    const images = randomStream(1, 'soak', step % 16).fillNormal(new Float32Array(batch * side * side * 3));
    const labels = Int32Array.from({ length: batch }, (_, i) => (i + step) % 10);
    const whole = { images, labels, size: batch, height: side, width: side };
    await trainStep({ model, optimiser, rate: 1e-3, seed: 1, step, microBatches: splitBatch(whole, batch) });
    if (step === 2 || (step + 1) % Math.ceil(steps / 20) === 0) {
      globalThis.gc?.();
      const { numTensors, numBytesInGPU, numBytesAllocatedInGPU } = tf.memory();
      samples.push({ numTensors, numBytesInGPU, held: numBytesAllocatedInGPU, resident: process.memoryUsage.rss() });
    }
  }
  const hash = createHash('sha256');
  for (const [, variable] of model.variables) hash.update(new Uint8Array((await variable.data()).buffer));
  optimiser.dispose();
  model.dispose();
  return { samples, hash: hash.digest('hex').slice(0, 16) };
}

const start = performance.now();
const results = [];
for (let i = 0; i < runs; i++) results.push(await run());
const { samples } = results[0];
const [first] = samples;
/** The least of a quarter: the rest may be garbage that is not yet collected. */
const least = (quarter) => {
  const part = samples.slice((quarter * samples.length) / 4, ((quarter + 1) * samples.length) / 4);
  return Math.min(...part.map(({ resident }) => resident));
};
const isFlat = samples.every(
  ({ numTensors, numBytesInGPU }) => numTensors === first.numTensors && numBytesInGPU === first.numBytesInGPU,
);
const grown = least(3) - least(1);
const isSame = results.every(({ hash }) => hash === results[0].hash);
console.log(
  JSON.stringify({
    device: device().name,
    precision: values.precision,
    steps,
    seconds: Math.round((performance.now() - start) / 1000),
    tensors: samples.map(({ numTensors }) => numTensors),
    bytesInUse: samples.map(({ numBytesInGPU }) => numBytesInGPU),
    bytesHeld: samples.map(({ held }) => held),
    residentMiB: samples.map(({ resident }) => Math.round(resident / MEBIBYTE)),
    hashes: results.map(({ hash }) => hash),
  }),
);
process.exit(isFlat && isSame && grown <= Math.max(16 * MEBIBYTE, 0.02 * least(1)) ? 0 : 1);
