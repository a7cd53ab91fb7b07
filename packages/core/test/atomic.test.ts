import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VggError } from '../src';
import { isTemporaryFile, writeFileAtomically } from '../src/node';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-atomic-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('writing a file atomically', () => {
  it('writes the parts in order and replaces an older file', async () => {
    const path = join(folder, 'a');
    await writeFile(path, 'a longer text');
    await writeFileAtomically(path, [Buffer.from('ne'), Buffer.from('w')]);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('keeps the old file and nothing else when it fails midway', async () => {
    const path = join(folder, 'c');
    await writeFile(path, 'old');
    async function* parts() {
      yield Uint8Array.of(1, 2, 3);
      expect((await readdir(folder)).map(isTemporaryFile)).toEqual([false, true]);
      throw new VggError('state', 'the tensor was disposed');
    }
    await expect(writeFileAtomically(path, parts())).rejects.toThrow('the tensor was disposed');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['c']);
  });

  it('refuses a missing folder and the path of a folder with one line', async () => {
    await expect(writeFileAtomically(join(folder, 'no', 'd'), [])).rejects.toMatchObject({
      code: 'VGG_IO',
      message: expect.stringMatching(/^cannot write .*: there is no such file/),
    });
    await mkdir(join(folder, 'taken'));
    await writeFile(join(folder, 'taken', 'x'), '');
    await expect(writeFileAtomically(join(folder, 'taken'), [])).rejects.toMatchObject({ code: 'VGG_IO' });
    expect(await readdir(folder)).toEqual(['taken']);
  });
});
