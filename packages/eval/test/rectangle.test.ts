/** Evaluation of nets whose input is a rectangle: the crops of every protocol, worked out by hand. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, type Tensor4D, tensor2d } from '@tensorflow/tfjs-core';
import type { ImageTransform } from '@vgg/data';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { classify, evaluate, netInput, predict } from '../src';
import { type Crop, coordinates, fakeNet } from './fake-net';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const byCrop = ({ left, top }: Crop) => [left / 4, top / 3];
const image = coordinates(13, 9);

/** Returns a net of inputs 3 high and 5 wide. */
function wideNet(name = 'wide') {
  return fakeNet(name, byCrop, () => [[1, 2]], { inputSize: [3, 5] });
}

describe('a net of rectangles', () => {
  it('sees the centre, the grid and the whole image', async () => {
    const plan = { image, scales: [9] };
    const [single, grid, dense] = [wideNet(), wideNet(), wideNet()];
    await expectNoLeak(() => predict({ ...plan, nets: [single], protocol: 'single' }));
    // Margins 13 - 5 = 8 and 9 - 3 = 6.
    expect(single.crops).toEqual([{ left: 4, top: 3, flipped: false }]);
    await predict({ ...plan, nets: [grid], protocol: 'multi-crop' });
    // Corners k · 8 / 4 and k · 6 / 4, rounded.
    const corners = [0, 2, 3, 5, 6].flatMap((top) => [0, 2, 4, 6, 8].map((left) => ({ left, top })));
    const expected = corners.flatMap((corner) => [true, false].map((flipped) => ({ ...corner, flipped })));
    expect(grid.crops).toHaveLength(50);
    expect(grid.crops).toEqual(expect.arrayContaining(expected));
    await predict({ ...plan, nets: [dense], protocol: 'dense' });
    expect(dense.maps).toEqual([{ shape: [2, 9, 13, 3], flipped: [false, true] }]);
  });

  it('is fused with a net of squares, each with crops of its own', async () => {
    const [wide, square] = [wideNet(), fakeNet('square', byCrop)];
    await evaluate({
      nets: [wide, square],
      images: [{ key: 'one', label: 0, load: async () => image }],
      protocols: ['single'],
      scales: [9],
    });
    expect(wide.crops).toEqual([{ left: 4, top: 3, flipped: false }]);
    expect(square.crops).toEqual([{ left: 4, top: 2, flipped: false }]);
  });

  it('needs scales of its longer side', async () => {
    await expect(predict({ nets: [wideNet()], image, scales: [4] })).rejects.toThrow(
      /net wide needs integer scales Q ≥ 5, got 4/,
    );
  });

  it('classifies images by its own transform', async () => {
    const transform: ImageTransform = {
      resize: 'shortest',
      scale: 9,
      interpolation: 'antialiased',
      crop: [3, 5],
      channels: 'RGB',
      range: 255,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    };
    const seen: number[][] = [];
    const model = {
      options: { classes: 2, inputSize: [3, 5] as const },
      apply(images: Tensor4D) {
        seen.push(images.shape, [...images.dataSync().slice(0, 3)]);
        return { logits: tensor2d([[0, 1]]) };
      },
      dense: () => {
        throw new Error('dense must not be called');
      },
    };
    const net = { model, classes: ['left', 'right'], transform };
    const [best] = await classify(net, image);
    expect(best!.name).toBe('right');
    // The pixel at (4, 3) is (4, 3, 100).
    expect(seen).toEqual([
      [1, 3, 5, 3],
      [4, 3, 100],
    ]);
    expect(() => netInput({ ...net, transform: { ...transform, crop: [5, 3] } }, image)).toThrow(
      'the net takes images of 3x5, the transform cuts 5x3',
    );
  });
});
