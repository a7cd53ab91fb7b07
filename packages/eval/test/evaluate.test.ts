/** Evaluation of many images: batching, errors, skipping, limits, abort, events. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { type EvaluateOptions, type EvaluationEvent, type EvaluationImage, evaluate, predict } from '../src/index';
import { coordinates, fakeNet } from './fake-net';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

/** Returns an image of one brightness, which {@link brightnessNet} predicts as its class. */
function plain(brightness: number, width = 6, height = 6): RawImage {
  return { data: new Uint8Array(width * height * 3).fill(brightness), width, height };
}

function entry(key: string, label: number | undefined, image: RawImage | Error): EvaluationImage {
  return {
    key,
    label,
    async load() {
      if (image instanceof Error) throw image;
      return image;
    },
  };
}

/** Returns a net whose most probable class is the image's brightness; the other classes follow in order. */
function brightnessNet(classes: number) {
  return fakeNet('bright', ({ top }) => Array.from({ length: classes }, (_, i) => (i === top ? 20 : -i)));
}

/** Returns a net with the same scores for every crop and image. */
function constantNet(inputSize = 5) {
  return fakeNet(
    'net',
    () => [0, 0],
    () => [[0, 1]],
    { inputSize },
  );
}

const broken = new VggError('image', 'b.jpg is truncated');

function collect(options: Omit<EvaluateOptions, 'onEvent'>) {
  const events: EvaluationEvent[] = [];
  return { events, result: evaluate({ ...options, onEvent: (event) => void events.push(event) }) };
}

