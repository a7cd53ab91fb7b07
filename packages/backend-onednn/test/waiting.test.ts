/** Threads spin on a quiet machine and sleep on a busy one (native/waiting.cc). */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Device, type Operand } from '../src/device';
import { loadNative } from '../src/load';
import { isBuilt, reason } from './native-build';

/** Returns `count` measurements of 0.1 s each. */
const measurements = (waiting: number, count: number) =>
  Array.from({ length: count }, (): [number, number] => [0.1, waiting]);

/** Returns the decisions as text: S for sleep, . for spin. */
const decisions = (...parts: [number, number][][]): string =>
  loadNative()
    .sleepsAfter(parts.flat())
    .map((sleeps) => (sleeps ? 'S' : '.'))
    .join('');

describe.skipIf(!isBuilt)(`the decision to spin or sleep${reason}`, () => {
  it('is to spin as long as few threads wait for a processor', () => {
    expect(decisions(measurements(0, 3), measurements(0.59, 3))).toBe('......');
  });

  it('is to spin on when threads wait in one measurement by chance', () => {
    expect(decisions(...[0.4, 0.85, 0.4, 0.85, 0.4].map((waiting) => measurements(waiting, 1)))).toBe('.....');
  });

  it('is to sleep at once when many threads wait, and as long as they wait', () => {
    expect(decisions(measurements(0.2, 2), measurements(1.1, 1), measurements(0.5, 4))).toBe('..SSSSS');
  });

  it('is to sleep after some time when few more than the bound wait', () => {
    expect(decisions(measurements(0.2, 2), measurements(0.75, 4))).toBe('....SS');
  });

  it('counts a long measurement as much as several short ones', () => {
    expect(loadNative().sleepsAfter([[0.1, 0.75]])).toEqual([false]);
    expect(loadNative().sleepsAfter([[0.5, 0.75]])).toEqual([true]);
  });

  it('is to spin again when threads no longer wait', () => {
    expect(decisions(measurements(1.1, 1), measurements(0.3, 3))).toBe('S...');
  });

  it('tries to spin more and more rarely while trials fail', () => {
    const busyWhenSpinning = [1.1, ...[0, 1.1], ...[0, 0, 1.1], ...[0, 0, 0, 0, 1.1]].map((waiting) =>
      measurements(waiting, 1),
    );
    expect(decisions(...busyWhenSpinning)).toBe('S.SS.SSSS.S');
  });

  it('forgets failed trials after half a second of spinning', () => {
    const failed = [1.1, 0, 1.1].map((waiting) => measurements(waiting, 1));
    expect(decisions(...failed, measurements(0, 8), measurements(1.1, 1), measurements(0, 1))).toBe('S.SS.......S.');
  });
});

/** Runs operations on `threads` threads until `enough`, next to twice as many endless loops as there are processors. */
async function nextToLoops(threads: number, enough: (sleeps: boolean, seconds: number) => boolean): Promise<boolean> {
  const loops = Array.from({ length: 2 * availableParallelism() }, () => new Worker('for (;;) {}', { eval: true }));
  const device = new Device(loadNative(), {
    threads,
    memoryLimit: 2 ** 30,
    cacheLimit: 16,
    poison: false,
    synchronous: false,
    precision: 'float32',
  });
  try {
    const shape = [1, 256, 256];
    const operand: Operand = { shape, buffer: device.upload('float32', new Float32Array(256 * 256)) };
    const start = performance.now();
    for (;;) {
      const { sleeps } = device.statistics();
      if (enough(sleeps, (performance.now() - start) / 1000)) return sleeps;
      const buffer = device.reserve();
      device.submit('BatchMatMul', [operand, operand], [{ shape, dtype: 'float32', buffer }], [1, 0, 0, 0]);
      await device.read(buffer);
      buffer.release();
    }
  } finally {
    device.close();
    await Promise.all(loops.map((loop) => loop.terminate()));
  }
}

describe.skipIf(!isBuilt)(`threads next to endless loops${reason}`, () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each([2, 3])('sleep: %i threads', async (threads) => {
    expect(await nextToLoops(threads, (sleeps) => sleeps)).toBe(true);
  });

  it('wait as the user chose', async () => {
    vi.stubEnv('GOMP_SPINCOUNT', '100');
    expect(await nextToLoops(2, (sleeps, seconds) => sleeps || seconds > 0.5)).toBe(false);
  });
});
