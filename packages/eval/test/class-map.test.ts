/** Class maps computed by hand, from a net whose map the test defines. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, tensor4d } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { type Classifier, classMap } from '../src/index';
import { coordinates, fakeNet } from './fake-net';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

/** Class scores whose soft-max gives class 0 the probability `p`. */
const scores = (p: number) => [Math.log(p), Math.log(1 - p)];

/** Image of 64x32 pixels, evaluated at two positions whose windows have their centres at x = 16 and 48. */
const image = coordinates(64, 32);
const net = fakeNet(
  'net',
  () => [0, 0],
  (flipped) => (flipped ? [scores(0.9), scores(0.1)] : [scores(0.75), scores(0.5)]),
  { inputSize: 32 },
);
const request = { nets: [net], image, scales: [32], classIndex: 0, resolution: 4 };

describe('the class map', () => {
  it('is bilinear between the centres of the windows and constant outside them', async () => {
    const map = await expectNoLeak(() => classMap({ ...request, flips: false }));
    expect([map.width, map.height]).toEqual([4, 2]);
    // Points at x = 8, 24, 40, 56: before the first centre, 1/4 and 3/4 of the way to the second, after the second.
    const row = [0.75, 0.6875, 0.5625, 0.5];
    expect(map.data).toBeAllclose([...row, ...row], { rtol: 1e-5 });
  });

  it('averages with the map of the flipped image, flipped again', async () => {
    const { data } = await classMap(request);
    // The map of the flipped image has 0.9, 0.7, 0.3, 0.1 at the same points, from the right.
    const row = [(0.75 + 0.1) / 2, (0.6875 + 0.3) / 2, (0.5625 + 0.7) / 2, (0.5 + 0.9) / 2];
    expect(data).toBeAllclose([...row, ...row], { rtol: 1e-5 });
  });

  it('subtracts the mean and divides by the standard deviation', async () => {
    const seen: number[][] = [];
    const model: Classifier = {
      ...net.model,
      dense: (images) => {
        seen.push([...images.dataSync().slice(0, 6)]);
        return { scores: tensor4d([[[scores(0.5)]]]) };
      },
    };
    const netWithStd = { name: 'net', model, mean: [1, 2, 60], std: [2, 4, 10] } as const;
    await classMap({ ...request, nets: [netWithStd], flips: false });
    // The first two pixels are (0, 0, 100) and (1, 0, 100).
    expect(seen[0]).toBeAllclose([-0.5, -0.5, 4, 0, -0.5, 4], { rtol: 1e-6 });
  });

  it('sums over the classes to 1 everywhere', async () => {
    const first = await classMap(request);
    const second = await classMap({ ...request, classIndex: 1 });
    expect(first.data.map((p, i) => p + second.data[i]!)).toBeAllclose(new Float32Array(8).fill(1), { rtol: 1e-5 });
  });

  it.each([
    ['a class that the net lacks', { classIndex: 2 }, /class from 0 to 1, got 2/],
    ['a scale below the crop', { scales: [31] }, /Q ≥ 32, got 31/],
    ['no resolution', { resolution: 0 }, /resolution from 1 to 4096, got 0/],
    ['an image above the limit', { maxImagePixels: 100 }, /above the limit of 100 pixels/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(classMap({ ...request, ...wrong })).rejects.toThrow(message);
  });

  it('refuses a net that returns NaN', async () => {
    const broken = fakeNet(
      'broken',
      () => [0, 0],
      () => [
        [Number.NaN, 0],
        [0, 0],
      ],
      { inputSize: 32 },
    );
    await expect(classMap({ ...request, nets: [broken] })).rejects.toThrow(/net broken gives class scores/);
  });
});