describe('evaluation', () => {
  it('returns top-1 and top-5 error, errors by class and the confusion matrix', async () => {
    // Seven classes. Predictions 1, 1, 3, 6 for labels 1, 0, 6, 6. The top five are the predicted class and then the
    // lowest others, so label 0 is in the top five of prediction 1, and label 6 is not in that of prediction 3.
    const images = [
      entry('a', 1, plain(1)),
      entry('b', 0, plain(1)),
      entry('c', 6, plain(3)),
      entry('d', 6, plain(6)),
      entry('e', undefined, plain(2)),
    ];
    const { result, events } = collect({ nets: [brightnessNet(7)], images, protocols: ['single'], scales: [6] });
    const { rows, ...rest } = await result;
    expect(rest).toEqual({ images: 5, skipped: [], classes: 7, k: 5 });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ images: 4, top1Error: 50, top5Error: 25 });
    expect(rows[0]!.perClass[6]).toMatchObject({ images: 2, top1Error: 50, top5Error: 50 });
    const confusion = rows[0]!.confusion!;
    expect([confusion[8], confusion[1], confusion[6 * 7 + 3], confusion[6 * 7 + 6]]).toEqual([1, 1, 1, 1]);
    expect(confusion.reduce((sum, n) => sum + n, 0)).toBe(4);
    const predictions = events.flatMap((event) => (event.type === 'prediction' ? [event.prediction] : []));
    expect(predictions.map(({ key, label, classes }) => [key, label, classes])).toEqual([
      ['a', 1, [1, 0, 2, 3, 4]],
      ['b', 0, [1, 0, 2, 3, 4]],
      ['c', 6, [3, 0, 1, 2, 4]],
      ['d', 6, [6, 0, 1, 2, 3]],
      ['e', null, [2, 0, 1, 3, 4]],
    ]);
  });

  it('has no top-5 error with five classes or fewer', async () => {
    const { k, rows } = await evaluate({
      nets: [brightnessNet(3)],
      images: [entry('a', 2, plain(0)), entry('b', 1, plain(1))],
      protocols: ['single'],
      scales: [6],
    });
    expect(k).toBe(3);
    expect(rows[0]).toMatchObject({ top1Error: 50, top5Error: null });
  });

  it('has no errors without labels', async () => {
    const images = [entry('a', undefined, plain(0))];
    const { rows } = await evaluate({ nets: [brightnessNet(3)], images, protocols: ['single'], scales: [6] });
    expect(rows[0]).toMatchObject({ images: 0, top1Error: null, top5Error: null });
  });

  it('passes images of the same rescaled size together, even if they are not adjacent', async () => {
    const net = constantNet();
    const sizes = [coordinates(12, 6), coordinates(6, 12), coordinates(24, 12), coordinates(6, 6)];
    const images = sizes.map((image, i) => entry(String(i), 0, image));
    const result = await evaluate({ nets: [net], images, protocols: ['dense', 'single'], scales: [6] });
    expect(net.maps.map(({ shape }) => shape)).toEqual([
      [4, 6, 12, 3],
      [2, 12, 6, 3],
      [2, 6, 6, 3],
    ]);
    expect(net.batches).toEqual([4]);
    expect(result.images).toBe(4);
  });

  it('passes at most batchPixels at once, but at least one view', async () => {
    const net = constantNet();
    const images = [0, 1, 2].map((i) => entry(String(i), 0, plain(i)));
    await evaluate({ nets: [net], images, protocols: ['dense'], scales: [6], batchPixels: 5 * 36 - 1 });
    await evaluate({ nets: [net], images, protocols: ['dense'], scales: [6], batchPixels: 1 });
    expect(net.maps.map(({ shape }) => shape[0])).toEqual([4, 2, 1, 1, 1, 1, 1, 1]);
  });

  it('reports progress after each pass', async () => {
    const images = [entry('a', 0, plain(1)), entry('b', 0, broken), entry('c', 0, plain(1))];
    const { result, events } = collect({
      nets: [brightnessNet(2)],
      images,
      protocols: ['multi-crop'],
      scales: [6],
      batchPixels: 6 * 25,
    });
    await result;
    // The 5 offsets of a crop of 5 in an image of 6 are 0, 0, 1, 1, 1: 8 different crops and flips stand for 4, 4, 6, 6, 6, 6, 9, 9.
    expect(events.filter(({ type }) => type === 'progress')).toEqual([
      { type: 'progress', images: 0, skipped: 1, views: 32 },
      { type: 'progress', images: 0, skipped: 1, views: 70 },
      { type: 'progress', images: 0, skipped: 1, views: 100 },
      { type: 'progress', images: 2, skipped: 1, views: 100 },
    ]);
  });

  it('counts a view once for each net', async () => {
    const second = fakeNet('second', () => [0, 0], undefined, { inputSize: 6 });
    const { result, events } = collect({
      nets: [brightnessNet(2), second],
      images: [entry('a', 0, plain(1))],
      protocols: ['multi-crop', 'single'],
      scales: [6],
    });
    await result;
    expect(events.at(-1)).toEqual({ type: 'progress', images: 1, skipped: 0, views: 2 * 51 });
  });

  it('asks decoders for the smallest scale first and holds few images at once', async () => {
    let loading = 0;
    let most = 0;
    const sides = new Set<number>();
    async function* images() {
      for (let i = 0; i < 20; i++) {
        const load = async (minSide: number) => {
          sides.add(minSide);
          most = Math.max(most, ++loading);
          await new Promise((resolve) => setTimeout(resolve, 1));
          loading -= 1;
          return plain(0, 11, 11);
        };
        yield { key: String(i), label: 0, load };
      }
    }
    const options = { nets: [brightnessNet(2)], protocols: ['single'], scales: [6, 9, 7], ahead: 3 } as const;
    const { images: count } = await evaluate({ ...options, images: images() });
    expect({ count, most, sides: [...sides] }).toEqual({ count: 20, most: 3, sides: [6] });
  });

  it('decodes an image again for a larger scale if it was shrunk, so that no scale depends on the others', async () => {
    const loads: number[] = [];
    const load = async (minSide: number) => {
      loads.push(minSide);
      return plain(0, 2 * minSide, 2 * minSide);
    };
    const options = { nets: [brightnessNet(2)], protocols: ['single'], scales: [9, 6, 7] } as const;
    await evaluate({ ...options, images: [{ key: 'large', label: 0, load }] });
    expect(loads).toEqual([6, 7, 9]);
  });

  it('lets the event loop run between passes', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await evaluate({
      nets: [brightnessNet(2)],
      images: [entry('a', 0, plain(0))],
      protocols: ['multi-crop'],
      scales: [9],
      batchPixels: 25,
    });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
  });
});

