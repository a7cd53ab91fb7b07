/** The losses and their gradients in the image, compared with PyTorch (tools/fixtures/perceptual.py), and their errors. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { readFileSync } from 'node:fs';
import {
  env,
  grads,
  ones,
  profile,
  type Rank,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
  valueAndGrad,
  zeros,
} from '@tensorflow/tfjs-core';
import { ERROR_CODES, isVggError, type VggErrorKind } from '@vgg/core';
import { createVgg, type ResolvedVggOptions, zeroInitialiser } from '@vgg/models';
import { expectNoLeak, hashed, hashedImages, hashedInitialiser, readFixture } from '@vgg/testing';
import type { TensorData } from '@vgg/weights';
import { bytesOf, fromFloat32, openWeights } from '@vgg/weights';
import { describe, expect, it } from 'vitest';
import {
  featureDistance,
  gramMatrices,
  gramMatrix,
  lpips,
  lpipsWeights,
  perceptualLoss,
  styleDistance,
  styleLoss,
} from '../src/index';

env().set('IS_TEST', true);

interface Description {
  options: ResolvedVggOptions<'D'>;
  seed: number;
  /** Random stream of the first of the five linear weights. */
  linear: number;
  side: [number, number];
}
const { description, tensors } = readFixture<Description>(new URL('./fixtures/losses.safetensors', import.meta.url));
const { options, seed, side } = description;
const CHANNELS = [11, 21, 43, 85, 85];

const net = createVgg({ ...options, head: 'none' }, hashedInitialiser({ seed }));
const images = () => hashedImages({ seed: seed + 500, amplitude: 1 }, 2, ...side);
const targets = () => hashedImages({ seed: seed + 501, amplitude: 1 }, 2, ...side);

const small = (stream: number) => hashedImages({ seed: stream, amplitude: 1 }, 1, 16, 16);

/** Returns tensors as an open file. */
const fileOf = (tensors: ReadonlyMap<string, TensorData>) => ({
  tensors,
  read: async (name: string) => tensors.get(name)!,
});

/** Returns linear weights with the names and shapes of LPIPS's repository. */
function linear(channels = CHANNELS): Map<string, TensorData> {
  const entries = channels.map((count, layer): [string, TensorData] => [
    `lin${layer}.model.1.weight`,
    fromFloat32([1, count, 1, 1], Float32Array.from(hashed(description.linear + layer, count))),
  ]);
  return new Map(entries);
}

const lin = await lpipsWeights(fileOf(linear()));

const LOSSES: Record<string, (x: Tensor4D, target: Tensor4D) => Tensor> = {
  content: (x, target) => perceptualLoss(net, x, target, { relu2_2: 1, relu3_3: 0.5 }),
  style: (x, target) => styleLoss(net, x, target, { 'features.3': 1000, block2_conv2: 100, relu3_3: 10, relu4_3: 1 }),
  lpips: (x, target) => lpips(net, lin, x, target),
};

function refusal(kind: VggErrorKind, run: () => unknown): string {
  try {
    tidy(() => void run());
  } catch (error) {
    if (!isVggError(error)) throw error;
    expect(error.code).toBe(ERROR_CODES[kind]);
    expect(error.message).not.toContain('\n');
    return error.message;
  }
  throw new Error('expected a refusal');
}

