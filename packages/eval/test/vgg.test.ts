/** The protocols with real nets, compared with the same arithmetic on slices of one tensor, crop by crop. */
import '@tensorflow/tfjs-backend-cpu';
import {
  add,
  concat,
  div,
  enableProdMode,
  mean,
  reverse,
  slice,
  softmax,
  sub,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor1d,
  tensor4d,
  tidy,
} from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { type RawImage, rescale } from '@vgg/data';
import { createVgg, heInitialiser, type Initialiser, type Vgg } from '@vgg/models';
import { expectNoLeak } from '@vgg/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { type EvaluatedNet, evaluate, PROTOCOLS, predict } from '../src/index';
import { average } from './fake-net';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const SHAPE = { classes: 6, inputSize: 32, width: 1 / 32, head: 'small' } as const;

/** Returns He's initialiser with smaller weights in fc8: otherwise the scores are too large, and every soft-max is 0 or 1. */
function smallScores(seed: number): Initialiser {
  const he = heInitialiser({ seed });
  return (variable) => (he(variable) as Float32Array).map((x) => (variable.layer === 'fc8' ? x / 50 : x));
}

const models = [
  createVgg({ configuration: 'A', ...SHAPE }, smallScores(1)),
  createVgg({ configuration: 'D', batchNorm: true, ...SHAPE }, smallScores(2)),
] as const;
const nets = [
  { name: 'A', model: models[0], mean: [120, 110, 100] },
  { name: 'D', model: models[1], mean: [60, 70, 80] },
] as const satisfies readonly EvaluatedNet[];
afterAll(() => {
  for (const model of models) model.dispose();
});

/** Returns an image of noise. */
function noise(seed: number, width: number, height: number): RawImage {
  const random = randomStream(seed, 'image');
  return { data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(256)), width, height };
}

/** Returns the image at smallest side `scale`, [1, height, width, 3], minus the mean. */
function input(image: RawImage, scale: number, { mean: rgb }: EvaluatedNet, flipped = false): Tensor4D {
  const { data, width, height } = rescale(image, scale);
  const pixels = sub(tensor4d(data, [1, height, width, 3]), tensor1d([...rgb])) as Tensor4D;
  return flipped ? reverse(pixels, 2) : pixels;
}

function numbers(compute: () => Tensor1D | Tensor2D): number[] {
  return [...tidy(compute).dataSync()];
}

function densePosterior(model: Vgg, image: RawImage, scale: number, net: EvaluatedNet): number[] {
  return numbers(() => {
    const posteriors = [false, true].map(
      (flipped) => softmax(mean(model.dense(input(image, scale, net, flipped)).scores, [1, 2])) as Tensor2D,
    );
    return div(add(posteriors[0]!, posteriors[1]!), 2) as Tensor2D;
  });
}

function multiCropPosterior(model: Vgg, image: RawImage, scale: number, net: EvaluatedNet): number[] {
  return numbers(() => {
    const crops = [false, true].flatMap((flipped) => {
      const pixels = input(image, scale, net, flipped);
      const [, height, width] = pixels.shape;
      // The flipped grid is the grid of the flipped image only if the margins are multiples of four, as here.
      return [0, 1, 2, 3, 4].flatMap((row) =>
        [0, 1, 2, 3, 4].map((column) =>
          slice(pixels, [0, (row * (height - 32)) / 4, (column * (width - 32)) / 4, 0], [1, 32, 32, 3]),
        ),
      );
    });
    return mean(softmax(model.apply(concat(crops)).logits), 0) as Tensor1D;
  });
}

describe('a real net', () => {
  // At Q = 32 and 40 the sizes are 48x32 and 60x40: margins of 16, 0, 28 and 8.
  const image = noise(1, 96, 64);
  const scales = [32, 40];
  const [net] = nets;
  const tolerance = { rtol: 1e-4, atol: 1e-6 };

  it('predicts the same by dense evaluation and by a single crop for a square image of the training size', async () => {
    for (const one of nets) {
      const options = { nets: [one], image: noise(3, 32, 32), scales: [32], flips: false };
      const single = await predict({ ...options, protocol: 'single' });
      const dense = await predict({ ...options, protocol: 'dense' });
      expect(dense.posterior).toBeAllclose(single.posterior, tolerance);
      const most = Math.max(...single.posterior);
      expect(most).toBeGreaterThan(0.2);
      expect(most).toBeLessThan(0.95);
    }
  });

  it('predicts by dense evaluation the mean of the dense view of the whole image and its flip', async () => {
    const { posterior } = await expectNoLeak(() => predict({ nets: [net], image, protocol: 'dense', scales }));
    const expected = scales.map((scale) => densePosterior(models[0], image, scale, net));
    expect(posterior).toBeAllclose(average(expected), tolerance);
  });

  it('predicts by multi-crop evaluation the mean of the classifier over the crops', async () => {
    const { posterior } = await expectNoLeak(() => predict({ nets: [net], image, protocol: 'multi-crop', scales }));
    const expected = scales.map((scale) => multiCropPosterior(models[0], image, scale, net));
    expect(posterior).toBeAllclose(average(expected), tolerance);
  });

  it('fuses with another, over all protocols, as the mean of the parts; posteriors sum to one', async () => {
    const expected = nets.flatMap((one, i) =>
      scales.flatMap((scale) => [
        densePosterior(models[i]!, image, scale, one),
        multiCropPosterior(models[i]!, image, scale, one),
      ]),
    );
    const { posterior } = await expectNoLeak(() => predict({ nets, image, protocol: 'both', scales }));
    expect(posterior).toBeAllclose(average(expected), tolerance);
    expect(posterior.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
  });

  it('gives the same results for images of several sizes together as for each alone', async () => {
    const images = [noise(1, 96, 64), noise(2, 50, 80), noise(3, 96, 64), noise(4, 1, 1)];
    const seen: number[][] = [];
    await expectNoLeak(() =>
      evaluate({
        nets,
        images: images.map((raw, i) => ({ key: `${i}`, label: i, load: async () => raw })),
        protocols: PROTOCOLS,
        scales: [33],
        onEvent: (event) => {
          if (event.type === 'prediction') seen.push([...event.prediction.probabilities]);
        },
      }),
    );
    expect(seen).toHaveLength(images.length * PROTOCOLS.length);
    const alone = await predict({ nets, image: images[1]!, protocol: 'both', scales: [33] });
    expect(seen[7]).toBeAllclose(alone.probabilities, tolerance);
  });
});
