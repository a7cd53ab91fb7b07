import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Batch,
  type BatchLoader,
  crop,
  drawAugmentation,
  type ImageSource,
  flip as mirror,
  rawSource,
  rescale,
  type TrainTransform,
  trainingGeometry,
} from '../src';
import {
  createBatches,
  createEvaluationBatches,
  decodeImage,
  openClassFolders,
  type TrainingLoaderOptions,
} from '../src/node';
import { folder, jpeg, patternImage, png } from './images';

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
const IMAGES = 18;

async function photographs(): Promise<Record<string, Uint8Array | string>> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < IMAGES; i++) {
    files[`${['cat', 'dog', 'fox'][i % 3]}/${i}.jpg`] = await jpeg(patternImage(60 + 5 * i, 90 - 2 * i, i));
  }
  return files;
}

/** Opens the same images with one bad file among them. */
async function damaged(): Promise<ImageSource> {
  const files = await photographs();
  return openClassFolders(folder({ ...files, 'dog/10.jpg': files['dog/10.jpg']!.slice(0, 700) }));
}

function load(source: ImageSource, options: Partial<TrainingLoaderOptions> = {}): BatchLoader {
  const loader = createBatches(source, { transform: TRANSFORM, batchSize: 4, seed: 7, workers: 0, ...options });
  onTestFinished(() => loader.close());
  return loader;
}

async function batchesOf(loader: BatchLoader, epoch = 3, start = 0): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader.epoch(epoch, start)) batches.push(batch);
  return batches;
}

const indicesOf = (batches: readonly Batch[]) => batches.flatMap(({ indices }) => [...indices]);

