/** Whole processes and threads: exit while work is queued, and several environments at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, reason } from './native-build';
import { bundlePackage, type Program } from './program';

let program: Program;
beforeAll(async () => {
  program = await bundlePackage();
});
afterAll(() => program.dispose());

const run: Program['run'] = (source, environment) => program.run(source, environment);

const WORK = `
  import * as tf from '@tensorflow/tfjs-core';
  import './dist/onednn.mjs';
  await tf.setBackend('onednn');
  const x = tf.ones([8, 64, 64, 32]), w = tf.ones([3, 3, 32, 32]);
  const work = () => tf.tidy(() => { let y = x; for (let i = 0; i < 20; i++) y = tf.relu(tf.conv2d(y, w, 1, 'same')); return y; });
`;

describe.skipIf(!isBuilt)(`a process${reason}`, () => {
  it.each([
    ['by itself', ''],
    ['by process.exit', 'process.exit(0);'],
    ['by an uncaught error', 'setTimeout(() => { throw new Error("planned"); });', 1],
  ])('ends %s with work queued', (_, ending, status = 0) => {
    const result = run(`${WORK} work(); console.log('queued'); ${ending}`);
    expect({ status: result.status, signal: result.signal, stdout: result.stdout }).toEqual({
      status,
      signal: null,
      stdout: 'queued',
    });
  });

  it('stays alive until a pending read is answered', () => {
    expect(run(`${WORK} work().data().then((v) => console.log(v.length));`).stdout).toBe(String(8 * 64 * 64 * 32));
  });

  it('keeps its event loop free while it computes', () => {
    // Takes the best of several rounds: a busy machine can only make a wait longer, and a blocking read would do so in
    // every round.
    const { stdout } = run(`${WORK}
      const during = async (start) => {
        let turns = 0, longest = 0, done = false;
        const began = performance.now();
        let last = began;
        Promise.resolve(start()).then(() => { done = true; });
        while (!done) {
          await new Promise(setImmediate);
          const now = performance.now();
          longest = Math.max(longest, now - last);
          last = now;
          turns += 1;
        }
        return { turns, share: longest / (last - began) };
      };
      const rounds = { read: [], blockingRead: [] };
      for (let i = 0; i < 5; i++) {
        rounds.read.push(await during(() => work().data()));
        rounds.blockingRead.push(await during(() => work().dataSync()));
      }
      console.log(JSON.stringify(rounds));`);
    const rounds: Record<'read' | 'blockingRead', { turns: number; share: number }[]> = JSON.parse(stdout);
    const most = (kind: keyof typeof rounds) => Math.max(...rounds[kind].map(({ turns }) => turns));
    const least = (kind: keyof typeof rounds) => Math.min(...rounds[kind].map(({ share }) => share));
    expect(most('read')).toBeGreaterThan(100);
    expect(least('read')).toBeLessThan(0.5);
    expect(most('blockingRead')).toBeLessThan(3);
    expect(least('blockingRead')).toBeGreaterThan(0.5);
  });

  it('gives every worker thread its own environment, and survives their termination during work', () => {
    const { status, signal, stdout, stderr } = run(`
      import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
      import { once } from 'node:events';
      import { fileURLToPath } from 'node:url';
      import * as tf from '@tensorflow/tfjs-core';
      import './dist/onednn.mjs';
      await tf.setBackend('onednn');
      const compute = async (n) => (await tf.sum(tf.conv2d(tf.fill([1, 32, 32, 16], n), tf.ones([1, 1, 16, 8]), 1, 'same')).data())[0];
      if (isMainThread) {
        const workers = [1, 2, 3].map((n) => new Worker(fileURLToPath(import.meta.url), { workerData: n }));
        const sums = await Promise.all(workers.map(async (w) => (await once(w, 'message'))[0]));
        await Promise.all(workers.map((w) => w.terminate()));
        console.log(JSON.stringify([...sums, await compute(4)]));
      } else {
        parentPort.postMessage(await compute(workerData));
        for (;;) { await tf.matMul(tf.ones([500, 500]), tf.ones([500, 500])).data(); }
      }`);
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual([1, 2, 3, 4].map((n) => n * 16 * 8 * 32 * 32));
  });

  /** Endless training steps, and a way to wait until one is running. */
  const TRAINING = `${WORK}
    const v = tf.variable(w), small = tf.ones([2, 24, 24, 32]);
    const step = async () => {
      const { value, grads } = tf.variableGrads(() => tf.mean(tf.square(tf.relu(tf.conv2d(small, v, 1, 'same')))));
      v.assign(tf.tidy(() => tf.sub(v, tf.mul(grads[Object.keys(grads)[0]], 1e-6))));
      const [loss] = await value.data();
      tf.dispose([value, grads]);
      return loss;
    };
    const train = async () => { for (;;) await step(); };
    const midStep = async () => { await step(); train(); await new Promise((done) => setTimeout(done, 20)); };
  `;

  it.each([
    ['process.exit', 'await midStep(); console.log("left"); process.exit(0);', 0],
    ['an uncaught error', 'await midStep(); console.log("left"); throw new Error("planned");', 1],
    [
      'a blocking read that process.exit follows',
      'await midStep(); x.dataSync(); console.log("left"); process.exit(0);',
      0,
    ],
    ['an unawaited read', 'await step(); work().data(); console.log("left");', 0],
  ])('ends a training step by %s', (_, ending, expected) => {
    const { status, signal, stdout } = run(`${TRAINING} ${ending}`);
    expect({ status, signal, stdout }).toEqual({ status: expected, signal: null, stdout: 'left' });
  });

  it.each([
    ['terminated', 'await worker.terminate()', ''],
    ['left by process.exit of its own', 'await exited', 'process.exit(0)'],
    ['terminated in a blocking read', 'await worker.terminate()', 'for (;;) tf.relu(small).dataSync()'],
  ])('survives worker threads that are %s during a step, repeatedly', (_, end, inWorker) => {
    const { status, signal, stdout, stderr } = run(`
      import { Worker, isMainThread, parentPort } from 'node:worker_threads';
      import { once } from 'node:events';
      import { fileURLToPath } from 'node:url';
      ${TRAINING}
      if (isMainThread) {
        for (let i = 0; i < 2; i++) {
          const worker = new Worker(fileURLToPath(import.meta.url));
          // Its message and its end may come in the same turn of the event loop.
          const exited = once(worker, 'exit');
          await once(worker, 'message');
          ${end};
        }
        console.log(Number.isFinite(await step()), tf.getBackend());
      } else {
        await midStep();
        parentPort.postMessage('training');
        ${inWorker}
      }`);
    expect({ status, signal, stdout, stderr }).toEqual({ status: 0, signal: null, stdout: 'true onednn', stderr: '' });
  });

  it('ends by process.exit while its worker threads train', () => {
    const { status, signal, stdout } = run(`
      import { Worker, isMainThread, parentPort } from 'node:worker_threads';
      import { once } from 'node:events';
      import { fileURLToPath } from 'node:url';
      ${TRAINING}
      await midStep();
      if (isMainThread) {
        await Promise.all([1, 2].map(() => once(new Worker(fileURLToPath(import.meta.url)), 'message')));
        console.log('left');
        process.exit(0);
      }
      parentPort.postMessage('training');`);
    expect({ status, signal, stdout }).toEqual({ status: 0, signal: null, stdout: 'left' });
  });
});
