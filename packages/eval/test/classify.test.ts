/** Classification with the net's own preprocessing and class order. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, type Tensor4D, tensor2d } from '@tensorflow/tfjs-core';
import type { ImageTransform } from '@vgg/data';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { type ClassifyingNet, classify, evaluate, evaluatedNet } from '../src';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const OWN: ImageTransform = {
  resize: 'stretch',
  scale: 2,
  interpolation: 'pillow-nearest',
  crop: 2,
  channels: 'BGR',
  range: 1,
  mean: [0.5, 0.25, 0],
  std: [0.5, 0.5, 2],
};

/** Image of one colour. */
const IMAGE = { data: Uint8Array.from({ length: 2 * 4 * 3 }, (_, i) => [255, 0, 51][i % 3]!), width: 4, height: 2 };

/** Returns a net whose scores are the three numbers of its first pixel, so that the classes rank like the colours. */
function colourNet(transform: ImageTransform | undefined = OWN): ClassifyingNet & { seen: number[][] } {
  const seen: number[][] = [];
  const model = {
    options: { classes: 3, inputSize: 2 },
    apply(images: Tensor4D) {
      seen.push([...images.dataSync()]);
      return { logits: tensor2d([seen.at(-1)!.slice(0, 3)]) };
    },
    dense: () => {
      throw new Error('dense must not be called');
    },
  };
  return { model, classes: ['blue', 'green', 'red'], transform, seen };
}

describe('classify', () => {
  it("prepares the image by the net's own transform and names the classes in its order", async () => {
    const net = colourNet();
    const guesses = await expectNoLeak(() => classify(net, IMAGE));
    // Blue 51/255 - 0.5 over 0.5, green 0 - 0.25 over 0.5, red 1 over 2.
    expect(net.seen[0]).toBeAllclose([-0.6, -0.5, 0.5, -0.6, -0.5, 0.5, -0.6, -0.5, 0.5, -0.6, -0.5, 0.5], {
      rtol: 1e-6,
    });
    expect(guesses.map(({ name, index }) => [name, index])).toEqual([
      ['red', 2],
      ['green', 1],
      ['blue', 0],
    ]);
    const sum = Math.exp(-0.6) + Math.exp(-0.5) + Math.exp(0.5);
    expect(guesses.map(({ probability }) => probability)).toBeAllclose(
      [Math.exp(0.5) / sum, Math.exp(-0.5) / sum, Math.exp(-0.6) / sum],
      { rtol: 1e-6 },
    );
  });

  it('returns as many guesses as requested', async () => {
    expect(await classify(colourNet(), IMAGE, { top: 1 })).toMatchObject([{ name: 'red' }]);
    await expect(classify(colourNet(), IMAGE, { top: 0 })).rejects.toThrow(
      'expected top to be an integer of at least 1, got 0',
    );
  });

  it("refuses a transform that is not the net's own, unless foreign is set", async () => {
    const other: ImageTransform = { ...OWN, channels: 'RGB' };
    await expect(classify(colourNet(), IMAGE, { transform: other })).rejects.toMatchObject({
      code: 'VGG_ARGUMENT',
      message: expect.stringMatching(
        /^the net takes images by its own transform \(stretch 2, .* BGR .*got another .* RGB/,
      ),
    });
    expect(await classify(colourNet(), IMAGE, { transform: { ...OWN } })).toMatchObject([{ name: 'red' }, {}, {}]);
    const net = colourNet();
    await classify(net, IMAGE, { transform: other, foreign: true });
    expect(net.seen[0]!.slice(0, 3)).toBeAllclose([1, -0.5, 0.1], { rtol: 1e-6 });
  });

  it('needs a transform, from the net or the caller', async () => {
    const bare = { ...colourNet(), transform: undefined };
    await expect(classify(bare, IMAGE)).rejects.toThrow('nothing says how the net takes its images: give a transform');
    expect(await classify(bare, IMAGE, { transform: OWN })).toMatchObject([{ name: 'red' }, {}, {}]);
  });

  it('refuses a transform that does not fit the input, class names that do not fit the outputs, and NaN', async () => {
    await expect(classify(colourNet({ ...OWN, crop: 1 }), IMAGE)).rejects.toThrow(
      'the net takes images of 2, the transform cuts 1',
    );
    await expect(classify({ ...colourNet(), classes: ['a'] }, IMAGE)).rejects.toThrow(
      'the net has 3 classes, got names for 1',
    );
    const broken = colourNet();
    const model = { ...broken.model, apply: () => ({ logits: tensor2d([[0, Number.NaN, 1]]) }) };
    await expectNoLeak(() =>
      expect(classify({ ...broken, model }, IMAGE)).rejects.toMatchObject({ code: 'VGG_NON_FINITE' }),
    );
  });
});

describe('evaluation of a net with a standard deviation', () => {
  it('divides the pixels by it', async () => {
    const net = colourNet({ ...OWN, channels: 'RGB' });
    const nets = [evaluatedNet('net', net)];
    await evaluate({ nets, images: [{ key: 'a', load: async () => IMAGE }], protocols: ['single'], scales: [2] });
    expect(net.seen[0]!.slice(0, 3)).toBeAllclose([1, -0.5, 0.1], { rtol: 1e-6 });
  });

  it('is refused if the colours are not RGB or the transform is not known', () => {
    expect(() => evaluatedNet('net', colourNet())).toThrow('evaluation takes nets of RGB, the net net is of BGR');
    expect(() => evaluatedNet('net', { ...colourNet(), transform: undefined })).toThrow(/nothing says how the net net/);
  });
});
