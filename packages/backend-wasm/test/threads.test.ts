/** Several threads: the same bits as one, errors, the ends of backends and of processes. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { setThreads, threads } from '@vgg/backend-wasm';
import { VggError } from '@vgg/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { normals, poison } from './compare';
import { CASES, type Case } from './thread-cases';

function bitsOf([, shapes, fn]: Case): Uint32Array[] {
  poison();
  const outputs = tf.tidy(() => fn(...shapes.map((shape, seed) => tf.tensor(normals(shape, seed), [...shape]))));
  const bits = outputs.map((output) => new Uint32Array(output.dataSync().slice().buffer));
  tf.dispose(outputs);
  return bits;
}

/** Hashes of bits: quicker to compare than the bits themselves. */
const digests = (bits: Uint32Array[]) => bits.map((values) => createHash('sha256').update(values).digest('hex'));

/** Runs a script of an ES module in a Node process of its own, and returns its output. */
function inNode(script: string): string {
  const imports =
    "import * as tf from '@tensorflow/tfjs-core'; import { setThreads, threads } from '@vgg/backend-wasm';";
  return execFileSync(process.execPath, ['--input-type=module', '-e', `${imports}${script}`], {
    cwd: new URL('..', import.meta.url).pathname,
    encoding: 'utf8',
    timeout: 300_000,
  }).trim();
}

const large = () => tf.conv2d(tf.ones<tf.Rank.R4>([4, 40, 40, 32]), tf.ones<tf.Rank.R4>([3, 3, 32, 32]), 1, 'same');

beforeAll(async () => {
  expect(threads()).toBe(1);
  expect(await setThreads(4)).toBe(4);
  await tf.setBackend('wasm');
  expect(threads()).toBe(4);
});

