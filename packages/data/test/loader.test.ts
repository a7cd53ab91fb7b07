import { describe, expect, it, onTestFinished } from 'vitest';
import type { Batch, BatchLoader, TrainTransform } from '../src';
import { createBatches, openClassFolders } from '../src/node';
import { folder, jpeg, picture } from './images';

const TRANSFORM: TrainTransform = {
  crop: 32,
  scale: [36, 64],
  flip: true,
  colour: {
    values: [0.2, 0.02, 0.004],
    vectors: [
      [0.6, 0.6, 0.5],
      [-0.7, 0, 0.7],
      [0.4, -0.8, 0.4],
    ],
    sigma: 0.1,
  },
  mean: [120, 115, 100],
};

async function photographs(): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 18; i++) {
    files[`${['cat', 'dog', 'fox'][i % 3]}/${i}.jpg`] = await jpeg(picture(60 + 5 * i, 90 - 2 * i, i));
  }
  return files;
}

async function batchesOf(loader: BatchLoader, epoch: number, start = 0): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader.epoch(epoch, start)) batches.push(batch);
  return batches;
}

describe('createBatches', () => {
  it('makes the same batches, bit for bit, with any number of workers and from any batch on', async () => {
    const source = await openClassFolders(folder(await photographs()));
    const load = async (workers: number, start: number) => {
      const loader = createBatches(source, { transform: TRANSFORM, batchSize: 4, seed: 7, workers });
      onTestFinished(() => loader.close());
      return batchesOf(loader, 3, start);
    };
    const reference = await load(0, 0);
    expect(reference.map(({ index, size, epoch }) => [index, size, epoch])).toEqual([0, 1, 2, 3].map((i) => [i, 4, 3]));
    expect(await load(1, 0)).toEqual(reference);
    expect(await load(4, 0)).toEqual(reference);
    expect(await load(2, 2)).toEqual(reference.slice(2));
  });
});
