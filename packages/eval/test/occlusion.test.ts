/** Occlusion against PyTorch and a net worked out by hand, and its refusals. */
import '@tensorflow/tfjs-backend-cpu';
import {
  concat,
  dispose,
  enableProdMode,
  fill,
  ones,
  slice,
  sum,
  type Tensor4D,
  tidy,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { createVgg } from '@vgg/models';
import { expectNoLeak, hashedImages } from '@vgg/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { type Classifier, type ClassMap, occlusion } from '../src/index';
import { createRecorded, RECORDED, RECORDED_NETS, recordedImages } from './recorded-maps';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

it.each(RECORDED_NETS)('occlusion of %s is that of PyTorch, in batches of any size', async (_, recorded) => {
  const net = createRecorded(recorded);
  const views = recordedImages(recorded);
  const { size, stride, labels } = RECORDED;
  const maps: ClassMap[] = [];
  for (const images of views) {
    const classIndex = labels.slice(0, images.shape[0]);
    const options = { classIndex, size, stride, batchPixels: 64 * 64 * 5 };
    maps.push(...(await expectNoLeak(() => occlusion(net, images, options))));
  }
  for (const [i, expected] of recorded.occlusion.entries()) {
    const { data, low, high, width, height } = maps[i]!;
    expect(width * height).toBe(expected.length);
    expect(data).toBeAllclose(expected, { rtol: 1e-4, atol: 1e-6 });
    expect([low, high]).toEqual([Math.min(...data), Math.max(...data)]);
  }
  dispose(views);
  net.dispose();
});

/** Net of two classes whose scores are the sum of the four pixels in the top left corner, and 0. */
const corner: Classifier = {
  options: { classes: 2, inputSize: 4 },
  apply: () => {
    throw new Error('occlusion uses the dense view');
  },
  dense: (images) => ({
    scores: tidy(() => {
      const sums = sum(slice(images, [0, 0, 0, 0], [-1, 2, 2, 1]), [1, 2], true) as Tensor4D;
      return concat([sums, zerosLike(sums)], 3);
    }),
  }),
};

describe('occlusion', () => {
  const images = ones([1, 6, 4, 3]) as Tensor4D;
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  afterAll(() => images.dispose());

  it('is the lost posterior, worked out by hand', async () => {
    const [map] = (await occlusion(corner, images, { classIndex: 0, size: 2, stride: 2 })) as [ClassMap];
    expect([map.width, map.height, map.method]).toEqual([2, 3, 'occlusion']);
    expect(map.data).toBeAllclose([sigmoid(4) - sigmoid(0), 0, 0, 0, 0, 0], { rtol: 1e-6, atol: 1e-7 });
  });

  it('covers less at the edges: a square of 3 around (1, 1) covers four pixels of the corner, around (3, 1) two', async () => {
    const [map] = (await occlusion(corner, images, { classIndex: 0, size: 3, stride: 2 })) as [ClassMap];
    // The square around pixel 1 begins at 1 - 1.5, which rounds to 0, and the one around pixel 3 at 2.
    const first = sigmoid(4) - sigmoid(0);
    expect(map.data).toBeAllclose([first, 0, 0, 0, 0, 0], { rtol: 1e-6, atol: 1e-7 });
    const [other] = (await occlusion(corner, images, { classIndex: 1, size: 4, stride: 3 })) as [ClassMap];
    // Squares begin at 1.5 - 2, which rounds to 0, and at 4.5 - 2, rounded to 3; a map below 0 speaks against the class.
    expect(other.data).toBeAllclose([-first, 0, 0, 0], { rtol: 1e-6, atol: 1e-7 });
    expect([other.low, other.high]).toBeAllclose([-first, 0], { rtol: 1e-6, atol: 1e-7 });
  });

  it('takes the most probable class, and a square of a quarter of the input', async () => {
    const [map] = (await occlusion(corner, images)) as [ClassMap];
    expect([map.width, map.height, map.classIndex]).toEqual([4, 6, 0]);
  });

  it.each([
    ['a class that the net lacks', { classIndex: 2 }, /class from 0 to 1, got 2/],
    ['a size of 0', { size: 0 }, /expected size to be an integer of at least 1, got 0/],
    ['a stride of NaN', { stride: Number.NaN }, /stride.*NaN/],
    ['no pixels in a batch', { batchPixels: 0 }, /batchPixels.*0/],
  ])('refuses %s', async (_, options, message) => {
    await expectNoLeak(() => expect(occlusion(corner, images, options)).rejects.toThrow(message));
  });

  it('refuses images smaller than the input, a net without a head and values that are not finite', async () => {
    const small = ones([1, 4, 3, 3]) as Tensor4D;
    await expect(occlusion(corner, small)).rejects.toThrow(/occlusion needs images of at least 4 x 4, got 4 x 3/);
    const broken = fill([1, 4, 4, 3], Number.NaN) as Tensor4D;
    await expectNoLeak(() => expect(occlusion(corner, broken)).rejects.toThrow(/not finite for the images/));
    const bare = createVgg({ configuration: 'A', width: 1 / 32, inputSize: 32, classes: 4, head: 'none' });
    const batch = hashedImages({ seed: 1, amplitude: 50 }, 1, 32, 32);
    await expect(occlusion(bare, batch)).rejects.toThrow(/needs class scores/);
    bare.dispose();
    dispose([small, broken, batch]);
  });
});