describe('images that cannot be used', () => {
  const options = { nets: [brightnessNet(2)], protocols: ['single'], scales: [6] } as const;
  const images = [entry('a.jpg', 0, plain(0)), entry('b.jpg', 0, broken)];

  it('are skipped and reported', async () => {
    const { result, events } = collect({ ...options, images });
    const { images: count, skipped, rows } = await result;
    expect([count, rows[0]!.images]).toEqual([1, 1]);
    expect(skipped).toEqual([{ key: 'b.jpg', reason: 'b.jpg is truncated' }]);
    expect(events[0]).toEqual({ type: 'skipped', key: 'b.jpg', reason: 'b.jpg is truncated' });
  });

  it('are an error when strict', async () => {
    await expect(evaluate({ ...options, images, strict: true })).rejects.toBe(broken);
  });

  it('are an error when there are no others', async () => {
    await expect(evaluate({ ...options, images: [images[1]!] })).rejects.toMatchObject({
      code: 'VGG_DATASET',
      message: 'none of the 1 images can be used; the first: b.jpg is truncated',
    });
    await expect(evaluate({ ...options, images: [] })).rejects.toThrow('evaluation needs at least one image, got none');
  });

  it('are distinguished from failures of the system or the program', async () => {
    const failure = new VggError('io', 'cannot read b.jpg: EIO');
    await expect(evaluate({ ...options, images: [entry('b.jpg', 0, failure)] })).rejects.toBe(failure);
    const bug = new TypeError('not a function');
    await expect(evaluate({ ...options, images: [images[0]!, entry('b.jpg', 0, bug)] })).rejects.toBe(bug);
  });

  it('include images that are too large after rescaling, but not a 4000x3000 photograph', async () => {
    const net = constantNet(224);
    const photographs = [entry('photograph', 0, plain(9, 4000, 3000)), entry('strip', 0, plain(9, 30000, 20))];
    const { images: count, skipped } = await evaluate({
      nets: [net],
      images: photographs,
      protocols: ['dense', 'single'],
      scales: [512],
    });
    expect(net.maps.map(({ shape }) => shape)).toEqual([[2, 512, 682, 3]]);
    expect(count).toBe(1);
    const reason =
      'strip of 30000x20 is 768000x512 at Q = 512, above the limit of 8388608 pixels: crop it, or raise the limit (maxImagePixels, --max-pixels)';
    expect(skipped).toEqual([{ key: 'strip', reason }]);
  });
});

describe('prediction', () => {
  it('refuses an image that is too large after rescaling, and names it', async () => {
    const options = { nets: [constantNet()], image: plain(0, 30000, 20), scales: [512] };
    await expect(predict({ ...options, key: 'strip.jpg' })).rejects.toMatchObject({
      code: 'VGG_IMAGE',
      message: expect.stringMatching(
        /^strip\.jpg of 30000x20 is 768000x512 at Q = 512, above the limit of 8388608 pixels/,
      ),
    });
    await expect(predict({ ...options, maxImagePixels: 0 })).rejects.toThrow(
      'expected maxImagePixels to be an integer of at least 1, got 0',
    );
  });
});

