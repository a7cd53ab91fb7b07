/** Files of torch.onnx: the loaded nets compute the same as torch. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { loadNet, openWeights } from '../src/index';
import { openBytes } from '../src/node';
import { narrowImages } from './narrow';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const FIXTURES = new URL('./fixtures/onnx/', import.meta.url);
const EXPECTED = JSON.parse(readFileSync(new URL('expected.json', FIXTURES), 'utf8')) as Record<string, number[]>;

describe('a net of torchvision exported by torch.onnx', () => {
  it.each([
    ['vgg11.onnx', 'A', false],
    ['external.onnx', 'A', false],
    ['float16.onnx', 'A', false],
    ['vgg13_bn.onnx', 'B', true],
    ['vgg16_bn.onnx', 'D', false], // Folded into the convolutions.
  ] as const)('%s is net %s, and gives its logits', async (file, configuration, batchNorm) => {
    await expectNoLeak(async () => {
      const source = await openWeights(await openBytes(fileURLToPath(new URL(file, FIXTURES))));
      const { model, naming, describedBy, preprocessing, report } = await loadNet(source);
      expect({ naming, describedBy, range: preprocessing?.range }).toEqual({
        naming: 'torchvision',
        describedBy: 'collection',
        range: 1,
      });
      expect(report).toMatchObject({ missing: [], leftOver: [], misshapen: [] });
      expect(model.options).toMatchObject({ configuration, batchNorm, classes: 5, inputSize: 64, width: 1 / 64 });
      const images = narrowImages();
      const { logits } = model.apply(images);
      expect(logits).toBeAllclose(EXPECTED[file]!, { rtol: 1e-4, atol: 1e-5 });
      images.dispose();
      logits.dispose();
      model.dispose();
      await source.close();
    });
  });
});
