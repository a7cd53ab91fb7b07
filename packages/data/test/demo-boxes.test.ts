import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demoBoxes, makeDemoBoxes } from '../src/node/demo-boxes';
import { DEMO_CLASSES } from '../src/node/demo-images';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'demo-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const few = { train: 2, validation: 1, seed: 5 };

describe('the boxes of the demo images', () => {
  it('are those of the figures in the files', async () => {
    const folder = join(home, 'images');
    expect(await makeDemoBoxes(folder, few)).toBe(true);
    const boxes = await demoBoxes(few);
    expect(boxes).toHaveLength(30);
    expect(boxes.filter(({ image }) => image.startsWith('val/'))).toHaveLength(10);
    expect([...new Set(boxes.map(({ name }) => name))]).toEqual([...DEMO_CLASSES]);
    for (const { image, name, width, height, box } of boxes) {
      expect(image.split('/')[1]).toBe(name);
      const { data, info } = await sharp(join(folder, image)).raw().toBuffer({ resolveWithObject: true });
      expect(info).toMatchObject({ width, height });
      // A figure is lighter or darker than its background, so its box varies more than the noise of the image's darkest or
      // lightest other places: the mean difference from the median is larger inside than outside.
      const median = [...data].sort((a, b) => a - b)[data.length >> 1]!;
      const sums = { inside: [0, 0], outside: [0, 0] } as Record<'inside' | 'outside', [number, number]>;
      for (let i = 0; i < data.length; i++) {
        const x = Math.floor(i / 3) % width;
        const y = Math.floor(i / 3 / width);
        const isInside = x >= box.left && x < box.left + box.width && y >= box.top && y < box.top + box.height;
        const sum = sums[isInside ? 'inside' : 'outside'];
        sum[0] += Math.abs(data[i]! - median);
        sum[1] += 1;
      }
      expect(sums.inside[0] / sums.inside[1], image).toBeGreaterThan(sums.outside[0] / sums.outside[1]);
    }
  });

  it('are written to one CSV file, once', async () => {
    const folder = join(home, 'images');
    await makeDemoBoxes(folder, few);
    const [header, first] = (await readFile(join(folder, 'boxes.csv'), 'utf8')).split('\n');
    expect(header).toBe('image,class,left,top,width,height');
    expect(first).toMatch(/^train\/checks\/0000\.jpg,checks(,\d+){4}$/);
    const before = (await stat(join(folder, 'boxes.csv'))).mtimeMs;
    expect(await makeDemoBoxes(folder, few)).toBe(false);
    expect((await stat(join(folder, 'boxes.csv'))).mtimeMs).toBe(before);
  });
});
