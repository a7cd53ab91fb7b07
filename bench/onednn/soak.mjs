/**
 * Runs many training steps in one process and compares tensors, native memory and resident memory after a warm-up and
 * at the end.
 *
 *   node bench/onednn/soak.mjs [STEPS=2000] [BATCH=16] [CONFIGURATION=A] [SIDE=32] [WIDTH=0.125]
 *   node bench/onednn/soak.mjs 100 4 D 224 1
 *
 * Needs `pnpm build`. Prints one JSON line; exits with 1 if the tensors or native buffers in use differ between steps,
 * or if resident memory grows by more than 2 % or 16 MiB, whichever is more, in the second half. `peakMiB` is the
 * process's largest resident memory; to compare it with other libraries, use D at 224 with batches of 32.
 */

import * as tf from '@tensorflow/tfjs-core';
import { noise, startTraining } from './training.mjs';

const [stepsText = '2000', batchText = '16', configuration = 'A', sideText = '32', widthText = '0.125'] =
  process.argv.slice(2);
const [steps, batch, side, width] = [stepsText, batchText, sideText, widthText].map(Number);
const classes = side < 64 ? 10 : 1000;
const MEBIBYTE = 2 ** 20;

const { engine, step } = await startTraining({ configuration, side, width, classes });
const images = noise({ batch, side, classes });

/**
 * Returns the memory in use, which no step may change, and resident memory, after a garbage collection if Node allows
 * it.
 */
function measure() {
  engine.drain();
  globalThis.gc?.();
  const memory = tf.memory();
  const { numTensors, numBytes, numDataBuffers, bytesInUse, buffersInUse } = memory;
  const { bytesHeld, peakBytesInUse, cachedPrimitives } = memory;
  return {
    inUse: { numTensors, numBytes, numDataBuffers, bytesInUse, buffersInUse },
    pool: { bytesHeld, peakBytesInUse, cachedPrimitives },
    resident: process.memoryUsage.rss(),
  };
}

const start = performance.now();
const samples = [];
for (let i = 0; i < steps; i++) {
  await step(i, images);
  // The first steps fill the pool and the primitive cache.
  if (i >= 2 && ((i + 1) % Math.ceil(steps / 20) === 0 || i === 2)) samples.push({ step: i + 1, ...measure() });
}
const first = samples[0];
const last = samples.at(-1);
const middle = samples[samples.length >> 1];
const grown = last.resident - middle.resident;
const same = samples.every(({ inUse }) => JSON.stringify(inUse) === JSON.stringify(first.inUse));
const allowed = Math.max(16 * MEBIBYTE, 0.02 * middle.resident);
const MiB = (bytes) => Math.round(bytes / MEBIBYTE);
console.log(
  JSON.stringify({
    steps,
    batch,
    configuration,
    side,
    width,
    seconds: Math.round((performance.now() - start) / 1000),
    inUse: same ? last.inUse : samples.map(({ inUse }) => inUse),
    sameAfterEveryStep: same,
    heldMiB: samples.map(({ pool }) => MiB(pool.bytesHeld)),
    peakInUseMiB: MiB(last.pool.peakBytesInUse),
    cachedPrimitives: last.pool.cachedPrimitives,
    residentMiB: samples.map(({ resident }) => MiB(resident)),
    peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    fallbacks: Object.fromEntries(engine.fallbacks()),
  }),
);
process.exit(same && grown <= allowed ? 0 : 1);
