/** Files to start training with: what is taken, what is drawn, and the images that the net then takes. */
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, mul, type Tensor4D, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { createVgg, glorotInitialiser, resolveOptions } from '@vgg/models';
import { loadNet, openWeights } from '@vgg/weights';
import { openBytes } from '@vgg/weights/node';
import { describe, expect, it } from 'vitest';
import { narrowImages } from '../../../packages/weights/test/narrow';
import { firstWeights, isWeightFile, pixelTransform } from '../src/run/first-weights';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const PTH = fileURLToPath(new URL('../../../packages/weights/test/fixtures/pytorch/vgg11.pth', import.meta.url));
const NET = { configuration: 'A', width: 1 / 64, inputSize: 64, classes: 5 } as const;

describe('a file to start from', () => {
  it('gives its net the same scores for images of 0..255 less the mean as it gave for its own', async () => {
    const first = await firstWeights(PTH, resolveOptions(NET));
    expect(first.drawn).toEqual([]);
    expect(first.mean).toBeAllclose([123.675, 116.28, 103.53], { rtol: 1e-12 });
    const given = await first.read();
    const model = createVgg(NET, ({ name }) => given.get(name)!);
    const source = await openWeights(await openBytes(PTH));
    const { model: original } = await loadNet(source);
    await source.close();
    const own = narrowImages();
    const ours = tidy(() => mul(own, tensor1d([0.229, 0.224, 0.225].map((std) => std * 255)))) as Tensor4D;
    expect(model.apply(ours).logits).toBeAllclose(original.apply(own).logits, { rtol: 1e-5, atol: 1e-6 });
    for (const net of [model, original]) net.dispose();
  });

  it('leaves the last layer to be drawn for other classes, the classifier for another input', async () => {
    expect((await firstWeights(PTH, resolveOptions({ ...NET, classes: 3 }))).drawn).toEqual(['fc8']);
    const other = resolveOptions({ ...NET, inputSize: 96 });
    const first = await firstWeights(PTH, other);
    expect(first.drawn).toEqual(['fc6', 'fc7', 'fc8']);
    const given = await first.read();
    expect([...given.keys()].every((name) => name.startsWith('conv'))).toBe(true);
    const draw = glorotInitialiser({ seed: 1 });
    createVgg(other, (spec) => given.get(spec.name) ?? draw(spec)).dispose();
  });

  it('of another net is refused', async () => {
    await expect(firstWeights(PTH, resolveOptions({ ...NET, configuration: 'B' }))).rejects.toThrow(
      /vgg11\.pth is of another net: its configuration is A, expected B/,
    );
    await expect(firstWeights(PTH, resolveOptions({ ...NET, width: 0.5 }))).rejects.toThrow(
      /width is 0\.015625, expected 0\.5/,
    );
  });

  it('is a file, not a folder or nothing', () => {
    expect([PTH, fileURLToPath(new URL('.', import.meta.url)), 'nothing'].map(isWeightFile)).toEqual([
      true,
      false,
      false,
    ]);
  });
});

it('a preprocessing becomes a mean and a factor of pixels', () => {
  expect(pixelTransform({ mean: [1, 2, 3], scale: 256 })).toEqual({ mean: [1, 2, 3], factor: [1, 1, 1] });
  // (x / 255 - 0.5) / 0.25 = (x - 127.5) / 63.75
  const { mean, factor } = pixelTransform({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], range: 1, scale: 256 });
  expect(mean).toEqual([127.5, 127.5, 127.5]);
  expect(factor).toBeAllclose([1 / 63.75, 1 / 63.75, 1 / 63.75], { rtol: 1e-12 });
});
