/** Settings, counts and texts for those who train on their own images. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rawSource } from '@vgg/data';
import { resolveOptions } from '@vgg/models';
import { describe, expect, it } from 'vitest';
import { balancedWeights, constantError, countsOf } from '../src/images/class-counts';
import { optimiserOf } from '../src/recipe/build';
import { layerFactors } from '../src/recipe/kinds';
import { SETTINGS_OFF, type Settings } from '../src/recipe/settings';
import { smallSettings } from '../src/recipe/small';
import { EpochTable } from '../src/run/epoch-table';
import { describeClasses } from '../src/run/introduction';
import { settingsOfWeights } from '../src/run/net-of-weights';
import { rateChart, suggestRate } from '../src/run/rate-range';

describe('balancedWeights', () => {
  it('gives every class the same part, with a mean of 1, as scikit-learn does', () => {
    // images / (classes · count): 10 / (2 · 8) and 10 / (2 · 2).
    const counts = countsOf([0, 0, 0, 0, 0, 0, 0, 0, 2, 2], 3);
    expect(balancedWeights(counts)).toEqual([0.625, 0, 2.5]);
    expect(constantError(counts)).toBeCloseTo(20, 12);
  });
});

describe('describeClasses', () => {
  const source = (labels: number[]) =>
    rawSource({
      images: new Uint8Array(labels.length * 48),
      labels: Uint8Array.from(labels),
      width: 4,
      height: 4,
      classes: ['dog', 'cat'],
    });

  it('counts images, names imbalance and chance, and the images left out of an epoch', () => {
    const train = source([0, 0, 0, 0, 0, 0, 1]);
    const data = { classes: ['dog', 'cat'], train, validation: source([0, 0, 0, 1]), layout: 'raw' } as never;
    const recipe = { batch: 2, classWeights: 'none', sampling: 'all' } as never;
    expect(describeClasses(data, recipe)).toEqual([
      'training images of 2 classes: dog 6, cat 1',
      'the classes are unbalanced: dog has 6.0 times the images of cat; --class-weights balanced or --sampling balanced make up for it',
      'error without looking at the image: 50.0 % by guessing, 25.0 % by always answering the most frequent class',
      'an epoch uses 6 of the 7 training images, other ones each time: whole batches of 2',
    ]);
  });
});

describe('smallSettings', () => {
  it('gives few images many epochs and many images few', () => {
    expect(smallSettings(600, 200)).toMatchObject({
      input: 64,
      scale: [64, 80],
      epochs: 40,
      batch: 32,
      batchNorm: true,
    });
    // At least 100 steps of warm-up: 8 steps are an epoch of 259 images.
    expect(smallSettings(259, 300)).toMatchObject({ epochs: 60, warmUp: 12.4 });
    expect(smallSettings(2700, 32)).toMatchObject({ warmUp: 1.2 });
    expect(smallSettings(20, 200)).toMatchObject({ warmUp: 15 });
    expect(smallSettings(2700, 32)).toMatchObject({ input: 48, scale: [48, 60], epochs: 22 });
    expect(smallSettings(20, 200)).toMatchObject({ epochs: 60, batch: 20 });
    expect(smallSettings(1_000_000, 200).epochs).toBe(4);
  });
});

describe('settingsOfWeights', () => {
  const net = resolveOptions({ configuration: 'A', batchNorm: true, width: 0.25, inputSize: 64, head: 'small' });
  const settings = {
    config: 'D',
    batchNorm: false,
    width: 1,
    input: 224,
    head: 'auto',
    scale: 256,
  } as unknown as Settings;
  const known = { net, scale: 73, classes: ['a', 'b'] };

  it('takes the net, input and scale from the weights', () => {
    const expected = { config: 'A', batchNorm: true, width: 0.25, input: 64, head: 'small', scale: 73 };
    expect(settingsOfWeights(settings, known, new Set())).toEqual(expected);
  });

  it('keeps what is given, and rescales in proportion for another input', () => {
    const kept = settingsOfWeights({ ...settings, input: 96 }, known, new Set(['input', 'width'] as const));
    expect(kept).toMatchObject({ config: 'A', width: 1, input: 96, scale: undefined });
  });
});

describe('layer rates', () => {
  it('are factors of layers and groups of layers', () => {
    expect(layerFactors('features=0.1, fc8=10')).toEqual(['features=0.1', 'fc8=10']);
    expect(layerFactors('none')).toEqual([]);
    for (const text of ['features', 'features=', 'a=b', 'a=-1'])
      expect(() => layerFactors(text)).toThrow(/Expected layers/);
  });

  it('must name layers of the net', () => {
    const net = resolveOptions({ configuration: 'A', width: 0.1 });
    const recipe = { optimiser: 'sgd', momentum: 0.9, weightDecay: 0, layerRates: ['stage9=1'] } as const;
    expect(() => optimiserOf(recipe, net)).toThrow(/did you mean "stage1"/);
  });
});

describe('the learning rate finder', () => {
  it('suggests a third of the rate with the lowest loss', () => {
    // Flat at 2, then falling by 0.1 a step between 1e-3 and 1e-2, then rising.
    const steps = Array.from({ length: 61 }, (_, i) => {
      const rate = 1e-5 * 10 ** (i / 12);
      const loss = i < 24 ? 2 : i < 40 ? 2 - 0.1 * (i - 24) : 0.4 + 0.5 * (i - 40);
      return { rate, loss };
    });
    const suggested = suggestRate(steps);
    expect(suggested).toBeGreaterThan(1e-3);
    expect(suggested).toBeLessThan(2.5e-2);
    // Noise of the first steps, which fall fastest, does not count.
    expect(suggestRate(steps.map(({ rate, loss }, i) => ({ rate, loss: i === 0 ? 4 : loss })))).toBe(suggested);
    const chart = rateChart(steps, suggested);
    expect(chart).toMatch(/^<svg .*viewBox="0 0 640 400"/);
    expect(chart).toMatch(/1e-4/);
    expect(chart).not.toMatch(/NaN|Infinity/);
  });
});

describe('epochs.csv', () => {
  it('has a line for each epoch, also those before a resume', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'epochs-'));
    const epoch = (index: number) => ({
      type: 'epoch' as const,
      epoch: index,
      step: 10 * (index + 1),
      training: { loss: 1, top1: 50, top5: 0 },
      validation: { loss: 2, top1: 60, top5: 0, samples: 5 },
      best: index === 0,
      rate: 0.01,
      seconds: 3,
    });
    try {
      writeFileSync(join(folder, 'metrics.jsonl'), `{"type":"step","step":1}\n${JSON.stringify(epoch(0))}\n`);
      await new EpochTable(folder).add(epoch(1));
      expect(readFileSync(join(folder, 'epochs.csv'), 'utf8').trim().split('\n').slice(1)).toEqual([
        '1,10,0.01,1,50,0,2,60,0,1,3.00',
        '2,20,0.01,1,50,0,2,60,0,0,3.00',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it('settings beyond the paper are off in runs recorded before they existed', () => {
  expect(SETTINGS_OFF).toMatchObject({ mixUp: 0, jitter: 0, randomCrop: 0, trivialAugment: false, layerRates: [] });
  expect(SETTINGS_OFF).toMatchObject({ classWeights: 'none', sampling: 'all' });
});
