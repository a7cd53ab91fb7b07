/** Augmentation by a function of a module, in the data workers. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { randomStream } from '@vgg/core';
import { expect, it, onTestFinished } from 'vitest';
import { rawSource, type TrainTransform } from '../src';
import { createBatches, type TrainingLoaderOptions } from '../src/node';
import { folder } from './images';

const MODULE = `
export default (pixels) => pixels.fill(7);
/** Adds random noise up to an amount, and writes the image's number. */
export function noise(pixels, { random, options, width, height, epoch, index }) {
  if (pixels.length !== width * height * 3) throw new Error('wrong size');
  for (let i = 0; i < pixels.length; i++) pixels[i] += options.amount * random.uniform();
  pixels[0] = 10 * epoch + index;
}
export const text = 'not a function';
export function broken() { throw new Error('no such colour'); }
`;
const TRANSFORM: TrainTransform = { crop: 4, scale: 4, flip: false, colour: null, mean: [1, 2, 3] };

function moduleFile(): string {
  const path = join(folder({}), 'augment.mjs');
  writeFileSync(path, MODULE);
  return path;
}

async function images(
  augment: TrainingLoaderOptions['augment'],
  options: Partial<TrainingLoaderOptions> = {},
  epoch = 0,
) {
  const pixels = new Uint8Array(6 * 4 * 4 * 3).fill(100);
  const source = rawSource({ images: pixels, labels: [0, 0, 0, 1, 1, 1], classes: ['a', 'b'], width: 4, height: 4 });
  const order = () => Uint32Array.of(0, 1, 2, 3, 4, 5);
  const settings = { transform: TRANSFORM, batchSize: 6, seed: 5, workers: 0, order, ...options };
  const loader = createBatches(source, { ...settings, augment });
  onTestFinished(() => loader.close());
  for await (const batch of loader.epoch(epoch)) return batch.images;
  throw new Error('no batch');
}

it('changes RGB from 0 to 255 before the mean is subtracted', async () => {
  const [red, green, blue] = await images({ module: moduleFile() });
  expect([red, green, blue]).toEqual([6, 5, 4]);
  const transform = { ...TRANSFORM, mean: [0, 0, 0], std: [0.5, 0.5, 0.5], range: 1 } as const;
  expect((await images({ module: moduleFile() }, { transform }))[0]).toBeCloseTo((7 / 255) * 2, 6);
});

it('has random numbers of (seed, epoch, image), for any number of workers', async () => {
  const augment = { module: pathToFileURL(moduleFile()), name: 'noise', options: { amount: 10 } };
  const reference = await images(augment, {}, 2);
  expect(await images(augment, { workers: 2 }, 2)).toEqual(reference);
  expect(await images(augment, { workers: 1 }, 3)).not.toEqual(reference);
  const [size, third] = [4 * 4 * 3, 2];
  const noise = randomStream(5, 'augment', 2, third).fillUniform(new Float32Array(size));
  const own = reference.subarray(third * size, (third + 1) * size);
  expect(own[0]).toBe(10 * 2 + third - 1);
  expect(own[4]).toBeCloseTo(100 + 10 * noise[4]! - 2, 4);
});

it.each<[string, (path: string) => TrainingLoaderOptions['augment'], RegExp]>([
  [
    'a relative path',
    () => ({ module: './augment.mjs' }),
    /a file URL or an absolute path, got .\/augment.mjs: use new URL/,
  ],
  [
    'a missing module',
    () => ({ module: '/nowhere/augment.mjs' }),
    /file:\/\/\/nowhere\/augment.mjs of augment cannot be imported/,
  ],
  [
    'a missing export',
    (module) => ({ module, name: 'nois' }),
    /has no function nois: it exports default, noise, text, broken/,
  ],
  ['a value', (module) => ({ module, name: 'text' }), /has no function text/],
  ['a function that fails', (module) => ({ module, name: 'broken' }), /no such colour/],
])('refuses %s', async (_, augment, message) => {
  await expect(images(augment(moduleFile()))).rejects.toThrow(message);
});
