import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEMO_CLASSES, makeDemoImages } from '../src/node/demo-images';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'demo-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const few = { train: 2, validation: 1, seed: 5 };

describe('the demo images', () => {
  it('are JPEG files of ten classes in train and val, of varied sizes', async () => {
    const folder = join(home, 'images');
    expect(await makeDemoImages(folder, few)).toBe(true);
    expect(DEMO_CLASSES).toHaveLength(10);
    expect((await readdir(join(folder, 'train'))).sort()).toEqual([...DEMO_CLASSES]);
    expect(await readdir(join(folder, 'val', 'star'))).toEqual(['0000.jpg']);
    const sizes = new Set<string>();
    for (const name of DEMO_CLASSES) {
      const { format, width, height } = await sharp(join(folder, 'train', name, '0001.jpg')).metadata();
      expect(format).toBe('jpeg');
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(72);
      sizes.add(`${width}x${height}`);
    }
    expect(sizes.size).toBeGreaterThan(5);
  });

  it('are the same for a seed, other for another, and differ between train and val', async () => {
    const [one, two, other] = ['one', 'two', 'other'].map((name) => join(home, name)) as [string, string, string];
    await makeDemoImages(one, few);
    await makeDemoImages(two, few);
    await makeDemoImages(other, { ...few, seed: 6 });
    const image = (folder: string, part = 'train') => readFile(join(folder, part, 'ring', '0000.jpg'));
    expect(await image(one)).toEqual(await image(two));
    expect(await image(one)).not.toEqual(await image(other));
    expect(await image(one)).not.toEqual(await image(one, 'val'));
  });

  it('are drawn once, and again when other images are requested', async () => {
    const folder = join(home, 'images');
    await makeDemoImages(folder, few);
    const before = (await stat(join(folder, 'demo.json'))).mtimeMs;
    expect(await makeDemoImages(folder, few)).toBe(false);
    expect((await stat(join(folder, 'demo.json'))).mtimeMs).toBe(before);
    await writeFile(join(folder, 'train', 'ring', 'stale.jpg'), '');
    expect(await makeDemoImages(folder, { ...few, train: 1 })).toBe(true);
    expect(await readdir(join(folder, 'train', 'ring'))).toEqual(['0000.jpg']);
  });

  it('leave nothing when they are interrupted, and clear away what a killed process left', async () => {
    const controller = new AbortController();
    const drawing = makeDemoImages(join(home, 'images'), { ...few, train: 2000 }, controller.signal);
    setTimeout(() => controller.abort(), 30);
    expect(await drawing).toBe(false);
    expect(await readdir(home)).toEqual([]);
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    const left = `images.${child.pid}.part`;
    const kept = ['images.part', 'images.x.part', `images.${process.ppid}.part`];
    for (const name of [left, ...kept]) await mkdir(join(home, name));
    await makeDemoImages(join(home, 'images'), few);
    expect((await readdir(home)).sort()).toEqual([...kept, 'images'].sort());
  });

  it('never touch a folder that is not theirs', async () => {
    await writeFile(join(home, 'mine.txt'), 'mine');
    await expect(makeDemoImages(home, few)).rejects.toThrow(/there is something else/);
    expect(await readdir(home)).toEqual(['mine.txt']);
  });
});
