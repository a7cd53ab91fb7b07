/**
 * One rank of a job that trains by `fit` of `@vgg/train`, for `mpi.mjs`. Its batches do not consist of whole micro-batches, which the
 * trainer refuses but `fit` allows: 22 images in micro-batches of 4, and the last batch of an epoch has 13.
 *
 *     mpirun -n 3 node tools/proofs/mpi-fit.mjs FOLDER ENGINE
 *
 * Rank 0 writes what a run folder holds: model.safetensors, checkpoints and metrics.jsonl.
 */
import { join } from 'node:path';
import { randomStream, singleProcess } from '../../packages/core/dist/index.js';
import { startEngine } from '../../packages/engine/dist/index.js';
import { createVgg, heInitialiser } from '../../packages/models/dist/index.js';
import { findLauncher, joinJob } from '../../packages/mpi/dist/index.js';
import { constant, MomentumSgd, Muon } from '../../packages/optim/dist/index.js';
import { fit, imageShare } from '../../packages/train/dist/index.js';
import { RunFolder } from '../../packages/train/dist/node.js';
import { saveModel } from '../../packages/weights/dist/node.js';

const SIDE = 32;
const MICRO_BATCH = 4;
const SIZES = [22, 22, 13];

const [folder, engine] = process.argv.slice(2);
const communicator = findLauncher() === undefined ? singleProcess : await joinJob();
await startEngine(engine);
const model = createVgg(
  { configuration: 'D', classes: 3, inputSize: SIDE, width: 0.125, head: 'small', batchNorm: true },
  heInitialiser({ seed: 1 }),
);

/** Yields the share of this rank of each batch of an epoch. */
async function* batches(epoch, start) {
  for (let i = start; i < SIZES.length; i++) {
    const random = randomStream(1, 'images', epoch, i);
    const labels = Int32Array.from({ length: SIZES[i] }, () => random.integer(3));
    const images = random.fillNormal(new Float32Array(SIZES[i] * SIDE ** 2 * 3)).map((x) => 50 * x);
    const { first, end } = imageShare(SIZES[i], MICRO_BATCH, communicator);
    yield {
      images: images.slice(first * SIDE ** 2 * 3, end * SIDE ** 2 * 3),
      labels: labels.slice(first, end),
      size: end - first,
      height: SIDE,
      width: SIDE,
      part: { first, total: SIZES[i] },
    };
  }
}

const run = communicator.rank === 0 ? RunFolder.open(folder) : undefined;
const log = run?.record();
await fit({
  model,
  optimiser: new Muon({ rest: new MomentumSgd() }),
  batches,
  microBatch: MICRO_BATCH,
  schedule: constant(0.01),
  epochs: 2,
  seed: 3,
  cutMix: 0.5,
  clipNorm: 5,
  labelSmoothing: 0.1,
  averageDecay: 0.9,
  communicator,
  checkpoints: {
    store: log?.store ?? { save: () => Promise.reject(new Error('expected rank 0 to save')) },
    everySteps: 1,
  },
  onEvent: log?.onEvent,
});
if (run !== undefined) {
  const preprocessing = { mean: [0, 0, 0], scale: SIDE };
  await saveModel(join(folder, 'model.safetensors'), model, { classes: ['a', 'b', 'c'], preprocessing });
  run.close();
}
await communicator.close();
