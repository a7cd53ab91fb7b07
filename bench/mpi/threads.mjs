/**
 * Compares the gradients of a batch on 1, 2 and 3 threads of the oneDNN engine, bit by bit.
 *
 *   node bench/mpi/threads.mjs [CONFIGURATION=D-bn] [SIDE=32] [BATCH=32] [WIDTH=1]
 *
 * Exits 1 if some differ. Needs `pnpm build`.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import '@vgg/backend-onednn';
import { randomStream } from '@vgg/core';
import { createVgg, normalInitialiser } from '@vgg/models';
import { batchSums, splitBatch } from '@vgg/train';

const [net = 'D-bn', side = '32', size = '32', width = '1', child] = process.argv.slice(2);

async function gradients() {
  await tf.setBackend('onednn');
  const configuration = net.replace('-bn', '');
  const batchNorm = net.endsWith('-bn');
  const model = createVgg(
    { configuration, batchNorm, inputSize: Number(side), width: Number(width), classes: 10 },
    normalInitialiser({ seed: 1, deviation: 0.05 }),
  );
  const count = Number(size);
  const random = randomStream(1, 'threads');
  const images = random.fillNormal(new Float32Array(count * Number(side) ** 2 * 3)).map((x) => 50 * x);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 10);
  const batch = { images, labels, size: count, height: Number(side), width: Number(side) };
  const sums = await batchSums({ model, seed: 1, step: 0, microBatches: splitBatch(batch, count) });
  const hashes = {};
  for (const [name, value] of [...sums.gradients, ...sums.statistics]) {
    hashes[name] = createHash('sha256')
      .update(new Uint8Array((await value.data()).buffer))
      .digest('hex')
      .slice(0, 8);
  }
  console.log(JSON.stringify({ loss: sums.totals.loss, ...hashes }));
}

if (child === 'child') {
  await gradients();
} else {
  const run = (threads) => {
    const words = [fileURLToPath(import.meta.url), net, side, size, width, 'child'];
    const environment = { ...process.env, VGG_ONEDNN_THREADS: String(threads) };
    const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env: environment });
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  };
  const one = run(1);
  for (const threads of [2, 3]) {
    const other = run(threads);
    const different = Object.keys(one).filter((name) => one[name] !== other[name]);
    console.log(
      `${net} ${side}², batch ${size}: 1 and ${threads} threads ${different.length === 0 ? 'agree' : `differ in ${different.join(', ')}`}`,
    );
    if (different.length > 0) process.exitCode = 1;
  }
}
