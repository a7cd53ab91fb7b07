/** Safetensors files on disk: random access, atomic replacement. */
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asFloat32, fromFloat32, parseSafetensors, type TensorData } from '../src/index';
import { openSafetensors, writeSafetensors } from '../src/node';

const REFERENCE = fileURLToPath(new URL('./fixtures/reference.safetensors', import.meta.url));

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-weights-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('an open file', () => {
  it('reads each tensor as in the parsed whole file', async () => {
    const whole = parseSafetensors(await readFile(REFERENCE));
    const file = await openSafetensors(REFERENCE);
    expect(file.metadata).toEqual(whole.metadata);
    expect([...file.tensors.keys()]).toEqual([...whole.tensors.keys()]);
    for (const [name, expected] of whole.tensors) {
      const read = await file.read(name);
      expect({ ...read, bytes: Buffer.from(read.bytes) }).toEqual({ ...expected, bytes: Buffer.from(expected.bytes) });
    }
    await file.close();
  });

  it('reads only the requested tensor', async () => {
    // A sparse file of 16 GiB: reading all of it, or more than the tensor, would fail.
    const path = join(folder, 'huge.safetensors');
    const json = JSON.stringify({
      small: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
      huge: { dtype: 'U8', shape: [2 ** 34 - 8], data_offsets: [4, 2 ** 34 - 4] },
      last: { dtype: 'U8', shape: [4], data_offsets: [2 ** 34 - 4, 2 ** 34] },
    });
    const head = Buffer.alloc(8 + json.length + 4);
    head.writeBigUInt64LE(BigInt(json.length));
    head.write(json, 8);
    head.writeFloatLE(1.5, 8 + json.length);
    await writeFile(path, head);
    await truncate(path, 8 + json.length + 2 ** 34);
    const file = await openSafetensors(path);
    expect([...asFloat32(await file.read('small'))]).toEqual([1.5]);
    expect([...(await file.read('last')).bytes]).toEqual([0, 0, 0, 0]);
    await file.close();
  });

  it('names the nearest tensor for an unknown name', async () => {
    const file = await openSafetensors(REFERENCE);
    await expect(file.read('conv1_1.weights')).rejects.toThrow(
      `${REFERENCE} has no tensor conv1_1.weights (did you mean "conv1_1.weight"?)`,
    );
    await file.close();
  });

  it('reports a file that is cut short after it was opened', async () => {
    const path = join(folder, 'cut.safetensors');
    const bytes = await readFile(REFERENCE);
    await writeFile(path, bytes);
    const file = await openSafetensors(path);
    await truncate(path, bytes.length - 10);
    await expect(file.read('rounding.f16')).rejects.toMatchObject({
      code: 'VGG_WEIGHTS',
      message: expect.stringContaining('cut short while read'),
    });
    await file.close();
  });

  it.each([
    ['missing', 'VGG_IO', /cannot read .*missing: there is no such file/],
    ['empty', 'VGG_WEIGHTS', /empty is not a valid safetensors file: expected at least 8 bytes, got 0/],
    ['text', 'VGG_WEIGHTS', /text is not a valid safetensors file: its header claims/],
    ['folder', 'VGG_WEIGHTS', /folder is not a file/],
    ['short', 'VGG_WEIGHTS', /short is not a valid safetensors file: tensor .* ends at byte/],
  ])('%s is refused with one line', async (name, code, message) => {
    await writeFile(join(folder, 'empty'), '');
    await writeFile(join(folder, 'text'), 'not weights at all');
    await mkdir(join(folder, 'folder'));
    await writeFile(join(folder, 'short'), (await readFile(REFERENCE)).subarray(0, 2000));
    await expect(openSafetensors(join(folder, name))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe('writing a file', () => {
  it('writes tensors of TF.js and bytes', async () => {
    const path = join(folder, 'a.safetensors');
    const tensors = new Map<string, Tensor | TensorData>([
      [
        'weight',
        tensor([
          [1, 2.5],
          [3, -4],
        ]),
      ],
      ['labels', tensor([7, -8], [2], 'int32')],
      ['half', fromFloat32([1], Float32Array.of(0.5), 'F16')],
    ]);
    await writeSafetensors(path, tensors, { step: '12' });
    const read = parseSafetensors(await readFile(path));
    expect(read.metadata).toEqual({ step: '12' });
    expect(read.tensors.get('weight')).toMatchObject({ dtype: 'F32', shape: [2, 2] });
    expect([...asFloat32(read.tensors.get('weight')!)]).toEqual([1, 2.5, 3, -4]);
    expect(read.tensors.get('labels')).toMatchObject({ dtype: 'I32', shape: [2] });
    expect(Buffer.from(read.tensors.get('labels')!.bytes).readInt32LE(4)).toBe(-8);
    expect([...asFloat32(read.tensors.get('half')!)]).toEqual([0.5]);
    expect(await readdir(folder)).toEqual(['a.safetensors']);
  });

  it('refuses other tensors before writing to the disk', async () => {
    const tensors = new Map([['mask', tensor([true])]]);
    await expect(writeSafetensors(join(folder, 'b'), tensors)).rejects.toThrow(
      'tensor mask must be float32 or int32, got bool',
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not change the file for a reader that has opened it', async () => {
    const path = join(folder, 'f.safetensors');
    await writeSafetensors(path, new Map([['x', fromFloat32([1], Float32Array.of(1))]]));
    const old = await openSafetensors(path);
    await writeSafetensors(path, new Map([['x', fromFloat32([1], Float32Array.of(2))]]));
    const fresh = await openSafetensors(path);
    expect([asFloat32(await old.read('x'))[0], asFloat32(await fresh.read('x'))[0]]).toEqual([1, 2]);
    await Promise.all([old.close(), fresh.close()]);
  });
});
