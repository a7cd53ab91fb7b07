/** Training on images with boxes: batches, resuming, and use of the net. */
import './backend';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory } from '@tensorflow/tfjs-core';
import type { Batch, ImageTransform, TrainTransform } from '@vgg/data';
import { createBatches, createEvaluationBatches, decodeImage } from '@vgg/data/node';
import { createVgg, heInitialiser, normalInitialiser } from '@vgg/models';
import { constant, MomentumSgd } from '@vgg/optim';
import { RunFolder } from '@vgg/train/node';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Box,
  type BoxBatchOptions,
  type BoxSource,
  boxSource,
  createLocaliser,
  decodeBox,
  evaluateBoxes,
  locate,
  predictBoxes,
  withBoxes,
} from '../src/index';
import {
  BoxFolder,
  bestRow,
  drawBoxes,
  loadLocaliser,
  measureBoxes,
  openBoxes,
  openBoxRuns,
  type TrainBoxesOptions,
  trainBoxes,
} from '../src/node';
import { drawBoxFolder, drawnBox, IMAGES, MEAN } from './drawn';

let home: string;
let source: BoxSource;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'vgg-boxes-'));
  source = await drawBoxFolder(join(home, 'data'));
});
afterAll(() => rmSync(home, { recursive: true }));

const TRANSFORM: TrainTransform = { crop: 32, scale: [36, 48], flip: true, colour: null, mean: MEAN, range: 255 };
const PREPARATION: ImageTransform = {
  resize: 'shortest',
  scale: 36,
  interpolation: 'antialiased',
  crop: 32,
  channels: 'RGB',
  range: 255,
  mean: MEAN,
  std: [64, 64, 64],
};

function net(classes = 2) {
  return createVgg(
    {
      configuration: [6, 'pool', 8, 'pool', 8, 'pool'],
      inputSize: 32,
      classes,
      head: 'small',
      width: 0.05,
      dropout: 0,
    },
    heInitialiser({ seed: 3 }),
  );
}

/**
 * Compares the targets of images whose whole box lies in the crop with the rectangles in their pixels.
 * @returns the number of these images.
 */
async function compareBoxes(
  batches: AsyncIterable<Batch>,
  crop: Pick<Box, 'width' | 'height'>,
  options: BoxBatchOptions,
): Promise<number> {
  let seen = 0;
  for await (const { images, labels, targets, size } of withBoxes(batches, { ...options, visible: 1 })) {
    for (let i = 0; i < size; i++) {
      const at = 8 * i + 4 * labels[i]!;
      if (Number.isNaN(targets[at]!)) continue;
      seen += 1;
      expect(Number.isNaN(targets[8 * i + 4 * (1 - labels[i]!)])).toBe(true);
      const box = decodeBox(targets, at, crop);
      const real = drawnBox(images, i, crop);
      for (const key of ['left', 'top', 'width', 'height'] as const) {
        expect(Math.abs(box[key] - real[key]), key).toBeLessThan(1.5);
      }
    }
  }
  return seen;
}

/** Square and rectangular crops, with the scale of evaluation. */
const CROPS = [
  { crop: 32, width: 32, height: 32, scale: 36 },
  { crop: [32, 48], width: 48, height: 32, scale: 52 },
  { crop: [48, 32], width: 32, height: 48, scale: 52 },
] as const;

describe('batches with boxes', () => {
  it.each(CROPS)('carry the boxes to the pixels of training crops of $width x $height', async (size) => {
    const { crop, scale } = size;
    const transform: TrainTransform = { ...TRANSFORM, crop, scale: [scale, scale + 12] };
    const loader = createBatches(source, { transform, batchSize: 8, seed: 5, workers: 0 });
    const options = { source, regression: 'per-class', transform, seed: 5 } as const;
    let seen = 0;
    for (const epoch of [0, 1]) seen += await compareBoxes(loader.epoch(epoch), size, options);
    expect(seen).toBeGreaterThan(5);
    const withoutSeed = withBoxes(loader.epoch(0), { source, regression: 'per-class', transform });
    await expect(withoutSeed.next()).rejects.toThrow('expected the random seed of the loader');
    await loader.close();
  });

  it.each(CROPS)('carry the boxes to the pixels of the centre crop of $width x $height', async (size) => {
    const { crop, scale } = size;
    const transform = { crop, scale, mean: MEAN, range: 255 } as const;
    const loader = createEvaluationBatches(source, { transform, batchSize: 8, workers: 0 });
    expect(await compareBoxes(loader.epoch(0), size, { source, regression: 'per-class', transform })).toBeGreaterThan(
      4,
    );
    await loader.close();
  });
});

