import { randomStream } from '@vgg/core';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { nearDuplicates, openSource } from '../src/node';
import { folder, jpeg, png } from './images';

/** A random landscape of smooth blobs. */
async function scene(seed: number): Promise<{ data: Uint8Array; width: number; height: number }> {
  const random = randomStream(seed, 'scene');
  const coarse = Uint8Array.from({ length: 7 * 5 * 3 }, () => random.integer(256));
  const [width, height] = [160, 120];
  const data = await sharp(coarse, { raw: { width: 7, height: 5, channels: 3 } })
    .resize(width, height, { kernel: 'cubic', fit: 'fill' })
    .raw()
    .toBuffer();
  return { data, width, height };
}

it('images that were rescaled, compressed or brightened are found in another part, other images are not', async () => {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 12; i++) files[`train/a/${i}.png`] = await png(await scene(i));
  const raw = (i: number) =>
    scene(i).then(({ data, width, height }) => sharp(data, { raw: { width, height, channels: 3 } }));
  files['val/a/small.jpg'] = await (await raw(3)).resize(80, 60).jpeg({ quality: 60 }).toBuffer();
  files['val/a/bright.png'] = await (await raw(7)).modulate({ brightness: 1.1 }).png().toBuffer();
  files['val/a/other.jpg'] = await jpeg(await scene(50));
  files['val/a/flat.png'] = await png({ data: new Uint8Array(48 * 48 * 3).fill(90), width: 48, height: 48 });
  files['train/a/flat.png'] = files['val/a/flat.png']!;
  files['val/a/broken.jpg'] = Buffer.from('text');
  const { train, validation } = await openSource(folder(files));
  const calls: number[] = [];
  const pairs = await nearDuplicates(train!, validation!, { onProgress: (done) => calls.push(done) });
  const names = pairs.map(({ first, second }) =>
    `${validation!.key(second)} ${train!.key(first)}`.replaceAll('\\', '/'),
  );
  expect(names).toEqual(['a/bright.png a/7.png', 'a/small.jpg a/3.png']);
  expect(calls).toEqual([18]);
});
