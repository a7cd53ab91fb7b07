/** Arithmetic of every protocol (section 3.2), with nets that record their inputs. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { type EvaluationEvent, evaluate, PROTOCOLS, type Prediction, predict } from '../src/index';
import { average, type Crop, coordinates, type FakeNet, fakeNet, softmax } from './fake-net';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const byCrop = ({ left, top, flipped }: Crop) => [left / 4, top / 3, flipped ? 1 : 0];
const byFlip = (flipped: boolean) =>
  flipped
    ? [
        [0, 1, 2],
        [1, 1, 1],
      ]
    : [
        [3, 0, 0],
        [-1, 0, 2],
      ];
/** Mean of the soft-max of the spatial means of the two maps above. */
const DENSE = average([softmax([1, 0, 1]), softmax([0.5, 1, 1.5])]);

const image = coordinates(13, 9);
const scales = [9];

describe('single crop', () => {
  it('passes the centre once, not flipped', async () => {
    const net = fakeNet('net', byCrop);
    const { posterior } = await expectNoLeak(() => predict({ nets: [net], image, protocol: 'single', scales }));
    // Margins 13 - 5 = 8 and 9 - 5 = 4.
    expect(net.crops).toEqual([{ left: 4, top: 2, flipped: false }]);
    expect(posterior).toBeAllclose(softmax([1, 2 / 3, 0]), { rtol: 1e-6 });
  });

  it('passes the pixels minus the mean', async () => {
    const net = fakeNet('net', byCrop, byFlip, { mean: [1, 2, 30] });
    await predict({ nets: [net], image, protocol: 'single', scales });
    expect(net.blue).toBe(70);
    expect(net.crops).toEqual([{ left: 4, top: 2, flipped: false }]);
  });
});

describe('multi-crop', () => {
  // The regular 5x5 grid: its steps are a quarter of the margins 8 and 4.
  const grid = [0, 1, 2, 3, 4].flatMap((top) => [0, 2, 4, 6, 8].map((left) => ({ left, top })));

  it('passes the 5x5 grid and its flips in batches of limited size, and averages their posteriors', async () => {
    const net = fakeNet('net', byCrop);
    const { posterior } = await expectNoLeak(() =>
      predict({ nets: [net], image, protocol: 'multi-crop', scales, batchPixels: 16 * 25 + 24 }),
    );
    const expected = grid.flatMap((corner) => [
      { ...corner, flipped: false },
      { ...corner, flipped: true },
    ]);
    expect(net.crops).toHaveLength(50);
    expect(net.crops).toEqual(expect.arrayContaining(expected));
    expect(net.batches).toEqual([16, 16, 16, 2]);
    expect(posterior).toBeAllclose(average(expected.map((crop) => softmax(byCrop(crop)))), { rtol: 1e-6 });
  });

  it('passes 25 crops without flips', async () => {
    const net = fakeNet('net', byCrop);
    const { posterior } = await predict({ nets: [net], image, protocol: 'multi-crop', scales, flips: false });
    const expected = grid.map((corner) => ({ ...corner, flipped: false }));
    expect(net.crops).toEqual(expected);
    expect(posterior).toBeAllclose(average(expected.map((crop) => softmax(byCrop(crop)))), { rtol: 1e-6 });
  });

  it('passes crops of each scale', async () => {
    const net = fakeNet('net', byCrop);
    await predict({ nets: [net], image, protocol: 'multi-crop', scales: [9, 18, 27] });
    expect(net.crops).toHaveLength(150);
  });

  it('passes equal crops once and counts each of them', async () => {
    const net = fakeNet('net', byCrop);
    const options = { protocol: 'multi-crop', scales: [6], flips: false } as const;
    const { posterior } = await predict({ nets: [net], image: coordinates(8, 6), ...options });
    // Quarters of the margins 3 and 1, rounded.
    expect(net.crops).toHaveLength(4 * 2);
    const crops = [0, 0, 1, 1, 1].flatMap((top) => [0, 1, 2, 2, 3].map((left) => ({ left, top, flipped: false })));
    expect(posterior).toBeAllclose(average(crops.map((crop) => softmax(byCrop(crop)))), { rtol: 1e-6 });
  });
});

