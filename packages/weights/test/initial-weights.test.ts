/** Files to start training with: the weights that are used, the layers that are missing, and the images that the net takes. */
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, mul, type Tensor4D, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { createVgg, glorotInitialiser, resolveOptions } from '@vgg/models';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initialWeights, loadNet, openWeights, pixelTransform, type WeightSource } from '../src/index';
import { openBytes } from '../src/node';
import { FIXTURES, narrowImages } from './narrow';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const NET = { configuration: 'A', width: 1 / 64, inputSize: 64, classes: 5 } as const;

describe('a file to start training with', () => {
  let source: WeightSource;
  beforeEach(async () => {
    source = await openWeights(await openBytes(fileURLToPath(new URL('vgg11.pth', FIXTURES))));
  });
  afterEach(() => source.close());

  it('gives the same scores for images on 0..255 less the mean as its own net for its own images', async () => {
    const initial = await initialWeights(source, resolveOptions(NET));
    expect(initial.missing).toEqual([]);
    expect(initial.mean).toBeAllclose([123.675, 116.28, 103.53], { rtol: 1e-12 });
    const values = await initial.read();
    const model = createVgg(NET, ({ name }) => values.get(name)!);
    const { model: original } = await loadNet(source);
    const images = narrowImages();
    const pixels = tidy(() => mul(images, tensor1d([0.229, 0.224, 0.225].map((std) => std * 255)))) as Tensor4D;
    expect(model.apply(pixels).logits).toBeAllclose(original.apply(images).logits, { rtol: 1e-5, atol: 1e-6 });
    for (const net of [model, original]) net.dispose();
  });

  it('lacks only fc8 for other classes', async () => {
    const { missing } = await initialWeights(source, resolveOptions({ ...NET, classes: 3 }));
    expect(missing).toEqual(['fc8']);
  });

  it('lacks the whole classifier for another input size', async () => {
    const net = resolveOptions({ ...NET, inputSize: 96 });
    const initial = await initialWeights(source, net);
    expect(initial.missing).toEqual(['fc6', 'fc7', 'fc8']);
    const values = await initial.read();
    expect([...values.keys()].every((name) => name.startsWith('conv'))).toBe(true);
    const random = glorotInitialiser({ seed: 1 });
    createVgg(net, (spec) => values.get(spec.name) ?? random(spec)).dispose();
  });

  it('is refused for another net', async () => {
    await expect(initialWeights(source, resolveOptions({ ...NET, configuration: 'B' }))).rejects.toThrow(
      /vgg11\.pth is of another net: its configuration is A, expected B/,
    );
    await expect(initialWeights(source, resolveOptions({ ...NET, width: 0.5 }))).rejects.toThrow(
      /width is 0\.015625, expected 0\.5/,
    );
  });
});

it('expresses a preprocessing as a mean and a factor of pixels', () => {
  expect(pixelTransform({ mean: [1, 2, 3], scale: 256 })).toEqual({ mean: [1, 2, 3], factor: [1, 1, 1] });
  // (x / 255 - 0.5) / 0.25 = (x - 127.5) / 63.75
  const { mean, factor } = pixelTransform({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], range: 1, scale: 256 });
  expect(mean).toEqual([127.5, 127.5, 127.5]);
  expect(factor).toBeAllclose([1 / 63.75, 1 / 63.75, 1 / 63.75], { rtol: 1e-12 });
});
