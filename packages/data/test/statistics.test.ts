import { symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageMoments, MOMENTS, mergeMoments, type RgbMoments, rawSource, statisticsOf, symmetricEigen } from '../src';
import { openSource, trainingStatistics } from '../src/node';
import expected from './fixtures/statistics.json';
import { folder, jpeg, patternImage, png } from './images';
import { noiseImage } from './numbers';

const images = expected.sizes.map(([width, height], i) => noiseImage(width!, height!, 10 + i));

function allMoments(): RgbMoments {
  return images.map(imageMoments).reduce(mergeMoments, new Float64Array(MOMENTS));
}

describe('statistics', () => {
  it("are NumPy's mean, eigenvalues and eigenvectors", () => {
    const { mean, eigenvalues, eigenvectors, count } = statisticsOf(allMoments());
    expect(count).toBe(31 * 20 + 16 * 40 + 64 * 9);
    expect(mean).toBeAllclose(expected.mean, { rtol: 1e-12 });
    expect(eigenvalues).toBeAllclose(expected.eigenvalues, { rtol: 1e-9, atol: 1e-12 });
    expect(eigenvectors.flat()).toBeAllclose(expected.eigenvectors.flat(), { rtol: 1e-7, atol: 1e-9 });
  });

  it('of all images at once equal the merged statistics of the parts', () => {
    const data = Uint8Array.from(images.flatMap((image) => [...image.data]));
    const whole = imageMoments({ data, width: data.length / 3, height: 1 });
    expect(allMoments()).toBeAllclose(whole, { rtol: 1e-12 });
  });

  it('of no images are refused', () => {
    expect(() => statisticsOf(new Float64Array(MOMENTS))).toThrow(/at least one pixel/);
  });
});

describe('symmetricEigen', () => {
  it('solves a matrix that was computed by hand', () => {
    // [[2, 1], [1, 2]] has eigenvalues 3 with (1, 1)/√2 and 1 with (1, -1)/√2. The third eigenvalue is 5.
    const { values, vectors } = symmetricEigen([
      [2, 1, 0],
      [1, 2, 0],
      [0, 0, 5],
    ]);
    expect(values).toBeAllclose([5, 3, 1], { rtol: 1e-14 });
    expect(vectors[0]).toEqual([0, 0, 1]);
    expect(vectors[1]).toBeAllclose([Math.SQRT1_2, Math.SQRT1_2, 0], { rtol: 1e-14 });
    expect(vectors[2].map(Math.abs)).toBeAllclose([Math.SQRT1_2, Math.SQRT1_2, 0], { rtol: 1e-14 });
  });
});

describe('trainingStatistics', () => {
  async function files(): Promise<Record<string, Buffer>> {
    const [first, second, third] = await Promise.all(images.map(png));
    return { 'a/1.png': first!, 'a/2.png': second!, 'b/3.png': third! };
  }

  it("gives NumPy's numbers for image files, with any number of workers", async () => {
    const { train } = await openSource(folder(await files()));
    const alone = await trainingStatistics(train!, { workers: 0, cache: null });
    expect(alone.mean).toBeAllclose(expected.mean, { rtol: 1e-12 });
    expect(alone.eigenvectors.flat()).toBeAllclose(expected.eigenvectors.flat(), { rtol: 1e-7, atol: 1e-9 });
    expect(await trainingStatistics(train!, { workers: 2, cache: null })).toEqual(alone);
  });

  it('caches results by content: an unchanged source is not read again, a changed one is', async () => {
    const root = folder(await files());
    const cache = folder({});
    const calls: number[] = [];
    const run = async () =>
      trainingStatistics((await openSource(root)).train!, {
        workers: 0,
        cache,
        onProgress: (done) => calls.push(done),
      });
    const first = await run();
    expect(await run()).toEqual(first);
    expect(calls).toEqual([3]);
    const changed = join(root, 'a/1.png');
    writeFileSync(changed, await png(patternImage(31, 20)));
    utimesSync(changed, 1, 1);
    expect((await run()).mean).not.toEqual(first.mean);
    expect(calls).toEqual([3, 3]);
  });

  it('lists unusable images and leaves them out, or fails when strict', async () => {
    const bad = (await jpeg(patternImage(50, 40))).subarray(0, 300);
    const { train } = await openSource(folder({ ...(await files()), 'b/cut.jpg': bad }));
    const result = await trainingStatistics(train!, { workers: 0, cache: null });
    expect(result.skipped).toEqual([
      { index: 3, key: 'b/cut.jpg', reason: expect.stringMatching(/^b\/cut\.jpg: .*truncated/) },
    ]);
    expect(result.mean).toBeAllclose(expected.mean, { rtol: 1e-12 });
    await expect(trainingStatistics(train!, { workers: 0, cache: null, strict: true })).rejects.toMatchObject({
      code: 'VGG_IMAGE',
    });
  });

  it('caches the results of a folder with a link to itself, which is an unusable image', async () => {
    const root = folder(await files());
    symlinkSync('loop.jpg', join(root, 'a/loop.jpg'));
    const { train } = await openSource(root);
    const options = { workers: 0, cache: folder({}) };
    const result = await trainingStatistics(train!, options);
    expect(result.skipped).toMatchObject([{ key: 'a/loop.jpg' }]);
    expect(await trainingStatistics(train!, options)).toEqual(result);
  });

  it('reads raw arrays, and reports a source without usable images', async () => {
    const source = rawSource({ ...images[0]!, images: images[0]!.data, labels: [0], classes: ['only'] });
    expect(await trainingStatistics(source, { workers: 1, cache: null })).toMatchObject({ count: 31 * 20 });
    const { train } = await openSource(folder({ 'a/empty.jpg': '' }));
    await expect(trainingStatistics(train!, { workers: 0, cache: null })).rejects.toThrow(
      /none of the 1 images .* empty/,
    );
  });

  it('accepts reports of workers about jobs that other workers have finished', async () => {
    const length = 32 * 60;
    const images = Uint8Array.from({ length: length * 48 }, (_, i) => i * 31);
    const source = rawSource({ images, labels: new Uint8Array(length), width: 4, height: 4, classes: ['one'] });
    const alone = await trainingStatistics(source, { workers: 0, cache: null });
    expect(await trainingStatistics(source, { workers: 4, cache: null })).toEqual(alone);
  });
});
