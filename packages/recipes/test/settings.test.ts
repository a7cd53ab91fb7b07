import { resolveOptions } from '@vgg/models';
import { describe, expect, it } from 'vitest';
import { optimiserOf } from '../src/build';
import { layerFactors } from '../src/kinds';
import { SETTING_NAMES, SETTINGS_OFF, settingOf, withDefaults } from '../src/settings';
import { smallSettings } from '../src/small';

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

  it('computes the warm-up from the epochs and the batch that are given', () => {
    expect(smallSettings(20, 200, { epochs: 1 })).toMatchObject({ epochs: 1, warmUp: 0.25 });
    expect(smallSettings(20, 200, { epochs: 2 })).toMatchObject({ epochs: 2, warmUp: 0.5 });
    expect(smallSettings(600, 200, { batch: 6 })).toMatchObject({ epochs: 40, batch: 6, warmUp: 1 });
    expect(smallSettings(600, 200, { batch: 600 })).toMatchObject({ epochs: 40, batch: 600, warmUp: 10 });
    for (const images of [20, 300, 5000]) {
      for (let epochs = 1; epochs <= 100; epochs++) {
        expect(smallSettings(images, 200, { epochs }).warmUp).toBeLessThanOrEqual(epochs / 4);
      }
    }
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

it('settings beyond the paper are off in runs recorded before they existed', () => {
  expect(SETTINGS_OFF).toMatchObject({ mixUp: 0, jitter: 0, randomCrop: 0, trivialAugment: false, layerRates: [] });
  expect(SETTINGS_OFF).toMatchObject({ classWeights: 'none', sampling: 'all' });
});

it('a recipe is completed by the defaults', () => {
  const settings = withDefaults({ config: 'A', rate: 0.1 });
  expect(settings).toMatchObject({ config: 'A', rate: 0.1, momentum: 0.9, epochs: 74, schedule: 'plateau' });
  const always = SETTING_NAMES.filter((name) => settingOf(name).default !== undefined);
  expect(Object.keys(settings).sort()).toEqual([...always].sort());
});
