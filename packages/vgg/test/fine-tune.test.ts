/**
 * Fine-tuning of nets of every framework by the obvious lines: the losses are those of images that are normalised by hand, and the
 * saved file predicts as the tuned net does.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { createBatches as createPlainBatches } from '@vgg/data/node';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  classify,
  createBatches,
  createEvaluationBatches,
  evaluationTransform,
  fineTune,
  foldNormalisation,
  type LoadedNet,
  loadNet,
  openSource,
  type Preprocessing,
  saveModel,
  trainingTransform,
  validate,
} from '../src/node';
import { drawStripes, type Framework, fileOf, temporaryFolder } from './folder';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const CROP = 32;
const BATCHES = { batchSize: 4, seed: 2, workers: 0 } as const;

/** Returns the loss of every step of fine-tuning all layers. */
async function lossesOf(
  net: LoadedNet,
  batches: (
    epoch: number,
  ) => AsyncIterable<{ images: Float32Array; labels: Int32Array; size: number; height: number; width: number }>,
): Promise<number[]> {
  const losses: number[] = [];
  await fineTune({
    model: net.model,
    classes: 2,
    batches,
    freeze: [],
    epochs: 2,
    microBatch: 4,
    onEvent: (event) => {
      if (event.type === 'step') losses.push(event.metrics.loss);
    },
  });
  return losses;
}

/** Preparation of each framework, written out here a second time. */
const BY_HAND: Record<Framework, (pixel: number, channel: 0 | 1 | 2) => number> = {
  torchvision: (pixel, c) => (pixel / 255 - [0.485, 0.456, 0.406][c]!) / [0.229, 0.224, 0.225][c]!,
  timm: (pixel, c) => (pixel / 255 - [0.485, 0.456, 0.406][c]!) / [0.229, 0.224, 0.225][c]!,
  keras: (pixel, c) => pixel - [123.68, 116.779, 103.939][c]!,
  caffe: (pixel, c) => pixel - [123.68, 116.779, 103.939][c]!,
};

const frameworks = Object.keys(BY_HAND) as Framework[];

/** Loads the net of a framework for small images: only the scale differs from the published nets. */
async function loadSmall(framework: Framework): Promise<LoadedNet> {
  const file = await fileOf(framework);
  const known = await loadNet(file);
  const preprocessing: Preprocessing = { ...known.preprocessing!, scale: framework === 'keras' ? CROP : 36 };
  expect(known.naming).toBe(framework);
  known.model.dispose();
  const net = await loadNet(file, { preprocessing });
  onTestFinished(() => net.model.dispose());
  return net;
}

describe.each(frameworks)('a net of %s', (framework) => {
  it('is fine-tuned with the losses of images normalised by hand, by either line', async () => {
    const { train } = await openSource(await drawStripes(6));
    const net = await loadSmall(framework);
    const { interpolation, resize, scale } = net.transform!;
    // Pixels from 0 to 255, normalised here.
    const plain = createPlainBatches(train!, {
      ...BATCHES,
      transform: { crop: CROP, scale, flip: true, colour: null, mean: [0, 0, 0], range: 255, interpolation, resize },
    });
    async function* byHand(epoch: number) {
      for await (const batch of plain.epoch(epoch)) {
        const images = batch.images.map((pixel, i) => BY_HAND[framework](pixel, (i % 3) as 0 | 1 | 2));
        yield { ...batch, images };
      }
    }
    const expected = await lossesOf(net, byHand);
    expect(expected).toHaveLength(6);
    expect(expected[0]).toBeLessThan(3);

    for (const transform of [trainingTransform(net), { ...net.transform!, flip: true, colour: null }]) {
      const loader = createBatches(train!, { ...BATCHES, transform });
      const losses = await lossesOf(await loadSmall(framework), (epoch) => loader.epoch(epoch));
      expect(losses).toBeAllclose(expected, { rtol: 1e-5, atol: 1e-5 });
      await loader.close();
    }
    await plain.close();
  });

  it('is saved with the preparation that it was trained with, and predicts the same', async () => {
    const folder = await drawStripes(6);
    const { train, classes } = await openSource(folder);
    const net = await loadSmall(framework);
    const loader = createBatches(train!, { ...BATCHES, transform: trainingTransform(net) });
    await fineTune({ model: net.model, classes: 2, batches: (epoch) => loader.epoch(epoch), epochs: 2, microBatch: 4 });
    const path = join(temporaryFolder(), 'tuned.safetensors');
    await saveModel(path, net.model, { classes, preprocessing: loader.preprocessing });
    await loader.close();

    const saved = await loadNet(path);
    expect(saved.transform).toEqual(net.transform);
    expect(saved.classes).toEqual(['lying', 'standing']);
    const images = readdirSync(join(folder, 'lying')).map((name) => join(folder, 'lying', name));
    const tuned = { ...net, classes };
    expect(await classify(saved, images)).toEqual(await classify(tuned, images));

    // The errors of validation are those of classify.
    const evaluation = createEvaluationBatches(train!, {
      batchSize: 5,
      transform: evaluationTransform(saved),
      workers: 1,
    });
    const validation = await validate({ model: saved.model, batches: evaluation.epoch(0) });
    const labels = Array.from({ length: train!.length }, (_, i) => train!.label(i));
    const guesses = await classify(
      saved,
      labels.map((_, i) => join(folder, train!.key(i))),
      { top: 1 },
    );
    const wrong = guesses.filter(([guess], i) => guess!.index !== labels[i]).length;
    expect(validation!.top1).toBeCloseTo((100 * wrong) / labels.length, 6);
    await evaluation.close();
    saved.model.dispose();
  });

  it('computes the same after its normalisation is folded into conv1_1', async () => {
    const folder = await drawStripes(2);
    const image = join(folder, 'standing', '0.jpg');
    const net = await loadSmall(framework);
    const before = await classify(net, image);
    const folded = await foldNormalisation(net);
    expect(folded.transform).toMatchObject({ range: 255, std: [1, 1, 1], channels: 'RGB' });
    const after = await classify(folded, image);
    expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
    expect(after.map(({ probability }) => probability)).toBeAllclose(
      before.map(({ probability }) => probability),
      { rtol: 1e-4 },
    );
  });
});

it('a net of BGR is folded to one of RGB', async () => {
  const file = await fileOf('torchvision');
  const preprocessing: Preprocessing = {
    mean: [0.4, 0.5, 0.6],
    std: [0.2, 0.3, 0.4],
    range: 1,
    channels: 'BGR',
    scale: 36,
  };
  const net = await loadNet(file, { preprocessing });
  const image = join(await drawStripes(1), 'lying', '0.jpg');
  const before = await classify(net, image);
  const folded = await foldNormalisation(net);
  expect(folded.preprocessing).toMatchObject({ mean: [153, 127.5, 102], scale: 36 });
  const after = await classify(folded, image);
  expect(after.map(({ probability }) => probability)).toBeAllclose(
    before.map(({ probability }) => probability),
    { rtol: 1e-4 },
  );
  net.model.dispose();
});
