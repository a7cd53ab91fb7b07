/**
 * Times training steps of @vgg/models and @vgg/optim on the backend 'wasm', on one thread and on several in turns, and prints one
 * JSON line: milliseconds of the fastest step, and of each kernel in a step, by case and number of threads. `steps.mjs` starts it.
 *
 *   node steps-job.mjs CHECKOUT THREADS SECONDS CASES
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [checkout, threads, seconds, cases] = [process.argv[2], ...process.argv.slice(3).map((text) => JSON.parse(text))];
const require = createRequire(join(checkout, 'bench/package.json'));
const tf = require('@tensorflow/tfjs-core');
const { setThreads, threads: working } = require('@vgg/backend-wasm');
const { randomStream } = require('@vgg/core');
const { createVgg, heInitialiser } = require('@vgg/models');
const { globalNorm, lossAndGradients, MomentumSgd, softmaxCrossEntropy } = require('@vgg/optim');

await setThreads(threads);
await tf.setBackend('wasm');
if (working() !== threads) throw new Error(`${working()} threads work, not ${threads}`);

/** Milliseconds by name of kernel since it was last emptied. */
const profile = {};
for (const config of tf.getKernelsForBackend('wasm')) {
  tf.unregisterKernel(config.kernelName, 'wasm');
  const kernelFunc = (call) => {
    const start = performance.now();
    const result = config.kernelFunc(call);
    profile[config.kernelName] = (profile[config.kernelName] ?? 0) + performance.now() - start;
    return result;
  };
  // Set up already: a second set-up would be of no use.
  tf.registerKernel({ ...config, setupFunc: undefined, kernelFunc });
}

function createStep({ configuration, batchNorm, side, width, batch }) {
  const net = createVgg({ configuration, batchNorm, inputSize: side, width, classes: 10 }, heInitialiser({ seed: 1 }));
  const sgd = new MomentumSgd();
  const pixels = randomStream(1, 'bench').fillNormal(new Float32Array(batch * side * side * 3));
  const images = tf.tensor4d(pixels, [batch, side, side, 3]);
  const labels = Array.from({ length: batch }, (_, i) => i % 10);
  let count = 0;
  return async () => {
    count += 1;
    const dropout = (layer) => randomStream(1, layer, count);
    const { loss, gradients } = lossAndGradients(
      () => softmaxCrossEntropy(net.apply(images, { training: true, dropout }).logits, labels),
      net.trainable,
    );
    await globalNorm(gradients);
    sgd.step(net.trainable, gradients, 1e-4);
    const [value] = await loss.data();
    tf.dispose([loss, ...gradients.values()]);
    return value;
  };
}

const results = {};
for (const [name, options] of Object.entries(cases)) {
  const step = createStep(options);
  const best = {};
  for (let i = 0; i < 3; i++) await step();
  const begin = performance.now();
  for (let turn = 0; turn < 4 || performance.now() - begin < seconds * 1e3; turn++) {
    for (const count of [1, threads]) {
      await setThreads(count);
      for (let i = 0; i < 3; i++) {
        for (const kernel of Object.keys(profile)) profile[kernel] = 0;
        const start = performance.now();
        await step();
        const ms = performance.now() - start;
        if (i > 0 && !(best[count]?.ms < ms)) best[count] = { ms, kernels: { ...profile } };
      }
    }
  }
  results[name] = best;
}
console.log(JSON.stringify(results));
process.exit(0);
