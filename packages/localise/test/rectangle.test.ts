/** Localisation nets of rectangles: places of their windows, and their boxes in the image. */
import './backend';
import type { ImageTransform } from '@vgg/data';
import { createVgg, heInitialiser } from '@vgg/models';
import { afterAll, expect, it } from 'vitest';
import { createLocaliser, predictBoxes } from '../src/index';
import { MEAN } from './drawn';

const TRANSFORM: ImageTransform = {
  resize: 'shortest',
  scale: 48,
  interpolation: 'antialiased',
  crop: [32, 48],
  channels: 'RGB',
  range: 255,
  mean: MEAN,
  std: [64, 64, 64],
};
/** Centre 6 pixels right of and 8 above that of the window, half as wide and a quarter as high as it. */
const BOX = Float32Array.of(6 / 48, -8 / 32, 1 / 2, 1 / 4);

const classifier = createVgg(
  { configuration: [2, 'pool', 2, 'pool', 2, 'pool'], inputSize: [32, 48], classes: 2, head: 'small', width: 0.05 },
  heInitialiser({ seed: 3 }),
);
/** Predicts the same box in every window. */
const localiser = createLocaliser(classifier, {
  regression: 'shared',
  initialiser: ({ role, shape }) => (role === 'bias' ? BOX : new Float32Array(shape.reduce((a, b) => a * b))),
});
const nets = [classifier, localiser].map((model) => ({ model, classes: ['a', 'b'], transform: TRANSFORM }));
afterAll(() => {
  for (const { model } of nets) model.dispose();
});

/** 160 x 96, which Q = 48 makes 80 x 48. */
const image = { data: new Uint8Array(160 * 96 * 3).fill(90), width: 160, height: 96 };

/** Returns the box of a window at Q = 48, in pixels of the image, which are half as large. */
function boxOf([left, top]: readonly [number, number]) {
  return [2 * (left + 24 + 6 - 12), 2 * (top + 16 - 8 - 4), 2 * 24, 2 * 8];
}

it.each([
  ['single', [[16, 8]]],
  // The dense view has a position every 8 pixels.
  ['dense', [0, 8, 16].flatMap((top) => [0, 8, 16, 24, 32].map((left) => [left, top]))],
  ['multi-crop', [0, 4, 8, 12, 16].flatMap((top) => [0, 8, 16, 24, 32].map((left) => [left, top]))],
] as ['single' | 'dense' | 'multi-crop', [number, number][]][])(
  '%s windows of 48 x 32 in 80 x 48',
  async (protocol, windows) => {
    const predictions = await predictBoxes(image, {
      classifier: nets[0]!,
      localisers: [nets[1]!],
      protocol,
      flips: true,
    });
    const found = predictions.boxesOf(0).map(({ box: { left, top, width, height } }) => [left, top, width, height]);
    const own = windows.map(boxOf);
    // Of the flipped image, the boxes are mirrored.
    const mirrored = own.map(([left, top, width, height]) => [160 - left! - width!, top!, width!, height!]);
    expect(found.flat()).toBeAllclose([...own, ...mirrored].flat(), { rtol: 1e-5, atol: 1e-4 });
  },
);

it('a scale below the longer side of the windows is refused', async () => {
  const plan = { classifier: nets[0]!, localisers: [nets[1]!], scales: [40] };
  await expect(predictBoxes(image, plan)).rejects.toThrow('at least the input of the nets, 48, got 40');
});

it('a localisation net of the other orientation is refused', async () => {
  const tall = createVgg({ ...classifier.options, inputSize: [48, 32], classes: 4 }, heInitialiser({ seed: 3 }));
  const plan = { classifier: nets[0]!, localisers: [{ model: tall, transform: TRANSFORM }] };
  await expect(predictBoxes(image, plan)).rejects.toThrow('the input of the classifier, 48x32, and as many max-pools');
  tall.dispose();
});
