/**
 * Compares the time of a training step on several ranks with that of one process of as many threads, at the same batch: one process of
 * two threads, two ranks of one thread, four ranks of one thread, which share the cores. Short runs take turns; ratios are of
 * neighbours.
 *
 *   node bench/mpi/ranks.mjs [CONFIGURATION=D] [SIDE=224] [BATCH=16] [MICRO-BATCH=4] [WIDTH=1] [STEPS=4] [ROUNDS=3] [RANKS=1,2,4]
 *
 * MPIRUN names the launcher (default mpirun.openmpi). Needs `pnpm build` and MPI. With more arguments after RANKS, these start the
 * launcher of more than one rank, for example in a network namespace (network.sh).
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [
  net = 'D',
  side = '224',
  batch = '16',
  micro = '4',
  width = '1',
  steps = '4',
  rounds = '3',
  counts = '1,2,4',
  ...prefix
] = process.argv.slice(2);
const job = [net, side, batch, micro, width, steps];

/** Trains some steps and prints, on rank 0, the median of their times in seconds and the processor time of a step. */
async function trainSteps() {
  const tf = await import('@tensorflow/tfjs-core');
  await import('@vgg/backend-onednn');
  const { randomStream, singleProcess } = await import('@vgg/core');
  const { createVgg, heInitialiser } = await import('@vgg/models');
  const { splitBatch, trainStep } = await import('@vgg/train');
  const { MomentumSgd } = await import('../../packages/optim/dist/index.js');
  const { findLauncher, joinJob } = await import('../../packages/mpi/dist/index.js');
  await tf.setBackend('onednn');
  const communicator = findLauncher() === undefined ? singleProcess : await joinJob();
  const size = Number(side);
  const options = { configuration: net.replace('-bn', ''), batchNorm: net.endsWith('-bn'), inputSize: size };
  const model = createVgg({ ...options, width: Number(width), classes: 1000 }, heInitialiser({ seed: 1 }));
  const images = randomStream(1, 'ranks').fillNormal(new Float32Array(Number(batch) * size ** 2 * 3));
  const labels = Int32Array.from({ length: Number(batch) }, (_, i) => i % 1000);
  const whole = { images, labels, size: Number(batch), height: size, width: size };
  const optimiser = new MomentumSgd();
  const seconds = [];
  let before = process.cpuUsage();
  for (let step = 0; step <= Number(steps); step++) {
    await communicator.barrier();
    const start = performance.now();
    const microBatches = splitBatch(whole, Number(micro));
    await trainStep({ model, optimiser, rate: 1e-4, seed: 1, step, microBatches, communicator });
    await [...model.trainable.values()].at(-1).data();
    await communicator.barrier();
    // The first step fills caches.
    if (step > 0) seconds.push((performance.now() - start) / 1000);
    else before = process.cpuUsage();
  }
  const { user, system } = process.cpuUsage(before);
  const all = await communicator.allGather(Buffer.from(String((user + system) / 1e6 / Number(steps))));
  const processor = all.reduce((sum, bytes) => sum + Number(Buffer.from(bytes)), 0);
  if (communicator.rank === 0) console.log(JSON.stringify({ seconds: median(seconds), processor }));
  await communicator.close();
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Runs the steps on some ranks: one process of two threads, or ranks of one thread. */
function run(ranks) {
  const mpirun = process.env.MPIRUN ?? 'mpirun.openmpi';
  const own = /openmpi/.test(mpirun) ? ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'] : [];
  const program = [process.execPath, fileURLToPath(import.meta.url), ...job, 'steps'];
  const launcher = prefix.length > 0 ? prefix : [mpirun, ...own, '-n', String(ranks)];
  const [command, ...words] = ranks === 1 ? program : [...launcher, ...program];
  const environment = { ...process.env, VGG_ONEDNN_THREADS: ranks === 1 ? '2' : '1' };
  const { stdout, stderr, status } = spawnSync(command, words, { encoding: 'utf8', env: environment });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

if (process.argv.at(-1) === 'steps') {
  await trainSteps();
} else {
  const variants = counts.split(',').map(Number);
  const results = variants.map(() => []);
  for (let round = 0; round < Number(rounds); round++) {
    for (const [i, ranks] of variants.entries()) results[i].push(run(ranks));
  }
  console.log(
    `${net} ${side}², width ${width}, batch ${batch} in micro-batches of ${micro}, ${rounds} rounds, medians`,
  );
  for (const [i, ranks] of variants.entries()) {
    const ratio = median(results[i].map(({ seconds }, round) => results[0][round].seconds / seconds));
    console.log(
      `${ranks === 1 ? '1 process, 2 threads' : `${ranks} ranks, 1 thread`}: ` +
        `${median(results[i].map(({ seconds }) => seconds)).toFixed(3)} s a step, ` +
        `${median(results[i].map(({ processor }) => processor)).toFixed(3)} s of processors; ` +
        `${ratio.toFixed(3)} times the speed of the first`,
    );
  }
}
