/** Images that lie in several classes as copies of the same bytes. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { classCopies, openSource, trainingStatistics } from '../src/node';
import { folder, patternImage, png } from './images';

it('copies are found with the statistics, which keep them, and by the sizes of files', async () => {
  const image = patternImage(16, 12, 3);
  const mirrored = { ...image, data: image.data.slice() };
  for (let i = 0; i < 16 * 12; i++) {
    const from = 3 * (i - (i % 16) + 15 - (i % 16));
    mirrored.data.set(image.data.subarray(from, from + 3), 3 * i);
  }
  const [one, flipped, other] = await Promise.all([png(image), png(mirrored), png(patternImage(16, 12, 5))]);
  const path = folder({
    'cat/1.png': one,
    'cat/2.png': other,
    'cat/3.png': other,
    'dog/4.png': flipped,
    'dog/5.png': one,
    'fox/6.png': one,
    'fox/7.png': 'no image',
    'dog/8.png': 'no image',
  });
  const { train } = await openSource(path);
  const cache = mkdtempSync(join(tmpdir(), 'vgg-cache-'));
  onTestFinished(() => rmSync(cache, { recursive: true }));
  const expected = [['cat/1.png', 'dog/5.png', 'fox/6.png']];
  const first = await trainingStatistics(train!, { workers: 0, cache });
  expect([first.copies, first.skipped.length]).toEqual([expected, 2]);
  expect(readdirSync(cache)).toHaveLength(1);
  expect((await trainingStatistics(train!, { workers: 0, cache })).copies).toEqual(expected);
  expect(await classCopies(train!)).toEqual([...expected, ['dog/8.png', 'fox/7.png']]);
});
