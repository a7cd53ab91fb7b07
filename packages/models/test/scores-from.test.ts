/** Class scores from the output of a layer: those of the dense view, with a gradient. */
import './engine';
import { dispose, grad, sum, type Tensor, type Tensor4D, zeros } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { createVgg, type Tap, type Vgg } from '../src/index';
import { images, numbers, refusal, SMALL } from './small-net';

const NETS = {
  A: createVgg(SMALL),
  'A-LRN with the head of the paper': createVgg({ ...SMALL, configuration: 'A-LRN', head: 'paper' }),
  'D with batch norm and a linear head': createVgg({ ...SMALL, configuration: 'D', batchNorm: true, head: 'linear' }),
};
afterAll(() => {
  for (const net of Object.values(NETS)) net.dispose();
});

describe.each(Object.entries<Vgg>(NETS))('scoresFrom of %s', (_, net) => {
  it.each(['conv1_1', 'relu2_1', 'pool3', 'conv5_2', 'pool5'] as const)('%s', async (layer) => {
    const batch = images(45, 70);
    await expectNoLeak(() => {
      const { scores, taps } = net.dense(batch, { taps: [layer] });
      const again = net.scoresFrom(layer, taps[layer]);
      expect(numbers(again)).toEqual(numbers(scores));
      const gradient = grad((x: Tensor) => sum(net.scoresFrom(layer, x)))(taps[layer]);
      expect(gradient.shape).toEqual(taps[layer].shape);
      expect(numbers(gradient).some((value) => value !== 0)).toBe(true);
      dispose([scores, taps, again, gradient]);
    });
    batch.dispose();
  });
});

describe('scoresFrom', () => {
  const net = NETS.A as Vgg;
  const output = (...shape: [number, number, number, number]) => zeros(shape) as Tensor4D;

  it('takes other names of a layer, and fully-connected layers', () => {
    const maps = [net.scoresFrom('block5_pool', output(1, 1, 2, 16)), net.scoresFrom('fc6', output(1, 2, 3, 16))];
    expect(maps.map(({ shape }) => shape)).toEqual([
      [1, 1, 2, 4],
      [1, 2, 3, 4],
    ]);
    dispose(maps);
  });

  it('refuses a layer that is unknown or not before the class scores, and other outputs', () => {
    const refuse = (kind: 'argument' | 'shape', layer: string, x: Tensor) =>
      refusal(kind, () => net.scoresFrom(layer as Tap, x));
    expect(refuse('argument', 'relu6_1', output(1, 2, 2, 16))).toMatch(/no layer "relu6_1"/);
    expect(refuse('argument', 'fc8', output(1, 1, 1, 4))).toMatch(/a layer before the class scores, got fc8/);
    expect(refuse('argument', 'prob', output(1, 1, 1, 4))).toMatch(/a layer before the class scores, got prob/);
    const expected = /the output of relu5_2, float32 \[n, h ≥ 2, w ≥ 2, 16\], got float32 \[/;
    expect(refuse('shape', 'relu5_2', output(1, 2, 2, 15))).toMatch(expected);
    expect(refuse('shape', 'relu5_2', output(1, 1, 2, 16))).toMatch(expected);
    expect(refuse('shape', 'relu5_2', zeros([1, 16]))).toMatch(expected);
    const bare = createVgg({ ...SMALL, head: 'none' }) as Vgg;
    expect(refusal('argument', () => bare.scoresFrom('pool5', output(1, 1, 1, 16)))).toMatch(/needs class scores/);
    bare.dispose();
  });
});
