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

/** Classes whose figures are filled with one colour and have no thin parts. */
const SOLID: readonly string[] = ['disc', 'square', 'ring', 'cross'];

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
      expect(box.left + box.width).toBeLessThanOrEqual(width);
      expect(box.top + box.height).toBeLessThanOrEqual(height);
      if (!SOLID.includes(name)) continue;
      // The lightness of a figure is at most 32 % or at least 68 %, that of its background from 40 to 60 %, with noise of 6 %.
      const isFigure = (x: number, y: number) => {
        const pixel = [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
        const lightness = (Math.max(...pixel) + Math.min(...pixel)) / 510;
        return lightness < 0.35 || lightness > 0.65;
      };
      const seen = { left: width, top: height, right: 0, bottom: 0 };
      for (let y = 1; y < height - 1; y++) {
        for (let x = 1; x < width - 1; x++) {
          if (!(isFigure(x, y) && isFigure(x - 1, y) && isFigure(x + 1, y) && isFigure(x, y - 1) && isFigure(x, y + 1)))
            continue;
          seen.left = Math.min(seen.left, x - 1);
          seen.top = Math.min(seen.top, y - 1);
          seen.right = Math.max(seen.right, x + 2);
          seen.bottom = Math.max(seen.bottom, y + 2);
        }
      }
      const found = [seen.left, seen.top, seen.right - seen.left, seen.bottom - seen.top];
      expect(found, image).toBeAllclose([box.left, box.top, box.width, box.height], { rtol: 0, atol: 6 });
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
