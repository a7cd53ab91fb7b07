/** Files of torch.save: the loaded nets compute the same as torch. */
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { loadNet, openWeights } from '../src/index';
import { openBytes } from '../src/node';
import { EXPECTED, FIXTURES, narrowImages } from './narrow';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

function fixture(name: string): string {
  return fileURLToPath(new URL(name, FIXTURES));
}

describe('a net of torchvision saved by torch', () => {
  it.each([
    ['vgg11.pth', 'A', false],
    ['vgg13.pth', 'B', false],
    ['vgg16.pth', 'D', false],
    ['vgg19.pth', 'E', false],
    ['vgg11_bn.legacy.pth', 'A', true],
    ['vgg13_bn.legacy.pth', 'B', true],
    ['vgg16_bn.legacy.pth', 'D', true],
    ['vgg19_bn.legacy.pth', 'E', true],
  ] as const)('%s is net %s, and gives its logits', async (file, configuration, batchNorm) => {
    await expectNoLeak(async () => {
      const source = await openWeights(await openBytes(fixture(file)));
      const { model, naming, report } = await loadNet(source);
      expect(naming).toBe('torchvision');
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
