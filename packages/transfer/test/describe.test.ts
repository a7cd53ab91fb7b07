/** Descriptors of images: the rule, batches of one size, images that cannot be used, the cache. */
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fill, tensor4d } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { prepareWhole } from '@vgg/data';
import { descriptor } from '@vgg/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeImage, describeImages } from '../src';
import { type CacheKey, netHash, openDescriptorCache } from '../src/node';
import { itemsOf, noisyImage, smallNet } from './nets';

const net = smallNet();
const images = [noisyImage(1, 40, 60), noisyImage(2, 60, 40), noisyImage(3, 40, 60), noisyImage(4, 48, 48)];
let folder: string;
let key: CacheKey;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'descriptors-'));
  key = { net: await netHash(net.model), transform: net.transform, rule: { scales: [32] }, precision: 'float32' };
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  net.model.dispose();
});

describe('describeImages', () => {
  it('has the descriptors of @vgg/models, in the order of the images, whatever their sizes', async () => {
    const { descriptors, items } = await describeImages(net, itemsOf(images), {
      scales: [32, 48],
      combination: 'stack',
    });
    expect([...items]).toEqual([0, 1, 2, 3]);
    for (const [i, image] of images.entries()) {
      const inputs = [32, 48].map((scale) => {
        const { data, width, height } = prepareWhole(image, net.transform, scale);
        return tensor4d(data, [1, height, width, 3]);
      });
      const expected = descriptor(net.model, inputs, { scales: 'stack' });
      const row = descriptors.values.subarray(i * descriptors.width, (i + 1) * descriptors.width);
      expect(row).toBeAllclose(await expected.data(), { rtol: 1e-4, atol: 1e-6 });
    }
  });

  it('has one scale, that of the net, unless others are requested', async () => {
    const own = await describeImage(net, images[0]!);
    expect(own).toEqual(await describeImage(net, images[0]!, { scales: [32] }));
    expect(own).toHaveLength(64);
    expect(own.reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(1, 5);
  });

  it('skips images that cannot be used, and says why; with strict they are an error', async () => {
    const items = itemsOf(images);
    items[1]!.load = async () => {
      throw new VggError('image', 'image 1: it is damaged');
    };
    const { items: usable, skipped } = await describeImages(net, items);
    expect([...usable]).toEqual([0, 2, 3]);
    expect(skipped).toEqual([{ key: 'image 1', reason: 'image 1: it is damaged' }]);
    await expect(describeImages(net, items, { strict: true })).rejects.toThrow('image 1: it is damaged');
    await expect(describeImages(net, [items[1]!])).rejects.toThrow(
      /none of 1 images can be used: image 1: it is damaged/,
    );
  });

  it('skips an image that is too long for the memory', async () => {
    const long = { data: new Uint8Array(3 * 4100), width: 4100, height: 1 };
    const { items, skipped } = await describeImages(net, itemsOf([images[0]!, long]), { scales: [64] });
    expect([...items]).toEqual([0]);
    expect(skipped[0]!.reason).toMatch(/image 1 of 4100x1 is 262400x64 at Q = 64, above the limit of 16777216 pixels/);
  });

  it('refuses a batchPixels that is not a number of pixels', async () => {
    for (const batchPixels of [Number.NaN, 0, 0.5]) {
      const described = describeImages(net, itemsOf(images), { batchPixels });
      await expect(described).rejects.toThrow(/expected batchPixels to be an integer of at least 1, got/);
    }
  });

  it('refuses a net without preprocessing, scales that are not integers, and weights that are not finite', async () => {
    const { model } = net;
    await expect(describeImage({ model, transform: undefined }, images[0]!)).rejects.toThrow(
      /preprocessing.*not known/,
    );
    await expect(describeImage(net, images[0]!, { scales: [32.5] })).rejects.toThrow(
      /scales Q as integers from 1 to 4096, got 32.5/,
    );
    await expect(describeImage(net, images[0]!, { scales: [1e9] })).rejects.toThrow(
      /scales Q as integers from 1 to 4096, got 1000000000/,
    );
    const combination = 'max' as 'stack';
    await expect(describeImage(net, images[0]!, { combination })).rejects.toThrow(/average or stack, got max/);
    const broken = smallNet();
    const [weights] = broken.model.variables.values();
    weights!.assign(fill(weights!.shape, Number.NaN));
    await expect(describeImage(broken, images[0]!)).rejects.toThrow(/descriptor of the image is not finite: .*damaged/);
    broken.model.dispose();
  });
});

describe('the cache of descriptors', () => {
  it('continues after an interruption: what was described is not computed again', async () => {
    const cache = openDescriptorCache(folder, key);
    const controller = new AbortController();
    const first = itemsOf(images);
    const interrupted = describeImages(net, first, {
      cache,
      batchPixels: 1,
      signal: controller.signal,
      onProgress: (done) => done === 2 && controller.abort(),
    });
    await expect(interrupted).rejects.toThrow(/abort/);
    cache.close();
    const again = openDescriptorCache(folder, key);
    expect(again.size).toBe(2);
    const second = itemsOf(images);
    const { descriptors, known } = await describeImages(net, second, { cache: again });
    again.close();
    expect(known).toBe(2);
    expect(second.reduce((sum, { loads }) => sum + loads, 0)).toBe(2);
    const { descriptors: fresh } = await describeImages(net, itemsOf(images));
    expect(descriptors.values).toBeAllclose(fresh.values, { rtol: 1e-5, atol: 1e-7 });
  });

  it('has another file for another net, rule or precision, and the same for another crop', () => {
    const pathOf = (changed: Partial<CacheKey>) => {
      const cache = openDescriptorCache(join(folder, 'keys'), { ...key, ...changed });
      cache.close();
      return cache.path;
    };
    const rule = { scales: [32] };
    const paths = [
      {},
      { net: 'other' },
      { rule: { ...rule, tap: 'pool4' } },
      { rule: { scales: [48] } },
      { precision: 'b' },
    ];
    expect(new Set(paths.map(pathOf)).size).toBe(5);
    expect(pathOf({ rule: { scales: [32], flip: true } })).toBe(pathOf({}));
    expect(pathOf({ transform: { ...net.transform, crop: 1 } })).toBe(pathOf({}));
  });

  it('drops the part of a record that a kill left', () => {
    const { path } = openDescriptorCache(folder, key);
    const { size } = statSync(path);
    truncateSync(path, size - 10);
    const cache = openDescriptorCache(folder, key);
    expect(cache.size).toBe(3);
    cache.add([['ab'.repeat(32), new Float32Array(64).fill(0.5)]]);
    cache.close();
    const again = openDescriptorCache(folder, key);
    expect(again.get('ab'.repeat(32))).toEqual(new Float32Array(64).fill(0.5));
    again.close();
    expect(statSync(path).size).toBe(size);
  });

  it('says that a damaged file is to be deleted', () => {
    const { path } = openDescriptorCache(folder, key);
    const bytes = readFileSync(path);
    bytes[100]! ^= 1;
    writeFileSync(path, bytes);
    const cache = openDescriptorCache(folder, key);
    expect(() => cache.get(itemsOf(images)[0]!.hash())).toThrow(
      /descriptor cache .* is damaged \(record 0\): delete it/,
    );
    cache.close();
    writeFileSync(path, 'something else, of more than sixteen bytes');
    expect(() => openDescriptorCache(folder, key)).toThrow(/is damaged \(its header\): delete it/);
  });
});
