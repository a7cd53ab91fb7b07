/** Images that are recognised elsewhere. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ImageLocation, ImageSource } from '../src';
import { countSampled, holdsSample, makeDemoImages, openSource, sampleImages } from '../src/node';
import { nameOf } from '../src/node/byte-names';

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
  expect(sample[0]).toEqual({
    id: 'train/checks/0000.jpg',
    bytes: expect.any(Number),
    sha256: expect.any(String),
    label: 0,
  });
  const moved = join(home, 'moved');
  cpSync(folder, moved, { recursive: true });
  expect(holdsSample(await openSource(moved), moved, sample)).toBe(true);
  for (const { id } of sample.slice(0, 3)) writeFileSync(join(moved, id), 'other');
  expect(holdsSample(await openSource(moved), moved, sample)).toBe(false);
});

it('images with names of any bytes are sampled, and those beyond the end of their file are not', () => {
  const content = Buffer.from('content');
  const path = Buffer.concat([Buffer.from(`${home}/gr`), Buffer.from([0xfc]), Buffer.from('n.jpg')]);
  writeFileSync(path, content);
  const place = { path: join(home, nameOf(Buffer.from([0x67, 0x72, 0xfc, 0x6e, 0x2e, 0x6a, 0x70, 0x67]))) };
  const sourceOf = (...locations: ImageLocation[]): ImageSource => ({
    name: 'source',
    classes: ['only'],
    length: locations.length,
    label: () => 0,
    key: String,
    location: (index) => locations[index]!,
  });
  const source = sourceOf(
    { kind: 'file', ...place },
    { kind: 'range', ...place, offset: 1, length: 2 },
    { kind: 'planes', ...place, offset: 4, width: 1, height: 1 },
    { kind: 'range', ...place, offset: 4, length: 4 },
    { kind: 'planes', ...place, offset: 5, width: 1, height: 1 },
  );
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const sample = sampleImages(home, source);
  expect(sample).toEqual([
    { id: 'gr\udcfcn.jpg', bytes: 7, sha256: sha256(content), label: 0 },
    { id: 'gr\udcfcn.jpg#1', bytes: 2, sha256: sha256(content.subarray(1, 3)), label: 0 },
    { id: 'gr\udcfcn.jpg#4', bytes: 3, sha256: sha256(content.subarray(4)), label: 0 },
  ]);
  expect(countSampled(source, sample)).toBe(3);
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
