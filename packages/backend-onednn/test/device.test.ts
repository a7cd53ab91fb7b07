/** The native environment itself: order, failures, memory. */
import { randomStream } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { Device, type NativeBuffer } from '../src/device';
import { loadNative } from '../src/load';
import type { NativeOptions } from '../src/native';
import { isBuilt, reason } from './native-build';

const MEBIBYTE = 2 ** 20;

function makeDevice(options: Partial<NativeOptions> = {}): Device {
  return new Device(loadNative(), {
    threads: 2,
    memoryLimit: 256 * MEBIBYTE,
    cacheLimit: 4,
    poison: true,
    synchronous: false,
    precision: 'float32',
    ...options,
  });
}

function fill(device: Device, shape: number[], value: number): NativeBuffer {
  const buffer = device.reserve();
  device.submit('Fill', [], [{ buffer, shape, dtype: 'float32' }], [value]);
  return buffer;
}

function square(device: Device, x: NativeBuffer, shape: number[]): NativeBuffer {
  const buffer = device.reserve();
  device.submit('Square', [{ buffer: x, shape }], [{ buffer, shape, dtype: 'float32' }], []);
  return buffer;
}

function convolve(device: Device, side: number): number {
  const x = fill(device, [1, side, side, 1], 1);
  const filter = fill(device, [3, 3, 1, 1], 1);
  const buffer = device.reserve();
  device.submit(
    'Conv2D',
    [
      { buffer: x, shape: [1, side, side, 1] },
      { buffer: filter, shape: [3, 3, 1, 1] },
    ],
    [{ buffer, shape: [1, side, side, 1], dtype: 'float32' }],
    [1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
  );
  const [corner] = new Float32Array(device.readSync(buffer));
  for (const each of [x, filter, buffer]) each.release();
  return corner!;
}

describe.skipIf(!isBuilt)(`the device${reason}`, () => {
  it('copies the numbers of a part of shared memory', () => {
    const device = makeDevice();
    const part = new Float32Array(new SharedArrayBuffer(36), 8, 5);
    part.set([2, 3, 4, 5, 6]);
    const buffer = device.upload('float32', part);
    part.fill(-1);
    expect([...new Float32Array(device.readSync(buffer))]).toEqual([2, 3, 4, 5, 6]);
    const empty = device.upload('float32', new Float32Array(0));
    expect(device.readSync(empty).byteLength).toBe(0);
    device.close();
  });

  it('throws a failure at the next read, with the operation and its shapes', async () => {
    const device = makeDevice({ memoryLimit: 8 * MEBIBYTE });
    const shape = [4, MEBIBYTE];
    const [large, small] = [fill(device, shape, 1), fill(device, [1], 3)];
    await expect(device.read(small)).rejects.toMatchObject({
      code: 'VGG_BACKEND',
      message: expect.stringMatching(/^onednn: Fill -> \[4,1048576\]: out of memory: .* raise memoryLimit$/),
    });
    expect(new Float32Array(await device.read(small))[0]).toBe(3);
    expect(() => device.readSync(large)).toThrow('out of memory');
    device.close();
  });

  it('passes a failure to everything computed from it, and to nothing else', async () => {
    const device = makeDevice({ memoryLimit: 8 * MEBIBYTE });
    const [large, small] = [fill(device, [4 * MEBIBYTE], 1), fill(device, [3], 3)];
    const after = square(device, large, [4 * MEBIBYTE]);
    const healthy = square(device, small, [3]);
    await expect(device.read(after)).rejects.toThrow(/^onednn: Fill/);
    expect([...new Float32Array(await device.read(healthy))]).toEqual([9, 9, 9]);
    device.close();
  });

  it('answers a read when its numbers are there, before operations that were queued before the read', async () => {
    const device = makeDevice();
    const small = fill(device, [3], 3);
    let x = fill(device, [MEBIBYTE], 1);
    for (let i = 0; i < 200; i++) {
      const next = square(device, x, [MEBIBYTE]);
      x.release();
      x = next;
    }
    const order: string[] = [];
    const last = device.read(x).then(() => order.push('last'));
    const first = device.read(small).then(() => order.push('first'));
    await Promise.all([first, last]);
    expect(order).toEqual(['first', 'last']);
    expect([...new Float32Array(device.readSync(small))]).toEqual([3, 3, 3]);
    device.close();
  });

  it('reads the numbers of the time of the call, although later operations change them in place', async () => {
    const device = makeDevice();
    const x = fill(device, [4], 2);
    const reads: Promise<ArrayBuffer>[] = [];
    for (let i = 0; i < 5; i++) {
      reads.push(device.read(x));
      device.submit('Fill', [], [{ buffer: x, shape: [4], dtype: 'float32' }], [i]);
    }
    const values = (await Promise.all(reads)).map((bytes) => new Float32Array(bytes)[0]);
    expect(values).toEqual([2, 0, 1, 2, 3]);
    expect(new Float32Array(device.readSync(x))[0]).toBe(4);
    device.close();
  });

  it('throws from the operation itself in synchronous mode', () => {
    const device = makeDevice({ memoryLimit: 8 * MEBIBYTE, synchronous: true });
    expect(() => fill(device, [4 * MEBIBYTE], 1)).toThrow(/^onednn: Fill -> \[4194304\]: out of memory/);
    device.close();
  });

  it('reuses memory in queue order: a chain of any length needs two buffers', () => {
    const device = makeDevice({ memoryLimit: 16 * MEBIBYTE });
    let x = fill(device, [MEBIBYTE], 1);
    for (let i = 0; i < 50; i++) {
      const next = square(device, x, [MEBIBYTE]);
      x.release();
      x = next;
    }
    expect(new Float32Array(device.readSync(x)).every((v) => v === 1)).toBe(true);
    x.release();
    device.drain();
    const { bytesInUse, buffersInUse, bytesHeld } = device.statistics();
    expect({ bytesInUse, buffersInUse, held: bytesHeld / MEBIBYTE }).toEqual({
      bytesInUse: 0,
      buffersInUse: 0,
      held: 8,
    });
    device.trim();
    expect(device.statistics().bytesHeld).toBe(0);
    device.close();
  });

  it('assembles a large buffer from the pages of smaller ones, and splits a large one', () => {
    const device = makeDevice();
    const held = () => {
      device.drain();
      const { bytesInUse, bytesHeld } = device.statistics();
      return [bytesInUse / MEBIBYTE, bytesHeld / MEBIBYTE];
    };
    const small = Array.from({ length: 8 }, (_, i) => fill(device, [MEBIBYTE], i));
    const between = small.splice(3, 1)[0]!;
    for (const buffer of small) buffer.release();
    expect(held()).toEqual([4, 28]);
    const large = fill(device, [8 * MEBIBYTE], 7);
    expect(held()).toEqual([36, 0]);
    expect(new Float32Array(device.readSync(large)).every((value) => value === 7)).toBe(true);
    expect(new Float32Array(device.readSync(between)).every((value) => value === 3)).toBe(true);
    large.release();
    const again = Array.from({ length: 4 }, (_, i) => fill(device, [1.5 * MEBIBYTE], i));
    expect(held()).toEqual([28, 8]);
    for (const [i, buffer] of again.entries()) {
      expect(new Float32Array(device.readSync(buffer)).every((value) => value === i)).toBe(true);
    }
    expect(device.statistics().peakBytesInUse / MEBIBYTE).toBe(36);
    device.close();
  });

  it('holds no more memory than was in use at once, whatever sizes come and go', () => {
    const device = makeDevice({ memoryLimit: 2 ** 30, poison: false });
    const random = randomStream(1, 'sizes');
    const kept: { buffer: NativeBuffer; size: number; value: number }[] = [];
    for (let i = 0; i < 300; i++) {
      const size = Math.ceil(random.uniform() * 4) * (MEBIBYTE / 2) + i;
      kept.push({ buffer: fill(device, [size], i), size, value: i });
      while (kept.length > 2 + (i % 9)) {
        const [oldest] = kept.splice(Math.floor(random.uniform() * kept.length), 1);
        const values = new Float32Array(device.readSync(oldest!.buffer));
        expect([values.length, values[0], values.at(-1)]).toEqual([oldest!.size, oldest!.value, oldest!.value]);
        oldest!.buffer.release();
      }
    }
    device.drain();
    const { bytesInUse, bytesHeld, peakBytesInUse } = device.statistics();
    expect(bytesInUse + bytesHeld).toBe(peakBytesInUse);
    device.close();
  });

  it('keeps a limited number of primitives, and rebuilds one that was dropped', () => {
    const device = makeDevice();
    const corners = [5, 6, 7, 8, 9, 10, 5].map((side) => convolve(device, side));
    expect(corners).toEqual([4, 4, 4, 4, 4, 4, 4]);
    expect(device.statistics().cachedPrimitives).toBe(4);
    device.close();
  });

  it('reads many tensors at once, each with its own numbers', async () => {
    const device = makeDevice();
    const buffers = Array.from({ length: 100 }, (_, i) => fill(device, [i + 1], i));
    const arrays = await Promise.all(buffers.map((buffer) => device.read(buffer)));
    expect(arrays.map((bytes) => new Float32Array(bytes)).every((a, i) => a.length === i + 1 && a[i] === i)).toBe(true);
    device.close();
  });

  it('lends memory to one borrower at a time, which keeps it past the release of the buffer and past close', async () => {
    const device = makeDevice();
    const x = fill(device, [3], 1);
    const lent = await device.lend(x);
    await expect(device.lend(x)).rejects.toThrow('onednn: a storage was lent twice');
    x.release();
    const next = fill(device, [3], 2);
    device.drain();
    lent.numbers[0] = 5;
    expect([...lent.numbers]).toEqual([5, 1, 1]);
    expect([...new Float32Array(device.readSync(next))]).toEqual([2, 2, 2]);
    device.close();
    expect([...lent.numbers]).toEqual([5, 1, 1]);
    lent.release();
    expect(lent.numbers.length).toBe(0);
  });

  it('passes a failure to the borrower', async () => {
    const device = makeDevice({ memoryLimit: 8 * MEBIBYTE });
    await expect(device.lend(fill(device, [4 * MEBIBYTE], 1))).rejects.toThrow(/^onednn: Fill .*out of memory/);
    device.close();
  });

  it('rejects the reads and loans that it has not answered when it is closed', async () => {
    const device = makeDevice();
    let x = fill(device, [MEBIBYTE], 1);
    const first = device.read(x);
    for (let i = 0; i < 100; i++) {
      const next = square(device, x, [MEBIBYTE]);
      x.release();
      x = next;
    }
    const waiting = [device.read(x), device.lend(x)];
    await first;
    device.close();
    const closed = { code: 'VGG_BACKEND', message: 'onednn: the backend was closed before the numbers were read' };
    for (const each of waiting) await expect(each).rejects.toMatchObject(closed);
  });

  it('answers the reads that it has done before it is closed', async () => {
    const device = makeDevice();
    const reads = Array.from({ length: 50 }, (_, i) => device.read(fill(device, [i + 1], i)));
    device.drain();
    device.close();
    const values = (await Promise.all(reads)).map((bytes) => new Float32Array(bytes).at(-1));
    expect(values).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('reports use after close, and use of a released buffer', async () => {
    const device = makeDevice();
    const x = fill(device, [2], 1);
    x.release();
    expect(() => device.readSync(x)).toThrow('onednn: a storage was used after its release');
    await expect(device.read(x)).rejects.toMatchObject({
      code: 'VGG_BACKEND',
      message: 'onednn: a storage was used after its release',
    });
    device.close();
    await expect(device.read(x)).rejects.toMatchObject({ code: 'VGG_BACKEND' });
    expect(() => fill(device, [2], 1)).toThrow('onednn: the backend was closed');
  });
});
