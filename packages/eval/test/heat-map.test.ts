/** Heat maps of whole images: Grad-CAM and occlusion of several nets, scales and flips, and their drawing. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, sub, type Tensor4D, tensor1d, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { flip, type RawImage, rescale } from '@vgg/data';
import { createVgg, heInitialiser } from '@vgg/models';
import { expectNoLeak } from '@vgg/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { type ClassMap, classMap, drawClassMap, gradCam, heatColour, heatMap, occlusion } from '../src/index';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

/** Returns an image of noise. */
function noise(width: number, height: number): RawImage {
  const random = randomStream(1, 'image');
  return { data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(256)), width, height };
}

describe('a heat map', () => {
  const model = createVgg(
    { configuration: 'A', width: 1 / 16, inputSize: 32, classes: 4, head: 'linear' },
    heInitialiser({ seed: 2 }),
  );
  const net = { name: 'A', model, mean: [120, 110, 100] } as const;
  const image = noise(96, 64);
  const request = { method: 'grad-cam', nets: [net], image, classIndex: 1, scales: [64], flips: false } as const;
  afterAll(() => model.dispose());

  /** Returns the image at Q = 64, minus the mean, [1, 64, 96, 3]. */
  function input(flipped = false): Tensor4D {
    const scaled = rescale(image, 64);
    const { data } = flipped ? flip(scaled) : scaled;
    return tidy(() => sub(tensor4d(data, [1, 64, 96, 3]), tensor1d([120, 110, 100])) as Tensor4D);
  }

  it('by Grad-CAM has the feature map at its places, divided by its highest value', async () => {
    const map = await expectNoLeak(() => heatMap({ ...request, resolution: 6 }));
    const batch = input();
    const [cam] = (await gradCam(model, batch, { classIndex: 1 })) as [ClassMap];
    batch.dispose();
    // relu5_2 has a position for every 16 pixels: 6 x 4, as the map.
    expect([map.width, map.height, cam.width, cam.height]).toEqual([6, 4, 6, 4]);
    expect(cam.high).toBeGreaterThan(0);
    expect(map.data).toBeAllclose(
      cam.data.map((value) => value / cam.high),
      { rtol: 1e-5, atol: 1e-6 },
    );
    expect(map).toMatchObject({ method: 'grad-cam', high: 1, classIndex: 1 });
  });

  it('by occlusion has the lost posteriors, averaged with those of the flipped image', async () => {
    const map = await expectNoLeak(() => heatMap({ ...request, method: 'occlusion', flips: true, resolution: 12 }));
    const maps: ClassMap[] = [];
    for (const flipped of [false, true]) {
      const batch = input(flipped);
      maps.push(...(await occlusion(model, batch, { classIndex: 1, size: 16, stride: 8 })));
      batch.dispose();
    }
    const [straight, mirrored] = maps as [ClassMap, ClassMap];
    expect([map.width, map.height, straight.width, straight.height]).toEqual([12, 8, 12, 8]);
    const mean = straight.data.map((value, i) => (value + mirrored.data[i + 11 - 2 * (i % 12)]!) / 2);
    expect(map.data).toBeAllclose(mean, { rtol: 1e-4, atol: 1e-6 });
  });

  it('by class map is that of classMap', async () => {
    expect(await heatMap({ ...request, method: 'class-map' })).toEqual(await classMap(request));
  });

  it('averages over scales', async () => {
    const maps = [await heatMap(request), await heatMap({ ...request, scales: [32] })] as const;
    const { data } = await heatMap({ ...request, scales: [64, 32] });
    expect(data).toBeAllclose(
      maps[0].data.map((value, i) => (value + maps[1].data[i]!) / 2),
      { rtol: 1e-5, atol: 1e-6 },
    );
  });

  it.each([
    [
      'an unknown method',
      { method: 'cam' as 'grad-cam' },
      /unknown method cam; known are grad-cam, class-map, occlusion/,
    ],
    ['a class that the net lacks', { classIndex: 4 }, /class from 0 to 3, got 4/],
    ['a scale below the input', { scales: [31] }, /Q ≥ 32, got 31/],
    ['an image above the limit', { maxImagePixels: 100 }, /above the limit of 100 pixels/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect((async () => heatMap({ ...request, ...wrong }))()).rejects.toThrow(message);
  });
});

describe('the drawing of a map', () => {
  const image = { data: new Uint8Array(4 * 2 * 3).fill(100), width: 4, height: 2 };
  const map = { width: 2, height: 1, classIndex: 0, method: 'class-map' } as const;
  const pixel = (value: number) => heatColour(value).map((level) => Math.round(100 * 0.45 + level * 0.55));

  it('goes from the darkest colour for its lowest value to the brightest for its highest', () => {
    const { data, width, height } = drawClassMap(image, {
      ...map,
      data: Float32Array.of(0.2, 0.6),
      low: 0.2,
      high: 0.6,
    });
    expect([width, height]).toEqual([4, 2]);
    // Pixels lie at 1/8, 3/8, 5/8 and 7/8; the points of the map at 1/4 and 3/4.
    const row = [0, 0.25, 0.75, 1].flatMap(pixel);
    expect([...data]).toBeAllclose([...row, ...row], { rtol: 0, atol: 1 });
  });

  it('of probabilities that differ by less than 1 % does not stretch them; Grad-CAM has no such limit', () => {
    const values = { data: Float32Array.of(0.5, 0.505), low: 0.5, high: 0.505 };
    const last = (drawn: RawImage) => [...drawn.data.slice(9, 12)];
    expect(last(drawClassMap(image, { ...map, ...values }))).toBeAllclose(pixel(0.5), { rtol: 0, atol: 1 });
    expect(last(drawClassMap(image, { ...map, ...values, method: 'grad-cam' }))).toBeAllclose(pixel(1), {
      rtol: 0,
      atol: 1,
    });
    const flat = { data: new Float32Array(2), low: 0, high: 0, method: 'grad-cam' } as const;
    expect(last(drawClassMap(image, { ...map, ...flat }))).toBeAllclose(pixel(0), { rtol: 0, atol: 1 });
  });
});
