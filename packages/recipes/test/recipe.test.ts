import { resolve } from 'node:path';
import { env, ones, setBackend, type Variable, variable, zeros } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { Muon } from '@vgg/optim';
import { describe, expect, it } from 'vitest';
import { checkFreezing, extrasOf, initialiserOf, netOptions, optimiserOf, scheduleOf } from '../src/build';
import { checkArguments, checkCombinations, resolveRecipe } from '../src/recipe';
import { SETTINGS_OFF, type Settings } from '../src/settings';

const GIVEN: Settings = {
  ...{ valFraction: 0.1, config: 'D', batchNorm: false, width: 1, input: 224, head: 'auto', dropout: 0.5 },
  ...{ flip: true, colourShift: true, epochs: 74, rate: 0.01, schedule: 'plateau', patience: 5, momentum: 0.9 },
  ...{ weightDecay: 5e-4, init: 'glorot', seed: 1, ...SETTINGS_OFF },
};

const sizes = (images: number, given: Partial<Settings> = {}) => {
  const { batch, microBatch } = resolveRecipe({ ...GIVEN, ...given }, '/data', images);
  return [batch, microBatch];
};

describe('a recipe', () => {
  it('takes the paper’s batch of 256 as 8 × 32, and what a smaller set fills', () => {
    expect(sizes(50_000)).toEqual([256, 32]);
    expect(sizes(100)).toEqual([96, 32]);
    expect(sizes(20)).toEqual([20, 20]);
    expect(sizes(50_000, { microBatch: 48 })).toEqual([240, 48]);
  });

  it('cuts a batch that was given into micro-batches that divide it', () => {
    expect(sizes(1000, { batch: 48 })).toEqual([48, 24]);
    expect(sizes(1000, { batch: 8 })).toEqual([8, 8]);
    expect(sizes(1000, { batch: 31 })).toEqual([31, 31]);
    expect(sizes(1000, { batch: 37 })).toEqual([37, 37]);
    expect(sizes(1000, { batch: 67 })).toEqual([67, 1]);
    expect(sizes(1000, { batch: 1e10 })).toEqual([1e10, 32]);
    expect(() => checkArguments({ ...GIVEN, batch: 8, microBatch: 32 })).toThrow(/not a multiple/);
    expect(() => checkArguments({ ...GIVEN, regression: 'shared' })).toThrow(
      /--regression shared .*add --task localise/,
    );
    expect(() => checkArguments({ ...GIVEN, regression: 'shared', task: 'localise' })).not.toThrow();
  });

  it('rescales in the paper’s proportion and takes the small head for small inputs', () => {
    expect(resolveRecipe(GIVEN, '/data', 1000)).toMatchObject({ scale: 256, head: 'paper' });
    expect(resolveRecipe({ ...GIVEN, input: 32 }, '/data', 1000)).toMatchObject({ scale: 37, head: 'small' });
    expect(resolveRecipe({ ...GIVEN, input: 32, head: 'paper' }, '/data', 1000).head).toBe('paper');
  });

  it('of a rectangle has a scale that covers its longer side, and the head for its places', () => {
    const recipe = (given: Partial<Settings>) => resolveRecipe({ ...GIVEN, ...given }, '/data', 1000);
    // 128 · 256 / 224 = 146.3; 4 × 4 places are enough for the paper's head, 3 × 5 are not.
    expect(recipe({ input: [64, 128] })).toMatchObject({ input: [64, 128], scale: 146, head: 'small' });
    expect(recipe({ input: [96, 160] }).head).toBe('small');
    expect(recipe({ input: [64, 256] }).head).toBe('paper');
    expect(netOptions(recipe({ input: [64, 128] }), 3).inputSize).toEqual([64, 128]);
    expect(() => checkArguments({ ...GIVEN, input: [64, 128], scale: 100 })).toThrow(
      /--scale 100 is below the longer side of the crop, --input 64x128/,
    );
  });

  it('refuses a scale range that begins below the crop', () => {
    expect(() => checkArguments({ ...GIVEN, scale: [200, 512] })).toThrow(/--scale 200 is below the crop, --input 224/);
  });

  it('reads how weights are drawn, and takes them from one run at most', () => {
    for (const init of ['glorot', 'he', 'normal:0.1']) expect(initialiserOf({ init, seed: 1 })).toBeTypeOf('function');
    for (const init of ['normal:0', 'normal:x', 'normal', 'hee', '']) {
      expect(() => initialiserOf({ init, seed: 1 })).toThrow(/expected glorot, he or normal:SIGMA/);
    }
    expect(() => checkArguments({ ...GIVEN, preInit: 'a', weights: 'b' })).toThrow(/choose one/);
    expect(resolveRecipe({ ...GIVEN, weights: 'runs/x' }, '/data', 1000).weights).toBe(resolve('runs/x'));
  });

  it('keeps the name of published weights, and makes paths absolute', () => {
    const weightsOf = (weights: string) => resolveRecipe({ ...GIVEN, weights }, '/data', 1000).weights;
    expect(weightsOf('vgg16.tv_in1k')).toBe('vgg16.tv_in1k');
    expect(weightsOf('package.json')).toBe(resolve('package.json'));
    expect(weightsOf('./vgg16.tv_in1k')).toBe(resolve('vgg16.tv_in1k'));
  });

  it('is refused for combinations that neither weights nor images change before anything else is known', () => {
    const unknown = { ...GIVEN, optimiser: 'muon', finalRate: 0.001, scale: 80 } as const;
    expect(() => checkCombinations(unknown)).not.toThrow();
    expect(() => checkCombinations({ ...unknown, batch: 8, microBatch: 32 })).toThrow(/not a multiple/);
    expect(() => checkCombinations({ ...unknown, preInit: 'a', weights: 'b' })).toThrow(/choose one/);
    expect(() => checkCombinations({ ...unknown, layerRates: ['fc8=10'] })).toThrow(/--layer-rates does not apply/);
  });

  it('schedules the rate as asked', () => {
    const recipe = resolveRecipe({ ...GIVEN, schedule: 'cosine', epochs: 10 }, '/data', 1000);
    const schedule = scheduleOf(recipe, 10);
    expect(schedule.rate(schedule.initial, 0)).toBe(0.01);
    expect(schedule.rate(schedule.initial, 50)).toBeCloseTo(0.005, 12);
    expect(schedule.rate(schedule.initial, 100)).toBe(0);
    const floored = scheduleOf({ ...recipe, finalRate: 0.002 }, 10);
    expect(floored.rate(floored.initial, 50)).toBeCloseTo(0.006, 12);
    expect(floored.rate(floored.initial, 100)).toBeCloseTo(0.002, 12);
    expect(() => checkArguments({ ...GIVEN, finalRate: 0.001 })).toThrow(/--final-rate 0.001 .*add --schedule cosine/);
    const above = { ...GIVEN, schedule: 'cosine', finalRate: 0.02 } as const;
    expect(() => checkArguments(above)).toThrow(/--final-rate 0.02 is above --rate 0.01/);
    expect(scheduleOf({ ...recipe, schedule: 'constant' }, 10).rate(null, 99)).toBe(0.01);
  });

  it('lets the rate rise first over the warm-up, and fall to its end with the run', () => {
    const recipe = resolveRecipe({ ...GIVEN, schedule: 'cosine', epochs: 10, warmUp: 0.5 }, '/data', 1000);
    const schedule = scheduleOf(recipe, 8);
    // Four steps up, then 76 of half a cosine.
    expect([0, 1, 2, 3].map((step) => schedule.rate(null, step))).toEqual([0.0025, 0.005, 0.0075, 0.01]);
    expect(schedule.rate(null, 4 + 38)).toBeCloseTo(0.005, 12);
    expect([schedule.done(null, 79), schedule.done(null, 80)]).toEqual([false, true]);
    expect(() => checkArguments({ ...GIVEN, epochs: 10, warmUp: 10 })).toThrow(/--warm-up 10 takes all of --epochs 10/);
  });

  it('trains with nothing that the paper does without unless asked', () => {
    const recipe = resolveRecipe(GIVEN, '/data', 1000);
    expect(extrasOf(recipe)).toEqual({});
    expect(recipe.validateEvery).toBe(1);
    expect(resolveRecipe({ ...GIVEN, validateEvery: 5 }, '/data', 1000).validateEvery).toBe(5);
    const asked = { labelSmoothing: 0.1, cutMix: 0.5, clipNorm: 5, averageDecay: 0.999, earlyStop: 7 };
    expect(extrasOf({ ...recipe, ...asked })).toEqual(asked);
  });

  it('trains by the paper’s momentum SGD unless asked for Muon, which only a net with batch norm may', () => {
    const recipe = resolveRecipe({ ...GIVEN, momentum: 0.8, weightDecay: 1e-3 }, '/data', 1000);
    expect(optimiserOf(recipe)).toMatchObject({ rule: 'caffe', momentum: 0.8, weightDecay: 1e-3 });
    const muon = optimiserOf({ ...recipe, optimiser: 'muon' });
    expect(muon).toBeInstanceOf(Muon);
    expect((muon as Muon).rest).toMatchObject({ rule: 'caffe', momentum: 0.8, weightDecay: 1e-3 });
    expect(() => checkArguments({ ...GIVEN, optimiser: 'muon', batchNorm: true })).not.toThrow();
    expect(() => checkArguments({ ...GIVEN, optimiser: 'muon' })).toThrow(/add --batch-norm, or use --optimiser sgd/);
  });

  it('updates fully-connected layers at a sixth of the rate of batch norm with Muon, and at the same rate with momentum SGD', async () => {
    env().set('IS_TEST', true);
    await setBackend('cpu');
    const recipe = resolveRecipe({ ...GIVEN, weightDecay: 1 }, '/data', 1000);
    const moved = (optimiser: 'sgd' | 'muon') => {
      const variables = new Map(
        ['fc8.weight', 'fc8.bias', 'bn1_1.scale'].map((name) => [name, variable(ones([1])) as Variable]),
      );
      const gradients = new Map([...variables].map(([name]) => [name, name === 'fc8.weight' ? zeros([1]) : ones([1])]));
      optimiserOf({ ...recipe, optimiser }).step(variables, gradients, 0.06);
      return [...variables.values()].map((each) => each.dataSync()[0]);
    };
    // Of the weight its own decay is all that moves it; the others have none.
    expect(moved('muon')).toEqual([0.99, 0.99, 0.94].map((value) => expect.closeTo(value, 6)));
    expect(moved('sgd')).toEqual([0.94, 0.94, 0.94].map((value) => expect.closeTo(value, 6)));
  });

  it('refuses to freeze a name that is not a layer, or all layers', () => {
    const net = netOptions(resolveRecipe(GIVEN, '/data', 1000), 10);
    expect(() => checkFreezing(net, { freeze: ['stage1', 'fc6'] })).not.toThrow();
    expect(() => checkFreezing(net, { freeze: ['stage6'] })).toThrow(/got "stage6" \(did you mean "stage/);
    expect(() => checkFreezing(net, { freeze: ['features', 'classifier'] })).toThrow(/freezes every layer/);
  });
});