describe('dense', () => {
  it('passes the whole image and its flip together, and applies the soft-max after the spatial mean', async () => {
    const net = fakeNet('net', byCrop, byFlip);
    const { posterior } = await expectNoLeak(() => predict({ nets: [net], image, protocol: 'dense', scales }));
    expect(net.maps).toEqual([{ shape: [2, 9, 13, 3], flipped: [false, true] }]);
    expect(net.crops).toEqual([]);
    expect(posterior).toBeAllclose(DENSE, { rtol: 1e-6 });
  });

  it('passes only the image without flips', async () => {
    const net = fakeNet('net', byCrop, byFlip);
    const { posterior } = await predict({ nets: [net], image, protocol: 'dense', scales, flips: false });
    expect(net.maps).toEqual([{ shape: [1, 9, 13, 3], flipped: [false] }]);
    expect(posterior).toBeAllclose(softmax([1, 0, 1]), { rtol: 1e-6 });
  });

  it('passes the image rescaled to smallest side Q, be it the width or the height', async () => {
    const net = fakeNet('net', byCrop, byFlip);
    await predict({ nets: [net], image: coordinates(20, 60), protocol: 'dense', scales: [10, 15], flips: false });
    expect(net.maps.map(({ shape }) => shape)).toEqual([
      [1, 30, 10, 3],
      [1, 45, 15, 3],
    ]);
  });

  it('returns the same posterior for an image and its mirror image', async () => {
    const net = fakeNet('net', byCrop, byFlip);
    const mirror = { ...image, data: image.data.slice() };
    for (let i = 0; i < 13 * 9; i++) mirror.data[i * 3] = 12 - image.data[i * 3]!;
    const one = await predict({ nets: [net], image, scales });
    const other = await predict({ nets: [net], image: mirror, scales });
    expect(other.posterior).toBeAllclose(one.posterior, { rtol: 1e-12 });
  });
});

