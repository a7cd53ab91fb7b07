/** Whole processes and threads: exit with work queued, several environments, binaries that are missing or damaged. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILD_FOLDER, isBuilt, reason } from './native-build';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** The package as one file, in a folder from which TF.js resolves. */
let folder: string;

beforeAll(async () => {
  mkdirSync(join(PACKAGE, 'build'), { recursive: true });
  folder = mkdtempSync(join(PACKAGE, 'build', 'test-'));
  await build({
    entryPoints: [join(PACKAGE, 'src/index.ts')],
    outfile: join(folder, 'onednn.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@vgg/source'],
    plugins: [
      {
        // By exact name: the gradients' files inside tfjs-core are bundled, as in the published form.
        name: 'tfjs-is-external',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^@tensorflow\/tfjs-(core|backend-cpu)$/ }, () => ({ external: true })),
      },
    ],
    logLevel: 'error',
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(source: string, environment: Record<string, string> = {}) {
  const file = join(folder, 'program.mjs');
  writeFileSync(file, source);
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [file], {
    encoding: 'utf8',
    env: { ...process.env, VGG_ONEDNN_BUILD: BUILD_FOLDER, ...environment },
  });
  return { status, signal, stdout: stdout.trim(), stderr: stderr.trim() };
}

const WORK = `
  import * as tf from '@tensorflow/tfjs-core';
  import './onednn.mjs';
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
    const { stdout } = run(`${WORK}
      let ticks = 0, longest = 0, last = performance.now();
      const timer = setInterval(() => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; ticks += 1; }, 1);
      const start = performance.now();
      for (let i = 0; i < 4; i++) { const y = work(); await y.data(); y.dispose(); }
      const total = performance.now() - start;
      clearInterval(timer);
      console.log(JSON.stringify({ ticks, share: longest / total }));`);
    const { ticks, share } = JSON.parse(stdout);
    expect(ticks).toBeGreaterThan(10);
    expect(share).toBeLessThan(0.5);
  });

  it('gives every worker thread an environment of its own, and survives their end in the midst of work', () => {
    const { status, signal, stdout, stderr } = run(`
      import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
      import { once } from 'node:events';
      import { fileURLToPath } from 'node:url';
      import * as tf from '@tensorflow/tfjs-core';
      import './onednn.mjs';
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
});

describe('a binary that cannot be used', () => {
  const tryIt = `
    try { await import('./onednn.mjs'); console.log('loaded'); }
    catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message })); }
    const tf = await import('@tensorflow/tfjs-core');
    await import('@tensorflow/tfjs-backend-cpu');
    console.log((await tf.setBackend('cpu')) && tf.add(1, 2).dataSync()[0]);`;

  function attempt(binary: string | undefined, manifest?: string) {
    const broken = join(folder, 'broken');
    rmSync(broken, { recursive: true, force: true });
    mkdirSync(broken);
    if (binary !== undefined) writeFileSync(join(broken, 'onednn.node'), binary);
    if (manifest !== undefined) writeFileSync(join(broken, 'onednn.json'), manifest);
    const [first, second] = run(tryIt, { VGG_ONEDNN_BUILD: broken }).stdout.split('\n');
    expect(second).toBe('3');
    return JSON.parse(first!) as { code: string; message: string };
  }

  it('is missing: one line, and another engine goes on', () => {
    const { code, message } = attempt(undefined);
    expect(code).toBe('VGG_BACKEND');
    expect(message).toMatch(/^the engine onednn cannot read its binary .*: install g\+\+ and libdnnl-dev, then run/);
    expect(message).not.toContain('\n');
  });

  it('is damaged: its checksum says so before it is loaded', () => {
    const { code, message } = attempt('\u007fELF cut short', JSON.stringify({ sha256: 'of another' }));
    expect(code).toBe('VGG_BACKEND');
    expect(message).toContain('is damaged (wrong checksum)');
  });

  it('is no library', async () => {
    const { createHash } = await import('node:crypto');
    const sha256 = createHash('sha256').update('hello').digest('hex');
    const { code, message } = attempt('hello', JSON.stringify({ sha256 }));
    expect(code).toBe('VGG_BACKEND');
    expect(message).toMatch(/cannot be loaded \(.*\): install/);
  });

  it.skipIf(!isBuilt)(`was cut short${reason}`, () => {
    const broken = join(folder, 'cut');
    mkdirSync(broken);
    copyFileSync(join(BUILD_FOLDER, 'onednn.json'), join(broken, 'onednn.json'));
    writeFileSync(join(broken, 'onednn.node'), readFileSync(join(BUILD_FOLDER, 'onednn.node')).subarray(0, 50_000));
    expect(run(tryIt, { VGG_ONEDNN_BUILD: broken }).stdout).toContain('is damaged');
  });
});

describe('the build script', () => {
  it('says in one line what is missing and succeeds when it may', () => {
    const script = join(PACKAGE, 'scripts/build-native.mjs');
    const environment = { ...process.env, CXX: 'no-such-compiler' };
    const output = execFileSync(process.execPath, [script, '--if-possible'], { encoding: 'utf8', env: environment });
    expect(output).toMatch(/^@vgg\/backend-onednn: no C\+\+ compiler .*: apt-get install g\+\+ libdnnl-dev\n$/);
    expect(spawnSync(process.execPath, [script], { env: environment }).status).toBe(1);
  });
});
