/**
 * Measures the sums of all gradients of a net over ranks, as training takes them, after a gradient that costs little: time, processor
 * time and the event loop's lag. Rounds with and without sums take turns. Rank 0 prints.
 *
 *   VGG_ONEDNN_THREADS=1 mpirun -n 2 --bind-to none node bench/mpi/gradients.mjs [CONFIGURATION=D] [WIDTH=1] [ROUNDS=8] [OTHER-TRAIN]
 *
 * OTHER-TRAIN is another build of `@vgg/train` (the file of its module) to compare with. Needs `pnpm build` and MPI.
 */

import { resolve } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import '@vgg/backend-onednn';
import { singleProcess } from '@vgg/core';
import { createVgg, zeroInitialiser } from '@vgg/models';
import * as train from '@vgg/train';
import { joinJob } from '../../packages/mpi/dist/index.js';
import { globalNorm } from '../../packages/optim/dist/index.js';

const [configuration = 'D', width = '1', rounds = '8', other] = process.argv.slice(2);

await tf.setBackend('onednn');
const job = await joinJob();
const classes = 1000;
const { trainable } = createVgg({ configuration, inputSize: 224, width: Number(width), classes }, zeroInitialiser());
/** Every variable's gradient is one number, everywhere. */
const model = {
  options: { classes },
  variables: trainable,
  trainable,
  apply(images) {
    const total = tf.addN([...trainable.values()].map((variable) => tf.sum(variable)));
    const weights = tf.reshape(tf.linspace(0, 1, classes), [1, classes]);
    return { logits: tf.mul(tf.tile(weights, [images.shape[0], 1]), total), batchStatistics: {} };
  },
  updateStatistics() {},
};
const microBatches = Array.from({ length: job.size }, (_, index) => ({
  index,
  size: 1,
  height: 1,
  width: 1,
  images: new Float32Array(3),
  labels: Int32Array.of(index),
}));

/** Returns seconds, processor seconds and the lag of one batch's sums. */
async function measure({ batchSums }, communicator) {
  const alone = communicator === singleProcess;
  const lag = monitorEventLoopDelay({ resolution: 1 });
  await job.barrier();
  const start = performance.now();
  const before = process.cpuUsage();
  lag.enable();
  const sums = await batchSums({
    model,
    seed: 1,
    step: 0,
    microBatches: alone ? microBatches.slice(0, 1) : microBatches,
    communicator,
  });
  // Resolves when the sums are in the engine's memory.
  await globalNorm(sums.gradients);
  lag.disable();
  const { user, system } = process.cpuUsage(before);
  await job.barrier();
  const seconds = (performance.now() - start) / 1000;
  tf.dispose([...sums.gradients.values()]);
  return { seconds, processor: (user + system) / 1e6, lag: lag.percentile(99) / 1e6 };
}

const variants = [['this build', train]];
if (other !== undefined) variants.push(['other build', await import(pathToFileURL(resolve(other)).href)]);
const alone = variants.map(() => []);
const together = variants.map(() => []);
for (let round = 0; round <= Number(rounds); round++) {
  for (const [i, [, module]] of variants.entries()) {
    const [one, all] = [await measure(module, singleProcess), await measure(module, job)];
    // The first round fills caches.
    if (round > 0) alone[i].push(one);
    if (round > 0) together[i].push(all);
  }
}
const sorted = (values) => values.toSorted((a, b) => a - b);
const median = (values) => sorted(values)[Math.floor(values.length / 2)];
if (job.rank === 0) {
  const bytes = [...trainable.values()].reduce((total, { size }) => total + 4 * size, 0);
  console.log(`${configuration}, width ${width}: ${(bytes / 1e6).toFixed(1)} MB, ${job.size} ranks, ${rounds} rounds`);
  for (const [i, [name]] of variants.entries()) {
    const difference = (key) => together[i].map((all, round) => all[key] - alone[i][round][key]);
    const seconds = difference('seconds');
    console.log(
      `${name}: sums take ${(1000 * median(seconds)).toFixed(0)} ms (${(1000 * sorted(seconds)[0]).toFixed(0)} at best), ` +
        `${(1000 * median(difference('processor'))).toFixed(0)} ms of a processor; event loop's lag, 99th percentile, ` +
        `${median(together[i].map(({ lag }) => lag)).toFixed(1)} ms`,
    );
  }
}
await job.close();
