/**
 * Measures how much of the sums over ranks a step cannot hide behind its backward pass: the time of a batch's sums on all
 * ranks, less that of the same micro-batches with each rank alone. Both take turns.
 *
 *   VGG_ONEDNN_THREADS=1 mpirun -n 2 --bind-to none node bench/mpi/overlap.mjs [CONFIGURATION=D] [SIDE=224] [BATCH=8] \
 *     [MICRO-BATCH=4] [WIDTH=0.25] [ROUNDS=8] [OTHER-TRAIN]
 *
 * OTHER-TRAIN is another build of `@vgg/train` (the file of its module) to compare with. Needs `pnpm build` and MPI.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import '@vgg/backend-onednn';
import { randomStream, shareOf, singleProcess } from '@vgg/core';
import { createVgg, normalInitialiser } from '@vgg/models';
import * as train from '@vgg/train';
import { joinJob } from '../../packages/mpi/dist/index.js';
import { globalNorm } from '../../packages/optim/dist/index.js';

const [net = 'D', side = '224', size = '8', micro = '4', width = '0.25', rounds = '8', other] = process.argv.slice(2);

await tf.setBackend('onednn');
const job = await joinJob();
const configuration = net.replace('-bn', '');
const batchNorm = net.endsWith('-bn');
const model = createVgg(
  { configuration, batchNorm, inputSize: Number(side), width: Number(width), classes: 1000 },
  normalInitialiser({ seed: 1, deviation: 0.01 }),
);

function batchOf(count) {
  const images = randomStream(1, 'overlap').fillNormal(new Float32Array(count * Number(side) ** 2 * 3));
  const labels = Int32Array.from({ length: count }, (_, i) => i % 1000);
  return train.splitBatch({ images, labels, size: count, height: Number(side), width: Number(side) }, Number(micro));
}
const whole = batchOf(Number(size));
const { first, end } = shareOf(whole.length, job.rank, job.size);
const own = batchOf(whole.slice(first, end).reduce((total, each) => total + each.size, 0));

/** Returns the seconds of one batch's sums. */
async function secondsOf({ batchSums }, microBatches, communicator) {
  await job.barrier();
  const start = performance.now();
  const sums = await batchSums({ model, seed: 1, step: 0, microBatches, communicator });
  // Resolves when all are computed, and their numbers are in the engine's memory.
  await globalNorm(sums.gradients);
  // Without sums too, the time is that of the slower rank.
  await job.barrier();
  const seconds = (performance.now() - start) / 1000;
  tf.dispose([...sums.gradients.values(), ...sums.statistics.values()]);
  return seconds;
}

const variants = [['this build', train]];
if (other !== undefined) variants.push(['other build', await import(pathToFileURL(resolve(other)).href)]);
const alone = variants.map(() => []);
const together = variants.map(() => []);
for (let round = 0; round <= Number(rounds); round++) {
  for (const [i, [, module]] of variants.entries()) {
    const one = await secondsOf(module, own, singleProcess);
    const all = await secondsOf(module, whole, job);
    // The first round fills caches.
    if (round > 0) alone[i].push(one);
    if (round > 0) together[i].push(all);
  }
}
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
if (job.rank === 0) {
  const bytes = [...model.trainable.values()].reduce((total, { size: numbers }) => total + 4 * numbers, 0);
  console.log(
    `${net} ${side}², width ${width}, ${(bytes / 1e6).toFixed(1)} MB of gradients, batch ${size} in ${whole.length} ` +
      `micro-batches on ${job.size} ranks, ${rounds} rounds, medians`,
  );
  for (const [i, [name]] of variants.entries()) {
    const visible = median(together[i].map((all, round) => all - alone[i][round]));
    console.log(
      `${name}: ${median(together[i]).toFixed(3)} s, without sums ${median(alone[i]).toFixed(3)} s, ` +
        `not hidden ${(1000 * visible).toFixed(0)} ms (${((100 * visible) / median(together[i])).toFixed(1)} %)`,
    );
  }
}
await job.close();
