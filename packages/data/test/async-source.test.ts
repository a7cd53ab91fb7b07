/** Sources over object stores and databases: images that are fetched when they are needed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { VggError } from '@vgg/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AsyncImageSource, type Batch, type BatchLoader, type ImageLocation, splitByClass, subset } from '../src';
import { createBatches, createEvaluationBatches, imageItems, trainingStatistics } from '../src/node';
import { folder, patternImage, png } from './images';

const COUNT = 12;
const TRANSFORM = { crop: 16, scale: 20, flip: true, colour: null, mean: [120, 115, 100] } as const;

/** Returns a store of images and the largest number of them that were requested at once. */
async function store(fault?: (index: number) => Error | undefined) {
  const files = await Promise.all(Array.from({ length: COUNT }, (_, i) => png(patternImage(24 + i, 30, i))));
  const requests = { now: 0, most: 0 };
  const source: AsyncImageSource = {
    name: 'store',
    classes: ['a', 'b'],
    length: COUNT,
    label: (index) => index % 2,
    key: (index) => `${index}.png`,
    async location(index): Promise<ImageLocation> {
      requests.now += 1;
      requests.most = Math.max(requests.most, requests.now);
      await sleep((index * 7) % 5);
      requests.now -= 1;
      const error = fault?.(index);
      if (error) throw error;
      return { kind: 'bytes', data: files[index]! };
    },
  };
  const local = { ...source, location: (index: number): ImageLocation => ({ kind: 'bytes', data: files[index]! }) };
  return { source, local, requests };
}

async function batchesOf(loader: BatchLoader): Promise<Batch[]> {
  onTestFinished(() => loader.close());
  const batches: Batch[] = [];
  for await (const batch of loader.epoch(2)) batches.push(batch);
  return batches;
}

describe('an asynchronous source', () => {
  it.each([0, 2])('gives the batches of a local one, with %i workers, a few requests at once', async (workers) => {
    const { source, local, requests } = await store();
    const options = { batchSize: 3, seed: 1, transform: TRANSFORM, workers, prefetch: 2 };
    const batches = await batchesOf(createBatches(source, options));
    expect(batches).toEqual(await batchesOf(createBatches(local, options)));
    expect(batches).toHaveLength(4);
    expect(requests.most).toBeLessThanOrEqual(6);
  });

  it('skips images that it says cannot be used, and replaces them in training', async () => {
    const { source } = await store((index) => (index === 4 ? new VggError('image', '4.png: deleted') : undefined));
    const { flip: _, colour: __, ...transform } = TRANSFORM;
    const evaluation = createEvaluationBatches(source, { batchSize: 5, transform, workers: 1 });
    expect((await batchesOf(evaluation)).map(({ size }) => size)).toEqual([4, 5, 2]);
    expect(evaluation.skipped).toEqual([{ index: 4, key: '4.png', reason: '4.png: deleted' }]);
    const training = createBatches(source, { batchSize: 4, seed: 1, transform: TRANSFORM, workers: 1 });
    const indices = (await batchesOf(training)).flatMap((batch) => [...batch.indices]);
    expect(indices).toHaveLength(COUNT);
    expect(indices).not.toContain(4);
    const { skipped, count } = await trainingStatistics(source, { workers: 1 });
    expect(skipped.map(({ index }) => index)).toEqual([4]);
    expect(count).toBeGreaterThan(0);
  });

  it('that fails ends the epoch with its reason', async () => {
    const { source } = await store((index) => (index === 7 ? new Error('connection reset') : undefined));
    const loader = createBatches(source, { batchSize: 4, seed: 1, transform: TRANSFORM, workers: 1 });
    const expected = { code: 'VGG_IO', message: '7.png cannot be fetched: connection reset' };
    await expect(batchesOf(loader)).rejects.toMatchObject(expected);
    await expect(trainingStatistics(source, { workers: 0, cache: null })).rejects.toMatchObject(expected);
  });

  it('may return a promise of another realm', async () => {
    const { source, local } = await store();
    const foreign = {
      ...source,
      location: (index: number): PromiseLike<ImageLocation> =>
        runInNewContext('Promise').resolve(local.location(index)),
    };
    const { flip: _, colour: __, ...transform } = TRANSFORM;
    const options = { batchSize: 3, transform, workers: 1 };
    const batches = await batchesOf(createEvaluationBatches(foreign, options));
    expect(batches).toEqual(await batchesOf(createEvaluationBatches(local, options)));
    const statistics = await trainingStatistics(foreign, { workers: 0 });
    expect(statistics).toEqual(await trainingStatistics(local, { workers: 0, cache: null }));
  });

  it('that throws at once has the faults of one that rejects', async () => {
    const { local } = await store();
    const throwing = (error: Error) => ({
      ...local,
      location(index: number): ImageLocation {
        if (index === 4) throw error;
        return local.location(index);
      },
    });
    const { flip: _, colour: __, ...transform } = TRANSFORM;
    const skipping = throwing(new VggError('image', '4.png: deleted'));
    const evaluation = createEvaluationBatches(skipping, { batchSize: 5, transform, workers: 1 });
    expect((await batchesOf(evaluation)).map(({ size }) => size)).toEqual([4, 5, 2]);
    const cache = folder({});
    expect((await trainingStatistics(skipping, { workers: 0, cache })).skipped.map(({ index }) => index)).toEqual([4]);
    const failing = throwing(new Error('connection reset'));
    const expected = { code: 'VGG_IO', message: '4.png cannot be fetched: connection reset' };
    const loader = createBatches(failing, { batchSize: 4, seed: 1, transform: TRANSFORM, workers: 1 });
    await expect(batchesOf(loader)).rejects.toMatchObject(expected);
    await expect(trainingStatistics(failing, { workers: 0, cache })).rejects.toMatchObject(expected);
  });

  it('can be divided, and gives whole images and statistics', async () => {
    const { source, local } = await store();
    const { train, validation } = splitByClass(source, 0.25);
    expect([train.length, validation.length]).toEqual([8, 4]);
    const [item] = imageItems(subset(source, [3]));
    expect(await item!.load()).toMatchObject({ width: 27, height: 30 });
    const statistics = await trainingStatistics(source, { workers: 1 });
    expect(statistics).toEqual(await trainingStatistics(local, { workers: 1, cache: null }));
  });

  it('may be left in the middle of an epoch', async () => {
    const { source } = await store();
    const loader = createBatches(source, { batchSize: 3, seed: 1, transform: TRANSFORM, workers: 1 });
    for await (const batch of loader.epoch(0)) {
      expect(batch.size).toBe(3);
      break;
    }
    await loader.close();
  });
});
