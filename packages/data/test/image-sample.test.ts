/** Images that are recognised elsewhere. */
import { cpSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countSampled, holdsSample, makeDemoImages, openSource, sampleImages } from '../src/node';

const home = mkdtempSync(join(tmpdir(), 'image-sample-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const folder = join(home, 'images');
beforeAll(async () => {
  await makeDemoImages(folder, { train: 2, validation: 1, seed: 1 });
});

it('a data set holds its sample after it has moved, and one with another content does not', async () => {
  const { train } = await openSource(folder);
  const sample = sampleImages(folder, train!);
  expect(sample).toHaveLength(20);
  expect(sample[0]).toEqual({ id: 'train/checks/0000.jpg', bytes: expect.any(Number), sha256: expect.any(String) });
  const moved = join(home, 'moved');
  cpSync(folder, moved, { recursive: true });
  expect(holdsSample(await openSource(moved), moved, sample)).toBe(true);
  for (const { id } of sample.slice(0, 3)) writeFileSync(join(moved, id), 'other');
  expect(holdsSample(await openSource(moved), moved, sample)).toBe(false);
});

it('images of a sample are counted by their content under other names', async () => {
  const { train } = await openSource(folder);
  const sample = sampleImages(folder, train!);
  const other = join(home, 'other');
  await makeDemoImages(other, { train: 1, validation: 1, seed: 1 });
  renameSync(join(other, 'train/star/0000.jpg'), join(other, 'train/star/renamed.jpg'));
  expect(countSampled((await openSource(other)).train!, sample)).toBe(10);
});

it('an image that cannot be read is not counted', async () => {
  const { train } = await openSource(folder);
  const sample = sampleImages(folder, train!);
  const other = join(home, 'unreadable');
  await makeDemoImages(other, { train: 2, validation: 1, seed: 1 });
  const source = (await openSource(other)).train!;
  const loop = join(other, 'train/star/0000.jpg');
  rmSync(loop);
  symlinkSync('0000.jpg', loop);
  expect(countSampled(source, sample)).toBe(19);
});