describe.each(Object.entries(LOSSES))('%s', (name, loss) => {
  it("has PyTorch's value and gradient in the image", () =>
    expectNoLeak(() =>
      tidy(() => {
        const { value, grad } = valueAndGrad((x: Tensor) => loss(x as Tensor4D, targets()))(images(), undefined);
        expect(value).toBeAllclose(tensors.get(name)!.values, { rtol: 1e-4 });
        const { values } = tensors.get(`${name} gradient`)!;
        // A gradient is a sum of terms that partly cancel, so its error is relative to the largest.
        const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        expect(grad).toBeAllclose(values, { rtol: 1e-4, atol: 1e-5 * largest });
      }),
    ));

  it('is 0 between an image and itself, with a gradient of 0', () => {
    tidy(() => {
      const { value, grad } = valueAndGrad((x: Tensor) => loss(x as Tensor4D, small(1)))(small(1));
      expect(value.dataSync().every((x) => x === 0)).toBe(true);
      expect(grad.dataSync().every((x) => x === 0)).toBe(true);
    });
  });

  it('has gradients in both images', () => {
    tidy(() => {
      const both = grads((x: Tensor, y: Tensor) => loss(x as Tensor4D, y as Tensor4D))([small(0), small(1)]);
      for (const gradient of both) expect(gradient.dataSync().some((x) => x !== 0)).toBe(true);
    });
  });

  it("names images in PyTorch's order of axes", () => {
    const first = zeros([1, 3, 32, 32]) as Tensor4D;
    expect(refusal('shape', () => loss(first, first))).toMatch(
      /got .*\[1,3,32,32\]: transpose them, \[0, 2, 3, 1\], as their channels come first$/,
    );
  });

  it('refuses images of different shapes, or too small for the layers', () => {
    const other = ones<Rank.R4>([2, 3, 3, 3]);
    if (name !== 'style') expect(refusal('shape', () => loss(images(), other))).toMatch(/must have one shape/);
    expect(refusal('shape', () => loss(other, other))).toMatch(/needs (height|width) ≥ \d+, got \d/);
    other.dispose();
  });
});

describe('perceptual loss', () => {
  it('computes no layer after the last that has a weight', async () => {
    const x = images();
    const y = targets();
    const { kernels } = await profile(() => tidy(() => perceptualLoss(net, x, y, { relu2_1: 1 })));
    expect(kernels.filter(({ name }) => name === 'FusedConv2D')).toHaveLength(2 * 3);
  });

  it('is the weighted sum of the distances of the layers', () => {
    tidy(() => {
      const taps = ['relu1_1', 'pool2'] as const;
      const features = net.features(images(), taps);
      const targetFeatures = net.features(targets(), taps);
      const distance = (weights: Parameters<typeof featureDistance>[2]) =>
        featureDistance(features, targetFeatures, weights).dataSync()[0]!;
      const sum = 2 * distance({ relu1_1: 1 }) + 0.25 * distance({ pool2: 1 });
      expect(distance({ relu1_1: 2, pool2: 0.25 })).toBeAllclose(sum, { rtol: 1e-6 });
    });
  });

  it('refuses no layers, bad weights and features that lack a layer', () => {
    const loss = (weights: Record<string, number>) => () =>
      perceptualLoss(net, images(), targets(), weights as { relu1_1: number });
    expect(refusal('argument', loss({}))).toMatch(/at least one layer with its weight, got none/);
    expect(refusal('argument', loss({ relu1_1: -1 }))).toMatch(/relu1_1 must be a number of at least 0, got -1/);
    expect(refusal('argument', loss({ relu1_1: Number.NaN }))).toMatch(/got NaN/);
    expect(refusal('argument', loss({ relu1_9: 1 }))).toMatch(
      /no layer "relu1_9" to tap \(did you mean "relu1_\d"\?\)/,
    );
    const maps: unknown = { a: zeros([1]) };
    expect(refusal('argument', () => featureDistance(maps as { b: Tensor }, maps as { b: Tensor }, { b: 1 }))).toMatch(
      /expected the features of b.*, got a/,
    );
  });

  it('takes images of as many channels as the net has, and refuses features in place of images', () => {
    const grey = createVgg({ ...options, head: 'none', channels: 1 }, hashedInitialiser({ seed }));
    tidy(() => {
      const [one, other] = [ones<Rank.R4>([1, 16, 16, 1]), zeros<Rank.R4>([1, 16, 16, 1])];
      expect(perceptualLoss(grey, one, other, { relu1_1: 1 }).dataSync()[0]).toBeGreaterThan(0);
      expect(styleLoss(grey, one, other, { relu1_1: 1 }).dataSync()[0]).toBeGreaterThan(0);
      expect(refusal('shape', () => perceptualLoss(grey, images(), images(), { relu1_1: 1 }))).toMatch(
        /expected images \[n, height, width, 1\]/,
      );
      const features: unknown = net.features(targets(), ['relu1_1']);
      const message = 'expected images as a tensor, got { relu1_1 }: featureDistance compares features';
      for (const loss of [perceptualLoss, styleLoss]) {
        expect(refusal('argument', () => loss(net, images(), features as Tensor4D, { relu1_1: 1 }))).toBe(message);
      }
    });
    grey.dispose();
  });
});

