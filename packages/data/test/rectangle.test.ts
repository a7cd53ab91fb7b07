/** Rectangular crops: their corners and pixels by numbers worked out by hand, and batches of them. */
import { randomStream } from '@vgg/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  centreCrop,
  centreWindow,
  checkImageTransform,
  checkTransform,
  crop,
  cropGrid,
  cropText,
  drawAugmentation,
  type EvaluationTransform,
  evaluationGeometry,
  type FloatImage,
  gridWindows,
  type ImageTransform,
  flip as mirror,
  prepareImage,
  prepareWhole,
  rawSource,
  rescale,
  sameTransform,
  type TrainTransform,
  trainingGeometry,
  trainingTransform,
} from '../src';
import { drawErased, erase } from '../src/erasing';
import { createBatches, createEvaluationBatches, createPreparer, decodeImage, openClassFolders } from '../src/node';
import { drawTrivial } from '../src/pixel-augmentation';
import { applyOperation, type PixelOperation } from '../src/pixel-operations';
import { resizedGeometry, windowFor } from '../src/resized-crop';
import { folder, jpeg, patternImage, png } from './images';

const TRAINING: TrainTransform = { crop: [64, 128], scale: 140, flip: true, colour: null, mean: [1, 2, 3] };
const IMAGE: ImageTransform = {
  resize: 'shortest',
  scale: 20,
  interpolation: 'pillow-bilinear',
  crop: [8, 16],
  channels: 'RGB',
  range: 1,
  mean: [0.5, 0.4, 0.3],
  std: [0.2, 0.2, 0.2],
};

/** Returns an image whose values are their own indices. */
function numbered(width: number, height: number): FloatImage {
  return { data: Float32Array.from({ length: width * height * 3 }, (_, i) => i), width, height };
}

/** Returns the values of a crop of grey, one for each pixel, after an operation. */
function changed(
  grey: readonly number[],
  size: { width: number; height: number },
  operation: PixelOperation,
): number[] {
  const pixels = Float32Array.from(grey.flatMap((value) => [value, value, value]));
  applyOperation(pixels, size, operation);
  return [...pixels].filter((_, i) => i % 3 === 0);
}