describe('several threads', () => {
  it.each(CASES)('give the bits of one: %s', async (...testCase) => {
    expect(await setThreads(1)).toBe(1);
    const expected = bitsOf(testCase);
    expect(expected.every((bits) => bits.length === 1 || bits.some((value) => value !== bits[0]))).toBe(true);
    for (const count of [2, 3, 4]) {
      expect(await setThreads(count)).toBe(count);
      expect(digests(bitsOf(testCase))).toEqual(digests(expected));
    }
  });

  it('give the bits of a process that has one', () => {
    const script = (count: number) => `
      await setThreads(${count});
      await tf.setBackend('wasm');
      const numbers = (size, period) => Float32Array.from({ length: size }, (_, i) => Math.sin(i % period));
      const x = tf.tensor(numbers(4 * 20 * 20 * 16, 1009), [4, 20, 20, 16]);
      const filter = tf.variable(tf.tensor(numbers(9 * 16 * 24, 97), [3, 3, 16, 24]));
      for (let step = 0; step < 5; step++) tf.tidy(() => {
        const { grads } = tf.variableGrads(() => tf.mean(tf.square(tf.relu(tf.conv2d(x, filter, 1, 'same')))), [filter]);
        filter.assign(tf.sub(filter, tf.mul(grads[filter.name], 0.01)));
      });
      console.log(threads(), JSON.stringify([...new Uint32Array(filter.dataSync().buffer)]));`;
    const [one, three] = [inNode(script(1)), inNode(script(3))];
    expect(three).toBe(one.replace(/^1/, '3'));
    expect(one).toMatch(/^1 \[\d+,\d+/);
  });

  it('compute while the heap grows', async () => {
    await setThreads(3);
    const backend = tf.backend() as BackendWasm;
    const size = () => (backend.wasm as unknown as { HEAPU8: Uint8Array }).HEAPU8.length;
    const before = large();
    const held: tf.Tensor[] = [];
    for (const start = size(); size() <= start + (64 << 20); ) {
      held.push(tf.fill([1 << 20], 1), tf.tidy(large));
      expect(held.at(-1)!).toBeAllclose(before, { rtol: 0 });
    }
    tf.dispose([before, ...held]);
  });

  it('report a part that fails in one line, and compute afterwards', async () => {
    await setThreads(2);
    const backend = tf.backend() as BackendWasm;
    const x = tf.ones<tf.Rank.R4>([64, 40, 40, 8]);
    const filter = tf.ones<tf.Rank.R4>([3, 3, 8, 8]);
    const data = backend.dataIdMap.get(x.dataId);
    const { memoryOffset } = data;
    data.memoryOffset = 2 ** 32 - 16;
    let error: unknown;
    try {
      tf.conv2d(x, filter, 1, 'same');
    } catch (thrown) {
      error = thrown;
    }
    data.memoryOffset = memoryOffset;
    expect(error).toBeInstanceOf(VggError);
    expect(error).toMatchObject({ code: 'VGG_BACKEND' });
    expect((error as Error).message).toMatch(/^the kernel convolve of the WASM backend failed: [^\n]+$/);
    const sums = tf.tidy(() => tf.sum(tf.conv2d(x, filter, 1, 'valid')).dataSync());
    expect(sums[0]).toBe(64 * 38 * 38 * 8 * 72);
    tf.dispose([x, filter]);
  });

  it.each([0, -1, 1.5, Number.NaN, 65, '2'])('refuse a number of them like %s', async (count) => {
    await expect(setThreads(count as number)).rejects.toThrow(
      `setThreads takes a whole number from 1 to 64, got ${count}`,
    );
  });
});

describe('a process', () => {
  it('has the threads of its cores, up to four, and may have others', () => {
    const script = `await tf.setBackend('wasm'); console.log(threads(), await setThreads(3), await setThreads(1));`;
    const cores = Math.min(availableParallelism(), 4);
    expect(inNode(script)).toBe(`${cores} 3 1`);
  });

  const train = `
    const gradient = () => tf.tidy(() => tf.grad((w) => tf.sum(tf.conv2d(tf.ones([4, 40, 40, 32]), w, 1, 'same')))(
      tf.ones([3, 3, 32, 32])).dataSync()[0]);`;

  it('ends by itself while workers sleep', () => {
    const script = `${train} await setThreads(3); await tf.setBackend('wasm'); console.log(threads(), gradient());`;
    expect(inNode(script)).toBe(`3 ${4 * 39 * 39}`);
  });

  it('ends by process.exit', () => {
    const script = `${train} await setThreads(2); await tf.setBackend('wasm'); console.log(gradient()); process.exit(0);`;
    expect(inNode(script)).toBe(String(4 * 39 * 39));
  });

  it('can remove the backend and start another, also with other threads', () => {
    const script = `${train}
      const factory = tf.findBackendFactory('wasm');
      const results = [];
      for (const count of [2, 3, 1, 2]) {
        await setThreads(count);
        await tf.setBackend('wasm');
        results.push(threads(), gradient());
        tf.removeBackend('wasm');
        tf.registerBackend('wasm', factory);
        results.push(threads());
      }
      console.log(results.join(' '));`;
    const sum = 4 * 39 * 39;
    expect(inNode(script)).toBe(`2 ${sum} 1 3 ${sum} 1 1 ${sum} 1 2 ${sum} 1`);
  });

  it('may have two backends at a time', () => {
    const script = `${train}
      await setThreads(2);
      const factory = tf.findBackendFactory('wasm');
      const other = factory();
      await tf.setBackend('wasm');
      const backend = await other;
      console.log(threads(), gradient(), backend !== tf.backend(), backend.wasm.HEAPU8.buffer !== tf.backend().wasm.HEAPU8.buffer);
      backend.dispose();
      console.log(gradient());`;
    expect(inNode(script)).toBe(`2 ${4 * 39 * 39} true true\n${4 * 39 * 39}`);
  });

  it('says that it is too late to ask for threads', () => {
    const script = `await setThreads(1); await tf.setBackend('wasm'); await setThreads(1);
      await setThreads(2).catch(({ code, message }) => console.log(code, message));
      console.log(threads(), WebAssembly.instantiate.name);`;
    expect(inNode(script)).toBe(
      'VGG_STATE the WASM backend has started with one thread: call setThreads before tf.setBackend\n1 instantiate',
    );
  });

  it('has one thread where memory cannot be shared', () => {
    const script = `globalThis.crossOriginIsolated = false;
      ${train} console.log(await setThreads(2)); await tf.setBackend('wasm');
      console.log(threads(), await setThreads(2), gradient());`;
    expect(inNode(script)).toBe(`1\n1 1 ${4 * 39 * 39}`);
  });

  it('has one thread where the engine refuses to share memory, or WebAssembly is frozen', () => {
    const refuse = `const { instantiate } = WebAssembly;
      WebAssembly.instantiate = (source, imports) => source.length > 1e5 && refused++ === 0
        ? Promise.reject(new RangeError('out of memory')) : instantiate(source, imports);
      let refused = 0;`;
    for (const [before, expected] of [
      [refuse, '1'],
      ['Object.freeze(WebAssembly);', '1'],
    ] as const) {
      const script = `${before} ${train} await setThreads(2); await tf.setBackend('wasm'); console.log(threads(), gradient());`;
      expect(inNode(script)).toBe(`${expected} ${4 * 39 * 39}`);
    }
  });

  it('has one thread where workers cannot start', () => {
    const script = `const original = process.getBuiltinModule;
      process.getBuiltinModule = (name) => name === 'worker_threads' ? { Worker: class { constructor() { throw new Error('none'); } } } : original(name);
      ${train} await setThreads(2); await tf.setBackend('wasm'); console.log(threads(), gradient());`;
    expect(inNode(script)).toBe(`1 ${4 * 39 * 39}`);
  });
});
