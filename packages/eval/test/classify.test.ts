/** Classification with the net's own preprocessing and class order. */
import { Readable } from 'node:stream';
import '@tensorflow/tfjs-backend-cpu';
import { backend, enableProdMode, type Tensor4D, tensor2d } from '@tensorflow/tfjs-core';
import { type FloatImage, type ImageTransform, prepareImage } from '@vgg/data';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ClassifyingNet, classify, evaluate, evaluatedNet, wholeInput } from '../src';

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

describe('classification of several images', () => {
  /** Images of one colour: blue, green and red in turn. */
  const images = Array.from({ length: 7 }, (_, i) => ({
    data: Uint8Array.from({ length: 12 }, (_, k) => (k % 3 === 2 - (i % 3) ? 255 : 0)),
    width: 2,
    height: 2,
  }));
  const PLAIN: ImageTransform = { ...OWN, mean: [0, 0, 0], std: [1, 1, 1] };

  /** Returns a net whose scores are the pixels of each image, and the sizes of its batches. */
  function batchNet(): ClassifyingNet & { batches: number[] } {
    const batches: number[] = [];
    const model = {
      options: { classes: 3, inputSize: 2 },
      apply(inputs: Tensor4D) {
        batches.push(inputs.shape[0]);
        return {
          logits: tensor2d(
            [...inputs.dataSync()].filter((_, i) => i % 12 < 3),
            [inputs.shape[0], 3],
          ),
        };
      },
      dense: colourNet().model.dense,
    };
    return { model, classes: ['blue', 'green', 'red'], transform: PLAIN, batches };
  }

  it('gives the guesses of each, in batches', async () => {
    const net = batchNet();
    const all = await expectNoLeak(() => classify(net, images, { batchSize: 3, top: 1 }));
    expect(all.map((guesses) => guesses.map(({ name }) => name))).toEqual(images.map((_, i) => [net.classes[i % 3]!]));
    expect(net.batches).toEqual([3, 3, 1]);
    const [first] = await Promise.all(images.map((image) => classify(net, image, { top: 1 })));
    expect(first).toEqual(all[0]);
    expect(await classify(net, [])).toEqual([]);
  });

  it('passes prepared images to the engine as they are, without an array for the whole batch', async () => {
    const written = vi.spyOn(backend(), 'write');
    onTestFinished(() => written.mockRestore());
    const prepared = images.map((image) => prepareImage(image, PLAIN));
    await classify(batchNet(), prepared, { batchSize: 7, prepare: (image: FloatImage) => image });
    const inputs = written.mock.calls.map(([values]) => values);
    for (const { data } of prepared) expect(inputs.some((values) => values === data)).toBe(true);
  });

  it('prepares a few images ahead by the function that is passed, whatever yields them', async () => {
    const net = batchNet();
    let now = 0;
    let most = 0;
    let taken = 0;
    async function* stored() {
      for (let i = 0; i < 40; i++) {
        taken += 1;
        yield i;
      }
    }
    const waitedFor: number[] = [];
    const prepare = async (index: number, transform: ImageTransform) => {
      now += 1;
      most = Math.max(most, now);
      waitedFor.push(taken - 2 * net.batches.length);
      await new Promise((resolve) => setTimeout(resolve, 1));
      now -= 1;
      return prepareImage(images[index % 3]!, transform);
    };
    const all = await classify(net, stored(), { batchSize: 2, prepare, top: 1 });
    expect(all.map(([guess]) => guess!.index)).toEqual(Array.from({ length: 40 }, (_, i) => i % 3));
    expect(most).toBeLessThanOrEqual(4);
    expect(Math.max(...waitedFor)).toBeLessThanOrEqual(6);
  });

  it('does not take the parts of a stream for images', async () => {
    const prepare = async (_: unknown, transform: ImageTransform) => prepareImage(images[0]!, transform);
    const bytes = Uint8Array.of(1, 2, 3);
    const net = batchNet();
    // @ts-expect-error: a stream is neither one image nor several
    const ofNode = () => classify(net, Readable.from([bytes, bytes]), { prepare });
    // @ts-expect-error: a stream is neither one image nor several
    const ofWeb = () => classify(net, new Blob([bytes]).stream(), { prepare });
    for (const run of [ofNode, ofWeb]) {
      await expect(run()).rejects.toMatchObject({
        code: 'VGG_ARGUMENT',
        message: expect.stringMatching(
          /^expected an image or several, got a stream: use classify\(net, await loadImage/,
        ),
      });
    }
    expect(net.batches).toEqual([]);
  });

  it('stops at an image that cannot be prepared, and at an abort', async () => {
    const broken = [...images.slice(0, 3), { ...images[3]!, width: 5 }];
    await expectNoLeak(() =>
      expect(classify(batchNet(), broken, { batchSize: 2 })).rejects.toThrow('pixels of 5x2 have 30 values in RGB'),
    );
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(classify(batchNet(), images, { signal })).rejects.toThrow('enough');
    await expect(classify(batchNet(), images, { batchSize: 0 })).rejects.toThrow('expected batchSize to be an integer');
  });
});

describe('the input of a whole image', () => {
  it("is prepared by the net's own transform at any size, in proportion", () => {
    const input = wholeInput(colourNet(), IMAGE, 1);
    expect(input.shape).toEqual([1, 1, 2, 3]);
    expect(input.dataSync()).toBeAllclose([-0.6, -0.5, 0.5, -0.6, -0.5, 0.5], { rtol: 1e-6 });
    input.dispose();
    expect(() => wholeInput({ transform: undefined }, IMAGE)).toThrow('nothing says how the net takes its images');
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
