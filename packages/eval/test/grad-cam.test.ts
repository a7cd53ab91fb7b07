/** Grad-CAM against PyTorch, and its refusals. No gradient of TF.js is registered here, as in plain Node. */
import '@tensorflow/tfjs-backend-cpu';
import { argMax, dispose, enableProdMode, fill, type Tensor4D, tensor4d, tidy, zeros } from '@tensorflow/tfjs-core';
import { createVgg, zeroInitialiser } from '@vgg/models';
import { expectNoLeak, hashedImages } from '@vgg/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { type ClassMap, gradCam } from '../src/index';
import { createRecorded, RECORDED, RECORDED_NETS, recordedImages } from './recorded-maps';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

describe.each(RECORDED_NETS)('Grad-CAM of %s', (_, recorded) => {
  const net = createRecorded(recorded);
  const views = recordedImages(recorded);
  afterAll(() => {
    net.dispose();
    dispose(views);
  });

  it.each(Object.keys(recorded.maps))('is that of PyTorch at %s, for crops and a whole image', async (tap) => {
    const maps: ClassMap[] = [];
    for (const images of views) {
      const classIndex = RECORDED.labels.slice(0, images.shape[0]);
      maps.push(...(await expectNoLeak(() => gradCam(net, images, { classIndex, tap }))));
    }
    for (const [i, expected] of recorded.maps[tap]!.entries()) {
      const { data, low, high, width, height, classIndex, method } = maps[i]!;
      const largest = Math.max(...expected);
      expect(data).toBeAllclose(expected, { rtol: 1e-4, atol: 1e-6 * largest });
      expect([low, high]).toEqual([Math.min(...data), Math.max(...data)]);
      expect([width * height, classIndex, method]).toEqual([expected.length, RECORDED.labels[i % 2], 'grad-cam']);
    }
  });

  it('takes the last ReLU before the last pool, and the most probable class of each image', async () => {
    const [images] = views as [Tensor4D];
    const scores = net.apply(images).logits;
    const best = [...tidy(() => argMax(scores, 1).dataSync())];
    scores.dispose();
    const [a, b] = [await gradCam(net, images), await gradCam(net, images, { tap: 'relu5_3', classIndex: best })];
    expect(a).toEqual(b);
    expect(a.map(({ classIndex }) => classIndex)).toEqual(best);
  });

  it('is the same for a name of torchvision', async () => {
    const [images] = views as [Tensor4D];
    const tap = recorded.options.batchNorm ? 'features.42' : 'features.29';
    expect(await gradCam(net, images, { classIndex: 1, tap })).toEqual(await gradCam(net, images, { classIndex: 1 }));
  });
});

describe('Grad-CAM', () => {
  const net = createVgg({ configuration: 'A', width: 1 / 32, inputSize: 32, classes: 4, head: 'small' });
  const images = hashedImages({ seed: 1, amplitude: 50 }, 2, 32, 32);
  afterAll(() => {
    net.dispose();
    images.dispose();
  });

  it('works at a convolution before its ReLU and at a fully-connected layer', async () => {
    for (const tap of ['conv4_2', 'fc6']) {
      const [map] = (await expectNoLeak(() => gradCam(net, images, { tap }))) as [ClassMap];
      expect(map.data.every((value) => value >= 0)).toBe(true);
    }
  });

  it('works with a linear head and a table', async () => {
    const own = createVgg({ configuration: [4, 'pool', 8, 'pool', 8], inputSize: 16, classes: 3, head: 'linear' });
    const batch = hashedImages({ seed: 1, amplitude: 2 }, 1, 20, 24);
    const [map] = (await expectNoLeak(() => gradCam(own, batch))) as [ClassMap];
    expect([map.width, map.height]).toEqual([6, 5]);
    own.dispose();
    batch.dispose();
  });

  it('is 0 everywhere for a net of zeros', async () => {
    const zero = createVgg(net.options, zeroInitialiser());
    const [map] = (await gradCam(zero, images)) as [ClassMap];
    expect([map.low, map.high]).toEqual([0, 0]);
    zero.dispose();
  });

  it.each([
    ['an unknown tap', { tap: 'relu5_9' }, /no layer "relu5_9" to tap \(did you mean/],
    ['the class scores', { tap: 'fc8' }, /a layer before the class scores, got fc8/],
    ['the probabilities', { tap: 'prob' }, /a layer before the class scores, got prob/],
    ['a class that the net lacks', { classIndex: 4 }, /class from 0 to 3, got 4/],
    ['a class that is not an integer', { classIndex: [0, 0.5] }, /class from 0 to 3, got 0.5/],
    ['a class of NaN', { classIndex: Number.NaN }, /class from 0 to 3, got NaN/],
    ['too few classes', { classIndex: [1] }, /one class, or one for each of 2 images, got 1/],
  ])('refuses %s', async (_, options, message) => {
    await expectNoLeak(() => expect(gradCam(net, images, options)).rejects.toThrow(message));
  });

  it('refuses images smaller than the input, a net without a head and values that are not finite', async () => {
    const small = zeros([1, 31, 40, 3]) as Tensor4D;
    await expect(gradCam(net, small)).rejects.toThrow(/at least 32 x 32, got 31 x 40/);
    const bare = createVgg({ ...net.options, head: 'none' });
    await expect(gradCam(bare, images)).rejects.toThrow(/needs class scores/);
    bare.dispose();
    const broken = fill([1, 32, 32, 3], Number.NaN) as Tensor4D;
    await expectNoLeak(() => expect(gradCam(net, broken)).rejects.toThrow(/not finite/));
    const shape = tensor4d(new Float32Array(32 * 32 * 4), [1, 32, 32, 4]);
    await expect(gradCam(net, shape)).rejects.toThrow(/expected float32 images/);
    dispose([small, broken, shape]);
  });
});