describe('crops of height and width', () => {
  it('are cut from the centre', () => {
    // 5x4 pixels, 3 wide and 2 high: left (5 - 3) / 2 = 1, top (4 - 2) / 2 = 1; pixel (1, 1) starts at (1 · 5 + 1) · 3 = 18.
    expect([...centreCrop(numbered(5, 4), [2, 3]).data]).toEqual([
      ...[18, 19, 20, 21, 22, 23, 24, 25, 26],
      ...[33, 34, 35, 36, 37, 38, 39, 40, 41],
    ]);
  });

  it('of a grid reach every border', () => {
    // Width 384, 128 of it: corners k · 256 / 4; height 256, 64 of it: k · 192 / 4.
    const windows = gridWindows({ width: 384, height: 256 }, [64, 128]);
    expect(windows.slice(0, 5).map(({ left }) => left)).toEqual([0, 64, 128, 192, 256]);
    expect(windows.map(({ top }) => top).filter((_, i) => i % 5 === 0)).toEqual([0, 48, 96, 144, 192]);
    expect(windows[24]).toEqual({ left: 256, top: 192, width: 128, height: 64 });
    // The first pixels of four crops 1 high and 4 wide of an image 5 wide and 3 high: (0, 0), (1, 0), (0, 2), (1, 2).
    expect(cropGrid(numbered(5, 3), [1, 4], 2).map(({ data }) => data[0])).toEqual([0, 3, 30, 33]);
  });

  it('of training lie at the drawn position of the image at S', () => {
    // 300x200 at S = 140 is 210x140: left floor(0.5 · 83) = 41, top floor(0.25 · 77) = 19.
    const drawn = { smallestSide: 140, position: [0.5, 0.25], flip: false, alphas: [0, 0, 0], erased: null } as const;
    const size = { width: 300, height: 200 };
    expect(trainingGeometry(size, TRAINING, drawn)).toMatchObject({
      rescaled: { width: 210, height: 140 },
      window: { left: 41, top: 19, width: 128, height: 64 },
    });
    const { scale } = TRAINING as EvaluationTransform;
    expect(evaluationGeometry(size, { crop: [64, 128], scale, mean: [1, 2, 3] })).toMatchObject({
      rescaled: { width: 210, height: 140 },
      window: { left: 41, top: 38, width: 128, height: 64 },
    });
  });

  it('take the whole image in their own shape if it is stretched', () => {
    const stretch = { crop: [64, 128], scale: 64, mean: [1, 2, 3], resize: 'stretch' } as const;
    expect(evaluationGeometry({ width: 70, height: 300 }, stretch)).toMatchObject({
      rescaled: { width: 128, height: 64 },
      window: { left: 0, top: 0, width: 128, height: 64 },
    });
    // A third more: 85 high, 170 wide. Half of 21 is rounded to the even 10.
    expect(evaluationGeometry({ width: 70, height: 300 }, { ...stretch, scale: 85 })).toMatchObject({
      rescaled: { width: 170, height: 85 },
      window: { left: 21, top: 10 },
    });
  });

  it('have the pixels of 180 degrees and of a smoothed point', () => {
    const size = { width: 3, height: 2 };
    const turned = { kind: 'affine', matrix: [-1, 0, 3, 0, -1, 2] } as const;
    expect(changed([1, 2, 3, 4, 5, 6], size, turned)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(changed([1, 2, 3, 4, 5, 6], size, { kind: 'affine', matrix: [1, 0, 1, 0, 1, 0] })).toEqual([
      2, 3, 0, 5, 6, 0,
    ]);
    // 5/13 of a point stays, 1/13 goes to each neighbour that is not at the border.
    const point = [0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 0, 0];
    const smoothed = [0, 0, 0, 0, 0, 2, 10, 0, 0, 0, 0, 0];
    expect(changed(point, { width: 4, height: 3 }, { kind: 'sharpness', factor: 0 })).toEqual(smoothed);
  });

  it('are rotated about their own centre', () => {
    const rotations = Array.from({ length: 200 }, (_, i) =>
      drawTrivial(randomStream(3, 'test', i), { width: 128, height: 64 }),
    ).flatMap(([one]) => (one?.kind === 'affine' && one.matrix[1] !== 0 && one.matrix[3] !== 0 ? [one.matrix] : []));
    expect(rotations.length).toBeGreaterThan(5);
    for (const [a, b, c, d, e, f] of rotations) {
      expect([a * 64 + b * 32 + c, d * 64 + e * 32 + f]).toBeAllclose([64, 32], { rtol: 1e-12 });
    }
  });

  it('are erased within both sides', () => {
    // Rows of 4 pixels: pixels 1 and 2 of both rows.
    const out = new Float32Array(2 * 4 * 3).fill(1);
    erase(out, 0, 4, { left: 1, top: 0, width: 2, height: 2 });
    expect([...out].filter((_, i) => i % 3 === 0)).toEqual([1, 0, 0, 1, 1, 0, 0, 1]);
    const windows = Array.from({ length: 2000 }, (_, i) =>
      drawErased(randomStream(4, 'test', i), { width: 128, height: 64 }),
    ).filter((window) => window !== null);
    const rights = windows.map(({ left, width }) => left + width);
    const bottoms = windows.map(({ top, height }) => top + height);
    expect([Math.max(...rights), Math.max(...bottoms)]).toEqual([128, 64]);
    // 2 to 33 % of 8192 pixels, up to the rounding of the sides.
    const areas = windows.map(({ width, height }) => width * height);
    expect(Math.min(...areas)).toBeGreaterThan(150);
    expect(Math.max(...areas)).toBeLessThan(2760);
  });
});

describe('RandomResizedCrop of height and width', () => {
  const wide = { width: 128, height: 64 };

  it('takes windows in the shape of the crop', () => {
    // Half of 400x400 in the shape 2:1 is 400x200; halfway down: floor(0.5 · 201) = 100. All is reduced to 128/400.
    const window = windowFor({ width: 400, height: 400 }, [{ area: 0.5, ratio: 1, position: [0, 0.5] }], wide);
    expect(window).toEqual({ left: 0, top: 100, width: 400, height: 200 });
    expect(resizedGeometry({ width: 400, height: 400 }, window, wide)).toEqual({
      rescaled: { width: 128, height: 128 },
      window: { left: 0, top: 32, width: 128, height: 64 },
    });
  });

  it('takes the largest central window of an allowed shape if none fits', () => {
    // The shapes are from 2 · 3/4 to 2 · 4/3: 100 wide, 100 / 1.5 = 67 high.
    const window = windowFor({ width: 100, height: 400 }, [{ area: 1, ratio: 1, position: [0, 0] }], wide);
    expect(window).toEqual({ left: 0, top: 166, width: 100, height: 67 });
    // Of an image 4 wide, a shape of 96:1 has one row: 4 / 72 would be none.
    const none = windowFor({ width: 4, height: 9 }, [], { width: 96, height: 1 });
    expect(none).toEqual({ left: 0, top: 4, width: 4, height: 1 });
  });
});

describe('transforms of height and width', () => {
  it.each<[Partial<TrainTransform>, RegExp]>([
    [{ scale: 127 }, /scale S must be at least 128, got S = 127 with a crop of 64x128: raise S/],
    [{ scale: [100, 200] }, /at least 128, got S = 100/],
    [{ crop: [200, 128] }, /at least 200, got S = 140 with a crop of 200x128/],
    [{ scale: 63, resize: 'stretch' }, /at least 64, got S = 63/],
    [{ crop: [0, 10] }, /crop must be a positive integer or \[height, width\] of two, got \[0,10\]/],
    [{ crop: [64, 64, 3] as unknown as [number, number] }, /got \[64,64,3\]/],
    [{ crop: [64.5, 64] }, /got \[64.5,64\]/],
    [{ crop: '64x128' as unknown as number }, /got 64x128/],
  ])('%o are refused', (change, message) => {
    expect(() => checkTransform({ ...TRAINING, ...change })).toThrow(message);
  });

  it('of a net are refused if the scale does not cover the crop', () => {
    expect(() => checkImageTransform({ ...IMAGE, scale: 15 })).toThrow(
      /an integer scale of at least 16, got crop 8x16 and scale 15/,
    );
    expect(() => checkImageTransform({ ...IMAGE, scale: 8, resize: 'stretch' })).not.toThrow();
    expect(() => centreWindow({ width: 20, height: 10 }, [16, 8])).toThrow(
      /a crop of 8x16 needs an image of at least 8x16/,
    );
  });

  it('are the same for a square however it is written', () => {
    expect(sameTransform({ ...IMAGE, crop: 8 }, { ...IMAGE, crop: [8, 8] })).toBe(true);
    expect(sameTransform(IMAGE, { ...IMAGE, crop: [16, 8] })).toBe(false);
    expect([cropText(96), cropText([64, 128]), cropText([32, 32])]).toEqual(['96', '64x128', '32']);
  });

  it('train a net further at a scale that covers its crop', () => {
    const net = { transform: IMAGE, preprocessing: { scale: [10, 24] as const } };
    expect(trainingTransform(net)).toMatchObject({ crop: [8, 16], scale: [16, 24] });
  });

  it('prepare an image, and a whole one that the dense view can take', async () => {
    const image = patternImage(50, 40);
    const prepared = prepareImage(image, IMAGE);
    // 50x40 at 20 is 25x20: left (25 - 16) / 2 = 4.5, rounded to the even 4, top 6.
    const square = prepareImage(image, { ...IMAGE, crop: 20 });
    expect(prepared).toEqual(crop(square, { left: 4 - 2, top: 6, width: 16, height: 8 }));
    const preparer = createPreparer({ workers: 0 });
    onTestFinished(() => preparer.close());
    expect(await preparer.prepare(image, IMAGE)).toEqual(prepared);
    const { width, height } = prepareWhole(image, { ...IMAGE, resize: 'stretch', scale: 8 });
    expect([width, height]).toEqual([20, 16]);
  });
});

describe('batches of height and width', () => {
  it('have the crops of whole images, for any number of workers', async () => {
    const files: Record<string, Uint8Array> = {};
    for (let i = 0; i < 8; i++) {
      const image = patternImage(60 + 5 * i, 90 - 4 * i, i);
      files[`${['cat', 'dog'][i % 2]}/${i}.${i < 5 ? 'jpg' : 'png'}`] = await (i < 5 ? jpeg : png)(image);
    }
    const source = await openClassFolders(folder(files));
    const transform: TrainTransform = { ...TRAINING, crop: [24, 40], scale: [40, 60] };
    const made = [];
    for (const workers of [0, 2]) {
      const loader = createBatches(source, { transform, batchSize: 8, seed: 7, workers });
      onTestFinished(() => loader.close());
      const { value } = await loader.epoch(3).next();
      made.push(value!);
    }
    expect(made[1]).toEqual(made[0]);
    const { images, indices, width, height } = made[0]!;
    expect([width, height, images.length]).toEqual([40, 24, 8 * 40 * 24 * 3]);
    for (const [slot, index] of indices.entries()) {
      const whole = await decodeImage(source.location(index), source.key(index));
      const drawn = drawAugmentation(transform, 7, 3, index);
      const cut = crop(rescale(whole, drawn.smallestSide), trainingGeometry(whole, transform, drawn).window);
      const expected = (drawn.flip ? mirror(cut) : cut).data.map((value, i) => value - transform.mean[i % 3]!);
      const pixels = 40 * 24 * 3;
      expect(images.subarray(slot * pixels, (slot + 1) * pixels)).toBeAllclose(expected, { rtol: 1e-5, atol: 1e-4 });
    }
  });

  it('have all the augmentation beyond the paper, without a value that is not finite', async () => {
    const images = Uint8Array.from({ length: 16 * 40 * 30 * 3 }, (_, i) => (i * 37) % 251);
    const source = rawSource({ images, labels: new Uint8Array(16), width: 40, height: 30, classes: ['one'] });
    const beyond = { erasing: 1, smallestArea: 0.2, jitter: 0.4, trivialAugment: true };
    const transform: TrainTransform = { ...TRAINING, ...beyond, crop: [12, 28], scale: 30 };
    const loader = createBatches(source, { transform, batchSize: 16, seed: 1, workers: 0 });
    onTestFinished(() => loader.close());
    for await (const batch of loader.epoch(0)) {
      expect(batch.images.every(Number.isFinite)).toBe(true);
      for (let i = 0; i < 16; i++) {
        const pixels = batch.images.subarray(i * 12 * 28 * 3, (i + 1) * 12 * 28 * 3);
        const { erased } = drawAugmentation(transform, 1, 0, batch.indices[i]!);
        if (erased !== null) expect(pixels[(erased.top * 28 + erased.left) * 3]).toBe(0);
      }
    }
  });

  it('of evaluation have the pixels of the centre', async () => {
    const source = rawSource({
      images: Uint8Array.from({ length: 2 * 5 * 4 * 3 }, (_, i) => i),
      labels: [0, 1],
      width: 5,
      height: 4,
      classes: ['one', 'two'],
    });
    const transform = { crop: [2, 3], scale: 4, mean: [1, 1, 1] } as const;
    const loader = createEvaluationBatches(source, { transform, batchSize: 2, workers: 0 });
    onTestFinished(() => loader.close());
    const { value } = await loader.epoch(0).next();
    // The pixels of the first test, minus the mean of 1; the second image begins 60 values later.
    const first = [17, 18, 19, 20, 21, 22, 23, 24, 25, 32, 33, 34, 35, 36, 37, 38, 39, 40];
    expect([...value!.images]).toEqual([...first, ...first.map((at) => at + 60)]);
    expect([value!.width, value!.height]).toEqual([3, 2]);
  });
});
