import './backend';
import {
  dispose,
  engine,
  type Tensor,
  tensor,
  tensor1d,
  tidy,
  type Variable,
  variable,
  zeros,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { MomentumSgd } from '../src/index';
import fixture from './fixtures/sgd.json';

type Name = keyof typeof fixture.shapes;
const NAMES = Object.keys(fixture.shapes) as Name[];

function named<T>(make: (name: Name) => T): Map<string, T> {
  return new Map(NAMES.map((name) => [name, make(name)]));
}

function one(value: number): Map<string, Variable> {
  return new Map([['fc.weight', variable(tensor1d([value])) as Variable]]);
}

function gradientOf(value: number): Map<string, Tensor> {
  return new Map([['fc.weight', tensor1d([value])]]);
}

describe("PyTorch's rule", () => {
  it('has the result of torch.optim.SGD after ten steps with two changes of rate', async () => {
    const { momentum, weightDecay, initial, gradients, rates, shapes, final, velocities } = fixture;
    await expectNoLeak(() => {
      const optimiser = new MomentumSgd({ rule: 'pytorch', momentum, weightDecay });
      const variables = named((name) => tidy(() => variable(tensor(initial[name], shapes[name])) as Variable));
      rates.forEach((rate, step) => {
        const gradient = named((name) => tensor(gradients[step]![name], shapes[name]));
        optimiser.step(variables, gradient, rate);
        dispose([...gradient.values()]);
      });
      for (const name of NAMES) {
        expect(variables.get(name)!.dataSync()).toBeAllclose(final[name], { rtol: 1e-4, atol: 1e-6 });
        expect(optimiser.velocities.get(name)!.dataSync()).toBeAllclose(velocities[name], { rtol: 1e-4, atol: 1e-6 });
      }
      optimiser.dispose();
      dispose([...variables.values()]);
    });
  });
});

describe("the paper's rule", () => {
  // w = 1, momentum 0.5, decay 0.1, gradients 1, 2, 1, rates 0.1, 0.1, 0.01; v ← 0.5·v - ε·0.1·w - ε·g; w ← w + v:
  //   v1 = -0.1·(0.1·1 + 1)                       = -0.11         w1 = 0.89
  //   v2 = 0.5·-0.11 - 0.1·(0.1·0.89 + 2)         = -0.2639       w2 = 0.6261
  //   v3 = 0.5·-0.2639 - 0.01·(0.1·0.6261 + 1)    = -0.1425761    w3 = 0.4835239
  // PyTorch's: v1 = 1.1, w1 = 0.89; v2 = 2.639, w2 = 0.6261; v3 = 1.3195 + 1.06261 = 2.38211, w3 = 0.6022789.
  const GRADIENTS = [1, 2, 1];
  const RATES = [0.1, 0.1, 0.01];

  it.each([
    ['caffe', [0.89, 0.6261, 0.4835239], -0.1425761],
    ['pytorch', [0.89, 0.6261, 0.6022789], 2.38211],
  ] as const)('has the result computed by hand over a change of rate: %s', (rule, weights, velocity) => {
    const optimiser = new MomentumSgd({ rule, momentum: 0.5, weightDecay: 0.1 });
    const variables = one(1);
    GRADIENTS.forEach((gradient, step) => {
      optimiser.step(variables, gradientOf(gradient), RATES[step]!);
      expect(variables.get('fc.weight')!.dataSync()).toBeAllclose([weights[step]!], { rtol: 1e-6 });
    });
    expect(optimiser.velocities.get('fc.weight')!.dataSync()).toBeAllclose([velocity], { rtol: 1e-6 });
  });

  it('is the default, with momentum 0.9 and decay 5e-4', () => {
    const variables = one(2);
    const optimiser = new MomentumSgd();
    optimiser.step(variables, gradientOf(3), 0.1);
    optimiser.step(variables, gradientOf(0), 0.1);
    // v1 = -0.1·(3 + 0.001) = -0.3001, w1 = 1.6999; v2 = -0.27009 - 0.1·5e-4·1.6999 = -0.270174995, w2 = 1.429725005.
    expect(variables.get('fc.weight')!.dataSync()).toBeAllclose([1.429725005], { rtol: 1e-6 });
  });
});

describe('groups', () => {
  const update = (name: string, groups?: ConstructorParameters<typeof MomentumSgd>[0]) => {
    const variables = new Map([[name, variable(tensor1d([1])) as Variable]]);
    new MomentumSgd({ weightDecay: 0.5, ...groups }).step(variables, new Map([[name, tensor1d([1])]]), 0.1);
    return variables.get(name)!.dataSync()[0]!;
  };

  it.each(['conv1_1.bias', 'bn1_1.scale', 'bn1_1.offset'])('do not decay %s by default', (name) => {
    expect(update(name)).toBeCloseTo(0.9, 6);
    expect(update(name, { groups: [] })).toBeCloseTo(0.85, 6);
  });

  it('decay weights by default', () => {
    expect(update('conv1_1.weight')).toBeCloseTo(0.85, 6);
  });

  it('multiply rate and decay by pattern or predicate; the first match counts', () => {
    const groups = [
      { match: 'fc*', rateMultiple: 2 },
      { match: (name: string) => name.endsWith('.weight'), decayMultiple: 2 },
    ];
    expect(update('fc8.weight', { groups })).toBeCloseTo(1 - 0.2 * 1.5, 6);
    expect(update('conv1_1.weight', { groups })).toBeCloseTo(1 - 0.1 * 2, 6);
    expect(update('xfc8.bias', { groups })).toBeCloseTo(0.85, 6);
  });

  it('match a dot in a pattern only by a dot', () => {
    expect(update('fcXbias', { groups: [{ match: 'fc.bias', rateMultiple: 0 }] })).not.toBe(1);
  });

  it('of rate 0 leave variables and velocities unchanged', () => {
    const variables = one(1);
    const optimiser = new MomentumSgd({ groups: [{ match: '*', rateMultiple: 0 }] });
    optimiser.step(variables, gradientOf(1), 0.1);
    expect(variables.get('fc.weight')!.dataSync()[0]).toBe(1);
    expect(optimiser.velocities.size).toBe(0);
  });
});

describe('velocities', () => {
  it('continue exactly where they were saved', () => {
    const through = one(1);
    const resumed = one(1);
    const first = new MomentumSgd();
    const before = new MomentumSgd();
    for (const value of [1, -2]) {
      first.step(through, gradientOf(value), 0.3);
      before.step(resumed, gradientOf(value), 0.3);
    }
    const after = new MomentumSgd();
    after.loadVelocities(before.velocities, resumed);
    before.dispose();
    for (const value of [0.7, 5]) {
      first.step(through, gradientOf(value), 0.03);
      after.step(resumed, gradientOf(value), 0.03);
    }
    expect(resumed.get('fc.weight')!.dataSync()).toEqual(through.get('fc.weight')!.dataSync());
  });

  it('can be loaded from the optimiser itself', () => {
    const optimiser = new MomentumSgd();
    optimiser.step(one(1), gradientOf(1), 0.3);
    const before = optimiser.velocities.get('fc.weight')!.dataSync();
    optimiser.loadVelocities(optimiser.velocities);
    expect(optimiser.velocities.get('fc.weight')!.dataSync()).toEqual(before);
  });

  it('are refused if they do not fit the variables', () => {
    const optimiser = new MomentumSgd();
    const load = (name: string, values: number[]) => () =>
      optimiser.loadVelocities(new Map([[name, tensor1d(values)]]), one(1));
    expect(load('fc.weight', [1, 2])).toThrow(/velocity of fc\.weight: expected shape \[1\], got shape \[2\]/);
    expect(load('fc9.weight', [1])).toThrow(/no such variable/);
    expect(optimiser.velocities.size).toBe(0);
  });
});

describe('a layer replaced by one of another shape', () => {
  it('is refused until its velocity is disposed', () => {
    const optimiser = new MomentumSgd();
    optimiser.step(one(1), gradientOf(1), 0.1);
    const wide = new Map([['fc.weight', variable(tensor1d([1, 2])) as Variable]]);
    const gradient = new Map([['fc.weight', tensor1d([1, 2])]]);
    expect(() => optimiser.step(wide, gradient, 0.1)).toThrow(
      /velocity of fc\.weight: expected shape \[2\], got \[1\]/,
    );
    optimiser.dispose();
    expect(() => optimiser.step(wide, gradient, 0.1)).not.toThrow();
  });
});

describe('a step', () => {
  it('needs three times the memory of the largest variable, not that of every intermediate value', async () => {
    const elements = 1000;
    const variables = new Map([['fc.weight', variable(zeros([elements])) as Variable]]);
    const gradients = new Map<string, Tensor>([['fc.weight', zeros([elements])]]);
    for (const rule of ['caffe', 'pytorch'] as const) {
      const optimiser = new MomentumSgd({ rule });
      optimiser.step(variables, gradients, 0.1);
      const before = engine().state.numBytes;
      const { peakBytes } = await engine().profile(() => optimiser.step(variables, gradients, 0.1, 0.5));
      expect(peakBytes - before).toBeLessThanOrEqual(3 * elements * 4);
      optimiser.dispose();
    }
  });
});

describe('bad input', () => {
  it.each([
    ['a momentum of 1', { momentum: 1 }],
    ['a negative decay', { weightDecay: -1 }],
    ['a NaN decay', { weightDecay: Number.NaN }],
    ['an unknown rule', { rule: 'adam' as 'caffe' }],
    ['a negative rate multiple', { groups: [{ match: '*', rateMultiple: -1 }] }],
  ])('refuses %s', (_, options) => {
    expect(() => new MomentumSgd(options)).toThrow(VggError);
  });

  it('refuses a variable with two names, and changes nothing', () => {
    const weight = variable(tensor1d([1])) as Variable;
    const variables = new Map([
      ['fc.weight', weight],
      ['tied.weight', weight],
    ]);
    expect(() => new MomentumSgd().step(variables, gradientOf(1), 0.1)).toThrow(
      'expected one name for each variable, got fc.weight and tied.weight for one: list it once',
    );
    expect(weight.dataSync()[0]).toBe(1);
  });

  it('refuses an invalid rate, gradient or shape, and changes nothing', () => {
    const variables = one(1);
    const optimiser = new MomentumSgd();
    expect(() => optimiser.step(variables, gradientOf(1), Number.NaN)).toThrow(
      /learning rate in \[0, Infinity\), got NaN/,
    );
    expect(() => optimiser.step(variables, new Map([['fc9', tensor1d([1])]]), 1)).toThrow(
      /got a gradient for fc9, which is not a variable/,
    );
    expect(() => optimiser.step(variables, new Map([['fc.weight', tensor1d([1, 2])]]), 1)).toThrow(/got \[2\]/);
    expect(variables.get('fc.weight')!.dataSync()[0]).toBe(1);
  });
});