describe('options that cannot be used', () => {
  const images = [entry('a', 0, plain(0))];
  const net = brightnessNet(3);
  const needs = 'dense evaluation of net bright needs integer scales Q ≥ 5, got';

  it.each<[string, Partial<EvaluateOptions>, string, string]>([
    ['no nets', { nets: [] }, 'VGG_ARGUMENT', 'evaluation needs at least one net, got none'],
    ['no scales', { scales: [] }, 'VGG_ARGUMENT', 'evaluation needs at least one scale, got none'],
    ['a scale twice', { scales: [6, 6] }, 'VGG_ARGUMENT', 'evaluation got the scale 6 twice'],
    ['a name twice', { nets: [net, net] }, 'VGG_ARGUMENT', 'evaluation got the net bright twice'],
    [
      'an unknown protocol',
      { protocols: ['densse' as 'dense'] },
      'VGG_ARGUMENT',
      'unknown protocol densse (did you mean "dense"?); known are single, dense, multi-crop, both',
    ],
    ['a scale below the crop', { scales: [6, 4] }, 'VGG_ARGUMENT', `${needs} 4: rescale with Q ≥ 5`],
    ['a fractional scale', { scales: [6.5] }, 'VGG_ARGUMENT', `${needs} 6.5: rescale with Q ≥ 5`],
    [
      'nets of different classes',
      { nets: [net, fakeNet('other', () => [0, 0])] },
      'VGG_ARGUMENT',
      'nets fuse only over the same classes: bright has 3, other has 2',
    ],
    [
      'a mean that is not finite',
      { nets: [{ ...net, mean: [0, Number.NaN, 0] }] },
      'VGG_ARGUMENT',
      'the mean of net bright must be three finite numbers, got [0,NaN,0]',
    ],
    ['no batch', { batchPixels: 0 }, 'VGG_ARGUMENT', 'expected batchPixels to be an integer of at least 1, got 0'],
    ['no loading', { ahead: 0 }, 'VGG_ARGUMENT', 'expected ahead to be an integer of at least 1, got 0'],
    [
      'a label that is not a class',
      { images: [entry('a', 3, plain(0))] },
      'VGG_DATASET',
      'a has the label 3, the net has 3 classes: evaluate on the classes that it was trained on',
    ],
    [
      'a net that returns NaN',
      { nets: [fakeNet('net', () => [0, Number.NaN])], protocols: ['single'] },
      'VGG_NON_FINITE',
      'net net gives class scores that are not finite for a: its training diverged or its weights are damaged',
    ],
  ])('are refused with one line: %s', async (_, change, code, message) => {
    const options: EvaluateOptions = { nets: [net], images, protocols: ['dense'], scales: [6], ...change };
    await expectNoLeak(() => expect(evaluate(options)).rejects.toMatchObject({ code, message }));
  });
});

describe('aborting', () => {
  it('ends evaluation while images are loaded', async () => {
    const controller = new AbortController();
    let loads = 0;
    function* images() {
      for (;;) {
        const load = async () => {
          loads += 1;
          if (loads === 10) controller.abort(new Error('enough'));
          return plain(0);
        };
        yield { key: 'a', load };
      }
    }
    const options = { nets: [constantNet()], scales: [6], ahead: 2, signal: controller.signal };
    await expect(evaluate({ ...options, images: images() })).rejects.toThrow('enough');
    expect(loads).toBe(10);
  });

  it('ends evaluation between passes, disposes all tensors and closes the iterator', async () => {
    const controller = new AbortController();
    let opened = 0;
    let closed = 0;
    async function* images() {
      try {
        for (;;) {
          opened += 1;
          yield entry(String(opened), 0, plain(0, 6, 6));
        }
      } finally {
        closed += 1;
      }
    }
    const net = constantNet();
    const run = () =>
      evaluate({
        nets: [net],
        images: images(),
        protocols: ['multi-crop'],
        scales: [6],
        batchPixels: 2 * 25,
        signal: controller.signal,
        onEvent: ({ type }) => {
          if (type === 'progress' && net.batches.length === 3) controller.abort(new Error('enough'));
        },
      });
    await expectNoLeak(() => expect(run()).rejects.toThrow('enough'));
    expect([net.batches.length, closed]).toEqual([3, 1]);
  });
});