describe('createBatches', () => {
  it('makes the same batches, bit for bit, for 0, 1 and 4 workers and starting at any batch', async () => {
    const source = await openClassFolders(folder(await photographs()));
    const reference = await batchesOf(load(source));
    expect(reference.map(({ index, size, epoch }) => [index, size, epoch])).toEqual([0, 1, 2, 3].map((i) => [i, 4, 3]));
    expect(await batchesOf(load(source, { workers: 1, prefetch: 1 }))).toEqual(reference);
    expect(await batchesOf(load(source, { workers: 4, prefetch: 3 }))).toEqual(reference);
    expect(await batchesOf(load(source, { workers: 2 }), 3, 2)).toEqual(reference.slice(2));
  });

  it('prepares only the share of each batch that one process needs, to the same bits, bad images replaced', async () => {
    const source = await damaged();
    const whole = await batchesOf(load(source));
    const shares = [
      { first: 0, end: 1 },
      { first: 1, end: 4 },
      { first: 4, end: 4 },
    ];
    const pixels = 32 * 32 * 3;
    for (const share of shares) {
      const batches = await batchesOf(load(source, { share, workers: 1 }));
      const { first, end } = share;
      const expected = whole.map(({ images, labels, indices, ...batch }) => ({
        ...batch,
        images: images.slice(first * pixels, end * pixels),
        labels: labels.slice(first, end),
        indices: indices.slice(first, end),
        size: end - first,
        part: { first, total: 4 },
      }));
      expect(batches).toEqual(expected);
    }
  });

  it('ends before a given batch', async () => {
    const source = await openClassFolders(folder(await photographs()));
    const loader = load(source);
    const numbers = [];
    for await (const { index } of loader.epoch(0, 1, 3)) numbers.push(index);
    expect(numbers).toEqual([1, 2]);
  });

  it('visits every image once in an epoch, and in another order in the next epoch', async () => {
    const source = await openClassFolders(folder(await photographs()));
    const loader = load(source, { batchSize: 6 });
    const first = indicesOf(await batchesOf(loader, 0));
    const second = indicesOf(await batchesOf(loader, 1));
    expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length: IMAGES }, (_, i) => i));
    expect(second).not.toEqual(first);
  });

  it('makes the same crop as rescaling, cropping and flipping the whole image, for JPEG and PNG in one batch', async () => {
    const lossless = await Promise.all(
      [0, 1, 2, 3, 4, 5].map(async (i) => [`cat/${i}.png`, await png(patternImage(70 + i, 64, 90 + i))]),
    );
    const source = await openClassFolders(folder({ ...(await photographs()), ...Object.fromEntries(lossless) }));
    for (const { images, labels, indices } of await batchesOf(load(source))) {
      for (const [slot, index] of indices.entries()) {
        const whole = await decodeImage(source.location(index), source.key(index));
        const drawn = drawAugmentation(TRANSFORM, 7, 3, index);
        const { window, shift } = trainingGeometry(whole, TRANSFORM, drawn);
        const cut = crop(rescale(whole, drawn.smallestSide), window);
        const expected = (drawn.flip ? mirror(cut) : cut).data.map((value, i) => value + shift[i % 3]!);
        const size = 32 * 32 * 3;
        expect(images.subarray(slot * size, (slot + 1) * size)).toBeAllclose(expected, { rtol: 1e-5, atol: 1e-4 });
        expect(labels[slot]).toBe(source.label(index));
      }
    }
  });

  it('erases a rectangle of some crops, and changes nothing else', async () => {
    const source = await openClassFolders(folder(await photographs()));
    const [whole] = await batchesOf(load(source, { batchSize: IMAGES }));
    const transform = { ...TRANSFORM, erasing: 0.5 };
    const [withErasing] = await batchesOf(load(source, { batchSize: IMAGES, transform }));
    let erasures = 0;
    for (const [slot, index] of whole!.indices.entries()) {
      const { erased } = drawAugmentation(transform, 7, 3, index);
      if (erased !== null) erasures += 1;
      const expected = whole!.images.slice(slot * 3072, (slot + 1) * 3072);
      for (let at = 0; at < 3072; at++) {
        const x = Math.floor(at / 3) % 32;
        const y = Math.floor(at / 96);
        const inside =
          erased !== null &&
          x >= erased.left &&
          x < erased.left + erased.width &&
          y >= erased.top &&
          y < erased.top + erased.height;
        if (inside) expected[at] = 0;
      }
      expect(withErasing!.images.subarray(slot * 3072, (slot + 1) * 3072)).toEqual(expected);
    }
    expect(erasures).toBeGreaterThan(3);
    expect(erasures).toBeLessThan(15);
  });

  it('replaces a bad image by another one of its class and lists it, for any number of workers', async () => {
    const source = await damaged();
    const bad = Array.from({ length: IMAGES }, (_, i) => i).find((i) => source.key(i) === 'dog/10.jpg')!;
    const loader = load(source, { batchSize: 6 });
    const reference = await batchesOf(loader);
    expect(loader.skipped).toEqual([
      { index: bad, key: 'dog/10.jpg', reason: expect.stringMatching(/^dog\/10\.jpg: /) },
    ]);
    const indices = indicesOf(reference);
    expect(indices).not.toContain(bad);
    const repeated = indices.filter((index, place) => indices.indexOf(index) < place);
    expect(repeated).toHaveLength(1);
    expect(source.label(repeated[0]!)).toBe(source.label(bad));
    expect(await batchesOf(loader)).toEqual(reference);
    expect(await batchesOf(load(source, { batchSize: 6, workers: 3 }))).toEqual(reference);
    expect(await batchesOf(load(source, { batchSize: 6, workers: 1 }), 3, 1)).toEqual(reference.slice(1));
  });

  it('fails at a bad image when strict', async () => {
    const source = await damaged();
    for (const workers of [0, 2]) {
      await expect(batchesOf(load(source, { strict: true, workers }))).rejects.toMatchObject({
        code: 'VGG_IMAGE',
        message: expect.stringMatching(/^dog\/10\.jpg: /),
      });
    }
  });

  it('stops at a file or a folder that disappeared after it was listed, so as not to train on other data', async () => {
    const path = folder(await photographs());
    const gone = async (name: string, workers: number) => {
      const loader = load(await openClassFolders(path), { workers });
      rmSync(join(path, name), { recursive: true });
      await expect(batchesOf(loader)).rejects.toMatchObject({
        code: 'VGG_IO',
        message: expect.stringMatching(new RegExp(`^there is no (file|folder) ${join(path, name)}: check the path`)),
      });
    };
    await gone('dog/10.jpg', 0);
    await gone('cat', 1);
  });

  it('skips a link to a missing file as a bad image', async () => {
    const path = folder(await photographs());
    symlinkSync(join(path, 'nowhere'), join(path, 'cat', 'link.jpg'));
    const loader = load(await openClassFolders(path));
    await batchesOf(loader);
    expect(loader.skipped.map(({ key }) => key)).toEqual([join('cat', 'link.jpg')]);
  });

  it('keeps the share of each class in every epoch, however many of its images are bad', async () => {
    const files: Record<string, Uint8Array> = {};
    for (let i = 0; i < 8; i++) {
      files[`a/${i}.png`] = i < 6 ? Buffer.from('BM') : await png(patternImage(40, 40, i));
      files[`b/${i}.png`] = await png(patternImage(40, 40, 9 + i));
    }
    const source = await openClassFolders(folder(files));
    const loader = load(source, { batchSize: 8 });
    const seen = new Set<number>();
    for (const epoch of [0, 1, 2]) {
      const indices = indicesOf(await batchesOf(loader, epoch));
      expect(indices.filter((index) => source.label(index) === 0)).toHaveLength(8);
      expect(new Set(indices.filter((index) => source.label(index) === 1)).size).toBe(8);
      for (const index of indices) if (source.label(index) === 0) seen.add(index);
    }
    expect([...seen].sort()).toEqual([6, 7]);
  });

  it('fails when no image of a class can be used', async () => {
    const source = await openClassFolders(folder({ 'a/1.jpg': '', 'a/2.jpg': 'text', 'b/3.jpg': '' }));
    await expect(batchesOf(load(source, { batchSize: 2 }))).rejects.toMatchObject({
      code: 'VGG_DATASET',
      message: expect.stringMatching(/none of the \d images of class [ab] .* can be used/),
    });
  });

  it('stops when the consumer leaves the loop, and can be used again', async () => {
    const source = await openClassFolders(folder(await photographs()));
    const loader = load(source, { workers: 2 });
    const reference = await batchesOf(loader);
    for await (const batch of loader.epoch(0)) {
      expect(batch.index).toBe(0);
      break;
    }
    expect(await batchesOf(loader)).toEqual(reference);
  });

  it('ends an iteration when another one starts, and fails it when the loader is closed', async () => {
    const source = await openClassFolders(folder(await photographs()));
    const loader = load(source, { workers: 1 });
    const first = loader.epoch(0);
    const second = loader.epoch(1);
    expect(await first.next()).toEqual({ value: undefined, done: true });
    const waiting = second.next();
    const closed = loader.close();
    await expect(waiting).rejects.toMatchObject({ code: 'VGG_STATE' });
    await closed;
    expect(() => loader.epoch(0)).toThrow(/closed/);
  });

  it('makes batches ahead while the consumer blocks its thread', async () => {
    const path = folder(await photographs());
    const source = await openClassFolders(path);
    // Batches that were read while this thread was blocked can be used after the files are gone. A slow machine gets more time.
    const readAhead = async (milliseconds: number) => {
      const loader = load(source, { workers: 1, prefetch: 3 });
      const batches = loader.epoch(0);
      await batches.next();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
      renameSync(path, `${path}.gone`);
      try {
        await batches.next();
        await batches.next();
        return true;
      } catch {
        return false;
      } finally {
        await loader.close();
        renameSync(`${path}.gone`, path);
      }
    };
    let ahead = false;
    for (let block = 200; block < 10_000 && !ahead; block *= 2) ahead = await readAhead(block);
    expect(ahead).toBe(true);
  });

  it('accepts raw arrays', async () => {
    const images = Uint8Array.from({ length: 6 * 8 * 8 * 3 }, (_, i) => i % 251);
    const source = rawSource({ images, labels: [0, 1, 0, 1, 0, 1], width: 8, height: 8, classes: ['even', 'odd'] });
    const transform = { crop: 8, scale: 8, flip: false, colour: null, mean: [0, 0, 0] } as const;
    const reference = await batchesOf(load(source, { transform, batchSize: 3 }));
    for (const { images: batch, indices, labels } of reference) {
      expect([...labels]).toEqual([...indices].map((i) => i % 2));
      expect([...batch]).toEqual([...indices].flatMap((i) => [...images.subarray(i * 192, (i + 1) * 192)]));
    }
    expect(await batchesOf(load(source, { transform, batchSize: 3, workers: 2 }))).toEqual(reference);
  });

  it.each([
    [{ batchSize: 19 }, /a batch of 19 needs as many images.* has 18/],
    [{ batchSize: 0 }, /batch size must be an integer of at least 1, got 0/],
    [{ workers: -1 }, /number of workers must be an integer of at least 0, got -1/],
    [{ prefetch: 0 }, /prefetched batches must be an integer of at least 1/],
    [{ transform: { ...TRANSFORM, scale: 31 } }, /scale S must be at least the crop, got S = 31 with a crop of 32/],
    [{ transform: { ...TRANSFORM, scale: [64, 40] as const } }, /ascending range/],
    [{ transform: { ...TRANSFORM, crop: 1.5 } }, /crop must be a positive integer/],
    [{ transform: { ...TRANSFORM, mean: [1, Number.NaN, 2] as const } }, /three finite numbers/],
  ])('refuses %o', async (options, message) => {
    const source = await openClassFolders(folder(await photographs()));
    expect(() => load(source, options)).toThrow(expect.objectContaining({ code: 'VGG_ARGUMENT' }));
    expect(() => load(source, options)).toThrow(message);
  });
});

