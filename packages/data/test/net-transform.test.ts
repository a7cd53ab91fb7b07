/** Batches by the preparation of a trained net: order of colours, range, deviation and resizing are those of its own framework. */
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type AugmentationOptions,
  type BatchLoader,
  evaluationTransform,
  type ImageTransform,
  prepareImage,
  prepareWhole,
  rescale,
  restoreImage,
  type TrainTransform,
  trainingTransform,
} from '../src';
import { preprocessingOf } from '../src/net-transform';
import { createBatches, createEvaluationBatches, decodeImage, openClassFolders } from '../src/node';
import { folder, jpeg, patternImage, png } from './images';

/** Transforms of the frameworks at a seventh of their size. */
const TRANSFORMS: Record<string, ImageTransform> = {
  torchvision: {
    resize: 'shortest',
    scale: 36,
    interpolation: 'pillow-bilinear',
    crop: 32,
    channels: 'RGB',
    range: 1,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
  keras: {
    resize: 'stretch',
    scale: 32,
    interpolation: 'pillow-nearest',
    crop: 32,
    channels: 'RGB',
    range: 255,
    mean: [123.68, 116.779, 103.939],
    std: [1, 1, 1],
  },
  caffe: {
    resize: 'shortest',
    scale: 40,
    interpolation: 'antialiased',
    crop: 32,
    channels: 'BGR',
    range: 255,
    mean: [103.939, 116.779, 123.68],
    std: [1, 1, 1],
  },
  bicubic: {
    resize: 'shortest',
    scale: 33,
    interpolation: 'pillow-bicubic',
    crop: 32,
    channels: 'BGR',
    range: 1,
    mean: [0.5, 0.4, 0.3],
    std: [0.5, 0.25, 0.2],
  },
};

async function opened() {
  const images = [patternImage(60, 90, 1), patternImage(300, 220, 2), patternImage(33, 40, 3), patternImage(90, 34, 4)];
  const files: Record<string, Uint8Array> = {};
  for (const [i, image] of images.entries()) {
    files[`${['cat', 'dog'][i % 2]}/${i}.${i < 2 ? 'jpg' : 'png'}`] = await (i < 2 ? jpeg : png)(image);
  }
  return openClassFolders(folder(files));
}

async function firstBatch(loader: BatchLoader) {
  onTestFinished(() => loader.close());
  const { value } = await loader.epoch(0).next();
  return value!;
}

const LOADER = { batchSize: 4, workers: 1 } as const;

describe('batches by the transform of a net', () => {
  it.each(Object.entries(TRANSFORMS))('of %s have the bits of prepareImage', async (_, transform) => {
    const source = await opened();
    const batch = await firstBatch(
      createEvaluationBatches(source, { ...LOADER, transform: evaluationTransform({ transform }) }),
    );
    for (let i = 0; i < 4; i++) {
      const image = await decodeImage(source.location(i), { minSide: transform.scale });
      const expected = prepareImage(image, transform).data;
      expect(batch.images.subarray(i * expected.length, (i + 1) * expected.length)).toEqual(expected);
    }
  });

  it('train on the same pixels as when they are normalised by hand, with every augmentation', async () => {
    const transform = { ...TRANSFORMS.torchvision!, interpolation: 'antialiased' } as const;
    const augmentation: AugmentationOptions = {
      scale: [36, 64],
      colour: {
        values: [0.2, 0.02, 0.004],
        vectors: [
          [0.6, 0.6, 0.5],
          [-0.7, 0, 0.7],
          [0.4, -0.8, 0.4],
        ],
        sigma: 0.1,
      },
      jitter: 0.3,
      erasing: 0.5,
    };
    const source = await opened();
    const own = createBatches(source, {
      ...LOADER,
      seed: 1,
      transform: trainingTransform({ transform }, augmentation),
    });
    const { images } = await firstBatch(own);
    const plain: TrainTransform = { ...(augmentation as TrainTransform), crop: 32, flip: true, mean: [0, 0, 0] };
    const { images: pixels } = await firstBatch(createBatches(source, { ...LOADER, seed: 1, transform: plain }));
    const { mean, std } = transform;
    // An erased pixel is 0 in both: the mean colour.
    const expected = pixels.map((value: number, i: number) =>
      value === 0 ? images[i]! : (value / 255 - mean[i % 3]!) / std[i % 3]!,
    );
    expect(images).toBeAllclose(expected, { rtol: 1e-5, atol: 1e-5 });
    expect(images.filter((value: number, i: number) => value === 0 && pixels[i] === 0).length).toBeGreaterThan(50);
  });

  it('mirror the pixels of a filter of Pillow', async () => {
    const source = await opened();
    const transform = { ...TRANSFORMS.keras!, crop: 32 };
    const batches = async (flip: boolean) =>
      firstBatch(createBatches(source, { ...LOADER, seed: 3, transform: trainingTransform({ transform }, { flip }) }));
    const [straight, mirrored] = [await batches(false), await batches(true)];
    const row = 32 * 3;
    const isMirrored = Array.from({ length: 4 }, (_, image) => {
      const at = (i: number) => image * 32 * row + i;
      const same = (from: (i: number) => number) =>
        Array.from({ length: 32 * row }, (_, i) => i).every(
          (i) => mirrored.images[at(i)] === straight.images[at(from(i))],
        );
      if (same((i) => i)) return false;
      expect(same((i) => i - (i % row) + row - 3 - ((i % row) - (i % 3)) + (i % 3))).toBe(true);
      return true;
    });
    expect(isMirrored).toContain(true);
  });

  it('have the preprocessing that the trained net is saved with', async () => {
    const { torchvision } = TRANSFORMS;
    const preprocessing = { scale: [36, 50] as const };
    const net = { transform: torchvision, preprocessing };
    const loader = createBatches(await opened(), { ...LOADER, seed: 1, transform: trainingTransform(net) });
    onTestFinished(() => loader.close());
    const { crop: _, ...rest } = torchvision!;
    expect(loader.preprocessing).toEqual({ ...rest, scale: [36, 50] });
    expect(preprocessingOf(evaluationTransform(net))).toEqual(rest);
  });
});

describe('a transform made of a net', () => {
  it('flips and keeps the colours, unless other values are passed', () => {
    const { torchvision: transform } = TRANSFORMS;
    expect(trainingTransform({ transform })).toEqual({ ...transform, flip: true, colour: null });
    expect(trainingTransform({ transform }, { flip: false, scale: 50, jitter: 0.1 })).toEqual({
      ...transform,
      flip: false,
      colour: null,
      scale: 50,
      jitter: 0.1,
    });
    expect(evaluationTransform({ transform }, { scale: 64 })).toEqual({ ...transform, scale: 64 });
  });

  it('needs the preparation of the net, and does not change it', () => {
    const unknown = { transform: undefined };
    expect(() => trainingTransform(unknown)).toThrow(/preprocessing of this net is not known: load it with \{ preproc/);
    expect(() => evaluationTransform(unknown)).toThrow('is not known');
    const { torchvision: transform } = TRANSFORMS;
    const foreign = { mean: [0, 0, 0] } as AugmentationOptions;
    expect(() => trainingTransform({ transform }, foreign)).toThrow("mean is the net's own: leave it out");
    const misspelt = { jiter: 0.1 } as AugmentationOptions;
    expect(() => trainingTransform({ transform }, misspelt)).toThrow(/unknown key "jiter" .*did you mean "jitter"/);
  });
});

describe('a transform for batches', () => {
  const { torchvision } = TRANSFORMS;
  const GOOD = { ...torchvision!, flip: true, colour: null };

  it.each([
    [
      { ...GOOD, stdd: [1, 1, 1] },
      /unknown key "stdd" of a transform for training \(did you mean "std"\?\); known are/,
    ],
    [{ ...GOOD, mean: undefined }, /mean of a transform must be three finite numbers, got undefined/],
    [{ ...GOOD, std: [0.2, 0, 0.2] }, /std of a transform must be three positive numbers, got \[0.2,0,0.2\]/],
    [{ ...GOOD, range: 256 }, /range of a transform must be one of 1, 255, got 256/],
    [{ ...torchvision! }, /needs flip \(true or false\) and colour \(null for none\)/],
    [undefined, /expected a transform such as trainingTransform\(net\), got undefined/],
    [
      { crop: 32, scale: 36, mean: torchvision!.mean, flip: true, colour: null },
      /mean \[0.485,0.456,0.406\] seems to be of pixels from 0 to 1.*add range: 1 .* or use trainingTransform\(net\)/,
    ],
  ])('is refused: %j', async (transform, message) => {
    const source = await opened();
    const make = () => createBatches(source, { ...LOADER, seed: 1, transform: transform as TrainTransform });
    expect(make).toThrow(expect.objectContaining({ code: 'VGG_ARGUMENT', message: expect.stringMatching(message) }));
  });

  it('of evaluation has no augmentation and one scale', async () => {
    const source = await opened();
    expect(() => createEvaluationBatches(source, { ...LOADER, transform: GOOD })).toThrow(
      /unknown key "flip" of a transform for evaluation/,
    );
    const jittered = { ...torchvision!, scale: [32, 40] as unknown as number };
    expect(() => createEvaluationBatches(source, { ...LOADER, transform: jittered })).toThrow(
      'the scale S must be an integer, got 32:40',
    );
  });

  it('of a dark training set needs its range', async () => {
    const transform = { crop: 32, scale: 36, mean: [0.4, 0.2, 0], range: 255 } as const;
    const batch = await firstBatch(createEvaluationBatches(await opened(), { ...LOADER, transform }));
    expect(batch.size).toBe(4);
  });
});

describe('options of batches', () => {
  it.each([
    [
      '/folder',
      /expected a source of images, got the path "\/folder"; open a folder first: const \{ train \} = await open/,
    ],
    [undefined, /expected a source of images, got undefined: the data set has no such part/],
    [null, /got null/],
  ])('refuse %j as a source', (source, message) => {
    const transform = { ...TRANSFORMS.torchvision!, flip: true, colour: null };
    expect(() => createBatches(source as never, { ...LOADER, seed: 1, transform })).toThrow(message);
    expect(() => createEvaluationBatches(source as never, { ...LOADER, transform })).toThrow(message);
  });

  it('refuse unknown keys', async () => {
    const transform = evaluationTransform({ transform: TRANSFORMS.keras });
    const options = { ...LOADER, batchsize: 3, transform };
    expect(() => createEvaluationBatches(UNREAD, options)).toThrow(
      /unknown key "batchsize" .*did you mean "batchSize"/,
    );
  });
});
/** Source whose images are never read. */
const UNREAD = {
  name: 'none',
  classes: ['a'],
  length: 1,
  label: () => 0,
  key: String,
  location: () => ({ kind: 'file', path: '' }) as const,
} as const;

describe('a whole image', () => {
  const image = patternImage(120, 80, 5);

  it('is resized in proportion and normalised as a crop is', () => {
    const { caffe, torchvision } = TRANSFORMS;
    const whole = prepareWhole(image, caffe!, 40);
    expect(whole).toMatchObject({ width: 60, height: 40 });
    const { data } = rescale(image, 40);
    expect(whole.data[0]).toBeCloseTo(data[2]! - 103.939, 4);
    expect(whole.data[5]).toBeCloseTo(data[3]! - 123.68, 4);
    // Its centre is the crop of the net, which has the same scale.
    const centre = prepareImage(image, torchvision!).data;
    const own = prepareWhole(image, torchvision!);
    expect(own).toMatchObject({ width: 54, height: 36 });
    expect(own.data.subarray((2 * 54 + 11) * 3, (2 * 54 + 43) * 3)).toEqual(centre.subarray(0, 96));
  });

  it.each(Object.entries(TRANSFORMS))('of %s is restored from its input', (_, transform) => {
    const plain = { ...transform, interpolation: 'antialiased' } as const;
    const restored = restoreImage(prepareWhole(image, plain, 80), plain);
    expect(restored).toEqual(image);
  });

  it('is refused if its values do not match its sides', () => {
    const input = { data: new Float32Array(5), width: 2, height: 1 };
    expect(() => restoreImage(input, TRANSFORMS.keras!)).toThrow('an input of 2x1 has 6 values, got 5');
  });
});
