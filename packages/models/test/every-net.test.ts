/** The same tests for every configuration, with and without batch norm and with each head. */

import { dispose, tidy, variableGrads } from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { expectNoLeak, hashedImages } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { CONFIGURATION_NAMES, createVgg, summarise } from '../src/index';
import { crossEntropy } from './engine';

const NETS = CONFIGURATION_NAMES.flatMap((configuration) =>
  [false, true].flatMap((batchNorm) =>
    (['paper', 'small'] as const).map((head) => ({ configuration, batchNorm, head })),
  ),
);
const IMAGES = { seed: 1, amplitude: 100 };

describe.each(NETS)('$configuration, batch norm $batchNorm, $head head', ({ configuration, batchNorm, head }) => {
  const options = { configuration, batchNorm, head, classes: 5, inputSize: 32, width: 1 / 32 } as const;

  it('returns one score per class', () =>
    expectNoLeak(() => {
      const net = createVgg(options);
      tidy(() => {
        const { logits, taps, batchStatistics } = net.apply(hashedImages(IMAGES, 2, 32, 32));
        expect(logits.shape).toEqual([2, 5]);
        expect(logits.dataSync().every(Number.isFinite)).toBe(true);
        expect(taps).toEqual({});
        expect(batchStatistics).toEqual({});
      });
      net.dispose();
    }));

  it('has the variables that the summary counts', () => {
    tidy(() => {
      const net = createVgg(options);
      const { layers, parameters } = summarise(options);
      const size = (prefix: string) =>
        [...net.trainable].reduce((total, [name, { size }]) => total + (name.startsWith(prefix) ? size : 0), 0);
      expect(size('')).toBe(parameters);
      for (const layer of layers) expect(size(`${layer.name}.`), layer.name).toBe(layer.parameters);
      net.dispose();
    });
  });

  it('trains one step with a finite gradient for every variable, and leaks nothing', () =>
    expectNoLeak(() => {
      const net = createVgg(options);
      const images = hashedImages(IMAGES, 2, 32, 32);
      const { value, grads } = variableGrads(() => {
        const { logits } = net.apply(images, { training: true, dropout: (layer) => randomStream(1, layer) });
        return crossEntropy(logits, [0, 3]);
      }, [...net.trainable.values()]);
      expect(Object.keys(grads)).toHaveLength(net.trainable.size);
      for (const [name, variable] of net.trainable) {
        const gradient = grads[variable.name]!;
        expect(gradient.shape, name).toEqual(variable.shape);
        expect(gradient.dataSync().every(Number.isFinite), name).toBe(true);
      }
      expect(grads[net.trainable.get('conv1_1.weight')!.name]!.dataSync().some((g) => g !== 0)).toBe(true);
      dispose([value, grads, images]);
      net.dispose();
    }));

  it('has a dense view that equals the classifier at the training size', () => {
    tidy(() => {
      const net = createVgg(options);
      const images = hashedImages(IMAGES, 2, 32, 32);
      const { scores } = net.dense(images);
      expect(scores.shape).toEqual([2, 1, 1, 5]);
      expect(scores.dataSync()).toBeAllclose(net.apply(images).logits.dataSync(), { rtol: 1e-6, atol: 1e-6 });
      net.dispose();
    });
  });
});

describe('Table 1', () => {
  it.each([
    ['A', 11],
    ['A-LRN', 11],
    ['B', 13],
    ['C', 16],
    ['D', 16],
    ['E', 19],
  ] as const)('%s has %i weight layers', (configuration, weightLayers) => {
    const { layers } = summarise({ configuration });
    const kinds = layers.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'convolution' || kind === 'fullyConnected')).toHaveLength(weightLayers);
    expect(kinds.filter((kind) => kind === 'maxPool')).toHaveLength(5);
    expect(kinds.filter((kind) => kind === 'localResponseNorm')).toHaveLength(configuration === 'A-LRN' ? 1 : 0);
    expect(kinds.filter((kind) => kind === 'relu')).toHaveLength(weightLayers - 1);
  });
});