describe('createEvaluationBatches', () => {
  const transform = { crop: 32, scale: 40, mean: [120, 115, 100] } as const;

  it('visits every image once, in order, its centre cropped', async () => {
    const source = await openClassFolders(folder(await photographs()));
    const loader = createEvaluationBatches(source, { transform, batchSize: 8, workers: 1 });
    onTestFinished(() => loader.close());
    const batches = await batchesOf(loader, 0);
    expect(loader.batchesPerEpoch).toBe(3);
    expect(batches.map(({ size }) => size)).toEqual([8, 8, 2]);
    expect(indicesOf(batches)).toEqual(Array.from({ length: IMAGES }, (_, i) => i));
    expect(await batchesOf(loader, 5)).toEqual(batches.map((batch) => ({ ...batch, epoch: 5 })));
  });

  it('leaves a bad image out, so that its batch is one image smaller', async () => {
    const loader = createEvaluationBatches(await damaged(), { transform, batchSize: 9, workers: 2 });
    onTestFinished(() => loader.close());
    const first = await batchesOf(loader, 0);
    expect(first.map(({ size }) => size).sort()).toEqual([8, 9]);
    expect(loader.skipped.map(({ key }) => key)).toEqual(['dog/10.jpg']);
    expect(await batchesOf(loader, 0)).toEqual(first);
  });
});