describe('style loss', () => {
  it('uses Gram matrices over positions, divided by the number of elements of a map', () => {
    // Two positions with channels (1, 2) and (3, 4): [[1 + 9, 2 + 12], [14, 4 + 16]] / 4.
    const map = tensor([1, 2, 3, 4], [1, 2, 1, 2]);
    expect(gramMatrix(map)).toBeAllclose([2.5, 3.5, 3.5, 5], { rtol: 1e-6 });
    expect(refusal('shape', () => gramMatrix(zeros([2, 2])))).toMatch(/expected a feature map .*, got \[2,2\]/);
  });

  it('accepts one style of another size for all images', () => {
    tidy(() => {
      const weights = { relu2_2: 1, relu3_1: 2 };
      const style = hashedImages({ seed: 9, amplitude: 1 }, 1, 40, 33);
      const grams = gramMatrices(net.features(style, ['relu2_2', 'relu3_1']));
      const features = net.features(images(), ['relu2_2', 'relu3_1']);
      const value = styleLoss(net, images(), style, weights).dataSync();
      expect(styleDistance(features, grams, weights).dataSync()).toEqual(value);
      const three = { ...grams, relu2_2: zeros<Rank.R3>([3, 21, 21]) };
      expect(refusal('shape', () => styleDistance(features, three, weights))).toBe(
        'expected the Gram matrix of relu2_2 as [1 or 2,21,21], got [3,21,21]',
      );
    });
  });
});

describe('LPIPS', () => {
  it('has a finite gradient where no channel is active', () => {
    const dead = createVgg({ ...options, head: 'none' }, zeroInitialiser());
    tidy(() => {
      const distance = (x: Tensor) => lpips(dead, lin, x as Tensor4D, targets());
      const { value, grad } = valueAndGrad(distance)(images());
      expect([...value.dataSync()]).toEqual([0, 0]);
      expect(grad.dataSync().every((x) => x === 0)).toBe(true);
    });
    dead.dispose();
  });

  it("reads its weights from PyTorch's file, and from a whole state dict, whose other tensors it ignores", async () => {
    const file = await openWeights(bytesOf(readFileSync(new URL('./fixtures/lin.pth', import.meta.url))));
    const read = await lpipsWeights(file);
    await file.close();
    expect(read).toEqual(lin);
    const whole = linear().set('net.slice1.0.weight', fromFloat32([1], new Float32Array(1)));
    expect((await lpipsWeights(fileOf(whole))).map(({ length }) => length)).toEqual(CHANNELS);
  });

  it('refuses weights that do not fit', async () => {
    const without = linear();
    without.delete('lin3.model.1.weight');
    const wrong: [Map<string, TensorData>, RegExp][] = [
      [without, /got no lin3.model.1.weight among lin0/],
      [new Map(), /among nothing/],
      [
        linear().set('lin1.model.1.weight', fromFloat32([21], new Float32Array(21))),
        /lin1.* as \[1, channels, 1, 1\], got \[21\]/,
      ],
      [
        linear().set('lin4.model.1.weight', fromFloat32([1, 1, 1, 1], Float32Array.of(Number.NaN))),
        /lin4.* not finite/,
      ],
    ];
    for (const [tensors, message] of wrong) {
      await expect(lpipsWeights(fileOf(tensors))).rejects.toMatchObject({
        code: ERROR_CODES.weights,
        message: expect.stringMatching(message),
      });
    }
    const wide = await lpipsWeights(fileOf(linear([11, 21, 44, 85, 85])));
    expect(refusal('weights', () => lpips(net, wide, images(), targets()))).toMatch(
      /relu3_3 of the net has 43 channels, the linear weights are for 44/,
    );
  });
});