describe('a localisation net', () => {
  it('has the layers of its classifier, and may train the fully-connected ones alone', () => {
    const classifier = net();
    const localiser = createLocaliser(classifier, { regression: 'shared', tuned: 'classifier' });
    expect(localiser.options.classes).toBe(4);
    expect([...localiser.trainable.keys()].every((name) => name.startsWith('fc'))).toBe(true);
    for (const [name, variable] of localiser.variables) {
      if (!name.startsWith('fc8')) expect(variable.dataSync()).toEqual(classifier.variables.get(name)!.dataSync());
    }
    classifier.dispose();
    localiser.dispose();
  });

  it('predicts the same in the dense view and by a crop of the whole image, and leaks nothing', async () => {
    const model = net();
    const classifier = { model, classes: ['white', 'black'], transform: PREPARATION };
    const localiser = createLocaliser(model);
    const localisers = [{ model: localiser, transform: PREPARATION }];
    const data = Uint8Array.from({ length: 50 * 50 * 3 }, (_, i) => (i * 7919) % 256);
    const image = { data, width: 50, height: 50 };
    const before = memory().numTensors;
    const plan = { classifier, localisers, scales: [32] } as const;
    const [dense, single] = await Promise.all([
      predictBoxes(image, { ...plan, protocol: 'dense' }),
      predictBoxes(image, { ...plan, protocol: 'single' }),
    ]);
    expect(dense.boxesOf(1)).toHaveLength(1);
    expect(dense.probabilities).toBeAllclose(single.probabilities, { rtol: 1e-4, atol: 1e-5 });
    expect(Object.values(dense.boxesOf(1)[0]!.box)).toBeAllclose(Object.values(single.boxesOf(1)[0]!.box), {
      rtol: 1e-3,
      atol: 1e-2,
    });
    // At Q = 48 the dense view has 3 x 3 windows, both protocols have 25 more, and as many for the flip.
    const both = await predictBoxes(image, { ...plan, scales: [48], protocol: 'both', flips: true });
    expect(both.boxesOf(0)).toHaveLength(2 * (9 + 25));
    expect(both.probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    expect(memory().numTensors).toBe(before);
    await expect(predictBoxes(image, { ...plan, scales: [20] })).rejects.toThrow('scales of at least the input');
    await expect(predictBoxes(image, { ...plan, localisers: [] })).rejects.toThrow('at least one localisation net');
    await expect(predictBoxes(image, { ...plan, localisers: [classifier] })).rejects.toThrow(
      'with 4 or 8 outputs, got one with 2',
    );
    model.dispose();
    localiser.dispose();
  });
});

describe('training', () => {
  const classifierOf = () => ({ model: net(), classes: ['white', 'black'], transform: PREPARATION });
  interface Change
    extends Partial<
      Pick<TrainBoxesOptions, 'train' | 'validation' | 'batch' | 'freeze' | 'maxSteps' | 'classifier' | 'seed'>
    > {
    signal?: AbortSignal;
    onStep?: (step: number) => unknown;
  }
  const train = async (path: string, { onStep, ...change }: Change = {}) => {
    const run = RunFolder.open(join(home, path));
    const optimiser = new MomentumSgd();
    const { classifier = classifierOf() } = change;
    try {
      const losses: number[] = [];
      const trained = await trainBoxes({
        train: source,
        validation: source,
        transform: TRANSFORM,
        batch: 8,
        microBatch: 8,
        epochs: 6,
        seed: 2,
        ...change,
        classifier,
        workers: 0,
        schedule: () => constant(0.05),
        optimiser,
        run,
        onEvent: (event) => {
          if (event.type !== 'step') return;
          losses.push(event.metrics.loss);
          onStep?.(event.step);
        },
      });
      return { ...trained, losses };
    } finally {
      run.close();
      optimiser.dispose();
      classifier.model.dispose();
    }
  };

  it('finds boxes, is saved, and continues to the bit after an interruption', async () => {
    const whole = await train('whole');
    expect(whole.losses.at(-1)).toBeLessThan(whole.losses[0]! / 2);
    expect(whole.result.validation!.metric).toBeLessThanOrEqual(100);

    const stop = new AbortController();
    const part = await train('part', { signal: stop.signal, onStep: (step) => step === 5 && stop.abort() });
    expect(part.result.reason).toBe('interrupted');
    part.model.dispose();
    const rest = await train('part');
    expect(rest.result.reason).toBe('complete');
    for (const [name, variable] of whole.model.variables) {
      expect(rest.model.variables.get(name)!.dataSync(), name).toEqual(variable.dataSync());
    }

    const saved = await loadLocaliser(join(home, 'whole', 'model.safetensors'));
    expect(saved).toMatchObject({ regression: 'per-class', classes: ['white', 'black'] });
    const classifier = classifierOf();
    const plan = { classifier, localisers: [saved], protocol: 'multi-crop' } as const;
    const image = await decodeImage(source.location(0), { name: source.key(0) });
    const [first] = await locate(image, { ...plan, top: 1 });
    expect(first!.parts).toBeGreaterThan(1);
    expect(first!.box.width * first!.box.height).toBeGreaterThan(0);
    expect(await openBoxRuns([join(home, 'whole')], classifier)).toMatchObject({
      classifier,
      localisers: { length: 1 },
    });
    const measured = { ...plan, source, scale: [36, 48], input: 32, limit: 4 } as const;
    const { rows, skipped } = await measureBoxes(measured);
    expect(skipped).toEqual([]);
    expect(rows.map(({ protocol, scales }) => [protocol, scales.join()])).toEqual([
      ['single', '42'],
      ['dense', '42'],
      ['multi-crop', '42'],
      ['multi-crop', '36,42,48'],
    ]);
    const sorted = (await openBoxes(join(home, 'data'))).train!;
    expect(await measureBoxes({ ...measured, source: sorted })).toEqual({ rows, skipped });
    const broken = source.image(1);
    writeFileSync(join(home, 'broken.png'), 'not an image');
    const location = { kind: 'file', path: join(home, 'broken.png') } as const;
    const partly = boxSource('partly', source.classes, [source.image(0), { ...broken, location }, source.image(3)]);
    expect(await measureBoxes({ ...measured, source: partly })).toMatchObject({
      rows: [{ images: 2 }, { images: 2 }, { images: 2 }, { images: 2 }],
      skipped: [{ index: 1, key: broken.key, reason: expect.stringContaining(broken.key) }],
    });
    await expect(measureBoxes({ ...measured, source: partly, strict: true })).rejects.toThrow(broken.key);
    const { model, skipped: unused } = await train('partly', {
      train: partly,
      validation: partly,
      maxSteps: 1,
      batch: 1,
    });
    model.dispose();
    expect(unused).toMatchObject([{ index: 1, key: broken.key }]);
    for (const row of rows) expect(row.top5Error).toBe(row.trueClassError);
    expect(rows).toContain(bestRow(rows));

    const folder = new BoxFolder(join(home, 'drawn'));
    const files = [await folder.write('a/b.png', image, [first!]), await folder.write('c/b.png', image, [])];
    expect(files.map((file) => file.slice(home.length + 1))).toEqual(['drawn/b.png', 'drawn/b-2.png']);
    expect(await sharp(files[0]!).metadata()).toMatchObject({ format: 'png' });
    const read = join(home, 'drawn', 'c.png');
    const names = ['a/d.png', 'a/d-2.png', 'b/d.png', 'b/D.png', read];
    const own = new BoxFolder(join(home, 'drawn'), [read]);
    const others: string[] = [];
    for (const name of names) others.push(await own.write(name, image, []));
    expect(others.map((file) => file.slice(home.length + 7))).toEqual([
      'd.png',
      'd-2.png',
      'd-3.png',
      'D-4.png',
      'c-2.png',
    ]);
    for (const { model } of [whole, rest, saved, classifier]) model.dispose();
  });

  it('matches the classes of images by name, and those of saved nets in order', async () => {
    const sorted = (await openBoxes(join(home, 'data'))).train!;
    expect(sorted.classes).toEqual(['black', 'white']);
    const { model, losses } = await train('sorted', { train: sorted, maxSteps: 2 });
    const same = await train('same', { maxSteps: 2 });
    expect(losses).toEqual(same.losses);
    const path = join(home, 'sorted');
    const saved = await loadLocaliser(join(path, 'model.safetensors'));
    expect(saved.classes).toEqual(['white', 'black']);
    const classifier = classifierOf();
    const before = memory().numTensors;
    await expect(openBoxRuns([path], { ...classifier, classes: ['black', 'white'] })).rejects.toThrow(
      `class 0 of the classifier is black, of ${path} it is white: they must be the same, in the same order`,
    );
    for (const rows of ['[', '[]', '{}', '[{"protocol":"dense","top5Error":1,"meanOverlap":1,"scales":["a"]}]']) {
      writeFileSync(join(path, 'localisation.json'), rows);
      await expect(openBoxRuns([path], classifier), rows).rejects.toThrow(/localisation\.json is damaged: expected/);
    }
    expect(memory().numTensors).toBe(before);
    for (const one of [model, same.model, saved.model, classifier.model]) one.dispose();
  });

  it('loads a net of one class', async () => {
    const images = Array.from({ length: IMAGES / 2 }, (_, i) => source.image(2 * i));
    const white = boxSource('white', ['white'], images);
    const classifier = { ...classifierOf(), model: net(1), classes: ['white'] };
    const { model } = await train('one', { train: white, validation: white, classifier, maxSteps: 1 });
    const saved = await loadLocaliser(join(home, 'one', 'model.safetensors'));
    expect(saved).toMatchObject({ regression: 'per-class', classes: ['white'] });
    for (const one of [model, saved.model]) one.dispose();
  });

  it('has a last layer that follows from the random seed', async () => {
    const { model } = await train('seed', { maxSteps: 1, seed: 3, freeze: ['fc8'] });
    const classifier = net();
    const fresh = createLocaliser(classifier, { initialiser: normalInitialiser({ seed: 3 }) });
    for (const [name, variable] of fresh.variables) {
      if (name.startsWith('fc8')) expect(model.variables.get(name)!.dataSync(), name).toEqual(variable.dataSync());
    }
    for (const one of [model, classifier, fresh]) one.dispose();
  });

  it('refuses other classes and distorted images', async () => {
    const run = RunFolder.open(join(home, 'refused'));
    const optimiser = new MomentumSgd();
    const classifier = classifierOf();
    const options = {
      classifier,
      train: source,
      transform: TRANSFORM,
      batch: 8,
      microBatch: 8,
      epochs: 1,
      seed: 1,
      run,
      optimiser,
    };
    const schedule = () => constant(0.1);
    const transform = { ...TRANSFORM, trivialAugment: true };
    await expect(trainBoxes({ ...options, schedule, transform })).rejects.toThrow('TrivialAugment distorts images');
    const three = boxSource('mine', ['white', 'grey', 'pink'], [source.image(0)]);
    await expect(trainBoxes({ ...options, schedule, train: three })).rejects.toThrow(
      '2 of the 3 classes of mine are not among the 2 classes of the classifier: grey, pink',
    );
    classifier.model.dispose();
    optimiser.dispose();
    run.close();
  });

  it('is not mistaken for a classifier', async () => {
    await expect(evaluateBoxes({ classifier: classifierOf(), localisers: [], images: [] })).rejects.toThrow(
      'at least one image',
    );
  });
});

it('boxes are drawn in colours, and their texts are escaped', async () => {
  const image = { data: new Uint8Array(60 * 40 * 3).fill(128), width: 60, height: 40 };
  const box = { left: 10, top: 10, width: 20, height: 20 };
  const { data, info } = await drawBoxes(image, [{ box, text: '<a> & "b"' }])
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 320, height: 213 });
  const coloured = Array.from({ length: 320 * 213 }, (_, i) => data[i * info.channels]! - data[i * info.channels + 2]!);
  expect(coloured.filter((difference) => difference > 100).length).toBeGreaterThan(300);
});