describe('several results of one pass', () => {
  async function everything(nets: FakeNet[], qs: number[]) {
    const predictions: Prediction[] = [];
    const onEvent = (event: EvaluationEvent) => {
      if (event.type === 'prediction') predictions.push(event.prediction);
    };
    const images = [{ key: 'a', label: 2, load: async () => image }];
    const result = await expectNoLeak(() => evaluate({ nets, images, protocols: PROTOCOLS, scales: qs, onEvent }));
    return { ...result, predictions };
  }

  it('are those of each protocol alone, and both is the mean of dense and multi-crop', async () => {
    const { predictions } = await everything([fakeNet('net', byCrop, byFlip)], [9, 18]);
    const alone = await Promise.all(
      PROTOCOLS.map((protocol) =>
        predict({ nets: [fakeNet('net', byCrop, byFlip)], image, protocol, scales: [9, 18] }),
      ),
    );
    expect(predictions.map(({ protocol }) => protocol)).toEqual(PROTOCOLS);
    predictions.forEach((prediction, i) => {
      expect(prediction.classes).toEqual(alone[i]!.classes);
      expect(prediction.probabilities).toBeAllclose(alone[i]!.probabilities, { rtol: 1e-12 });
      expect(alone[i]!.posterior.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
    });
    const [, dense, crops, both] = alone;
    expect(both!.posterior).toBeAllclose(average([dense!.posterior, crops!.posterior]), { rtol: 1e-12 });
  });

  it('share the forward passes', async () => {
    const net = fakeNet('net', byCrop, byFlip);
    await everything([net], [9, 18]);
    // Two scales of 50 grid crops and the centre; two dense passes of the image and its flip.
    expect(net.crops).toHaveLength(102);
    expect(net.maps.map(({ flipped }) => flipped.length)).toEqual([2, 2]);
  });

  it('have a row for each net and their fusion, each protocol, each Q and their combination', async () => {
    const nets = [fakeNet('first', byCrop, byFlip), fakeNet('second', ({ left }) => [0, left, 1], byFlip)];
    const { rows, k, classes, images } = await everything(nets, [9, 18]);
    expect({ k, classes, images }).toEqual({ k: 3, classes: 3, images: 1 });
    expect(rows).toHaveLength(3 * 4 * 3);
    expect(rows.slice(0, 4).map((row) => [row.nets, row.protocol, row.scales])).toEqual([
      [['first'], 'single', [9]],
      [['first'], 'single', [18]],
      [['first'], 'single', [9, 18]],
      [['first'], 'dense', [9]],
    ]);
    expect(rows.at(-1)).toMatchObject({ nets: ['first', 'second'], protocol: 'both', scales: [9, 18], images: 1 });
    const whole = rows.filter(({ confusion }) => confusion !== null);
    expect(whole.map((row) => row.protocol)).toEqual(PROTOCOLS);
    for (const { nets: names, scales: qs, confusion } of whole) {
      expect([names.length, qs.length, confusion!.reduce((sum, n) => sum + n, 0)]).toEqual([2, 2, 1]);
    }
  });

  it('fuse nets, even of different input sizes and means, into the mean of their posteriors', async () => {
    const first = fakeNet('first', byCrop, byFlip);
    const byCorner = ({ left, top }: Crop) => [top, left, 1];
    const second = fakeNet('second', byCorner, () => [[0, 0, 3]], { inputSize: 7, mean: [3, 2, 1] });
    for (const protocol of PROTOCOLS) {
      const options = { image, protocol, scales: [9, 18] };
      const fusion = await predict({ nets: [first, second], ...options });
      const parts = [await predict({ nets: [first], ...options }), await predict({ nets: [second], ...options })];
      expect(fusion.posterior).toBeAllclose(average(parts.map(({ posterior }) => posterior)), { rtol: 1e-12 });
      expect(fusion.posterior).not.toBeAllclose(parts[0]!.posterior, { rtol: 1e-3 });
    }
  });

  it('fuse nets of different test scales each at its own, in any order', async () => {
    const first = { ...fakeNet('first', byCrop, byFlip), scales: [9, 18] };
    const second = { ...fakeNet('second', ({ left }) => [0, left, 1], byFlip), scales: [12] };
    for (const protocol of PROTOCOLS) {
      const parts = [
        await predict({ nets: [{ ...first, scales: undefined }], image, protocol, scales: [9, 18] }),
        await predict({ nets: [{ ...second, scales: undefined }], image, protocol, scales: [12] }),
      ];
      const mean = average(parts.map(({ posterior }) => posterior));
      for (const nets of [
        [first, second],
        [second, first],
      ]) {
        const fusion = await predict({ nets, image, protocol, scales: [99] });
        expect(fusion.posterior).toBeAllclose(mean, { rtol: 1e-12 });
      }
    }
    const { rows } = await everything([second, first], [99]);
    expect(rows.slice(-6).map((row) => [row.nets.join('+'), row.scales.join()])).toEqual([
      ['first', '18'],
      ['first', '9,18'],
      ...PROTOCOLS.map(() => ['second+first', '9,12,18']),
    ]);
  });

  it('average the posteriors of the scales', async () => {
    const options = { nets: [fakeNet('net', byCrop, byFlip)], image, protocol: 'multi-crop' } as const;
    const both = await predict({ ...options, scales: [9, 18] });
    const parts = [await predict({ ...options, scales: [9] }), await predict({ ...options, scales: [18] })];
    expect(both.posterior).toBeAllclose(average(parts.map(({ posterior }) => posterior)), { rtol: 1e-12 });
    expect(both.posterior).not.toBeAllclose(parts[0]!.posterior, { rtol: 1e-3 });
  });
});
