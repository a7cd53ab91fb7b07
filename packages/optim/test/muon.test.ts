import './backend';
import { dispose, memory, type Tensor, tensor, tidy, type Variable, variable, zeros } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { MomentumSgd, Muon } from '../src/index';
import fixture from './fixtures/muon.json';

const variableOf = (values: number[], shape: number[]) => tidy(() => variable(tensor(values, shape)) as Variable);

/** A convolution of two filters and its bias. */
function small() {
  return new Map([
    ['conv.weight', variableOf([1, 2, 3, -1], [1, 1, 2, 2])],
    ['conv.bias', variableOf([1, 2], [2])],
  ]);
}
function gradientsOf(scale = 1): Map<string, Tensor> {
  return new Map<string, Tensor>([
    [
      'conv.weight',
      tensor(
        [0.5, -1, 2, 1].map((x) => x * scale),
        [1, 1, 2, 2],
      ),
    ],
    [
      'conv.bias',
      tensor(
        [3, 4].map((x) => x * scale),
        [2],
      ),
    ],
  ]);
}

describe('weights of convolutions', () => {
  it.each(fixture.cases.map((each) => [each.shape, each] as const))(
    'of shape [%s] end six steps where torch.optim.Muon does, brought to the norm √filters before each',
    async (shape, { initial, gradients, final, velocity }) => {
      await expectNoLeak(() => {
        const optimiser = new Muon({ momentum: fixture.momentum, rateMultiple: 0.5 });
        const variables = new Map([['conv.weight', variableOf(initial, shape)]]);
        fixture.rates.forEach((rate, step) => {
          const gradient = tensor(gradients[step]!, shape);
          optimiser.step(variables, new Map([['conv.weight', gradient]]), rate / 0.5);
          gradient.dispose();
        });
        expect(variables.get('conv.weight')!.dataSync()).toBeAllclose(final, { rtol: 1e-4, atol: 1e-5 });
        expect(optimiser.velocities.get('conv.weight')!.dataSync()).toBeAllclose(velocity, { rtol: 1e-5, atol: 1e-6 });
        optimiser.dispose();
        dispose([...variables.values()]);
      });
    },
  );

  it('get orthogonal updates: two equal singular values stay equal', () => {
    // g = 2·I: its singular values are equal, 1/√2 once the norm is 1, and the quintic takes them to 0.709, 0.8845,
    // 0.8376.
    const quintic = (x: number) => 3.4445 * x - 4.775 * x ** 3 + 2.0315 * x ** 5;
    const turned = quintic(quintic(quintic(Math.SQRT1_2)));
    const variables = new Map([['conv.weight', variableOf([1, 0, 0, 1], [1, 1, 2, 2])]]);
    new Muon({ rateMultiple: 1 }).step(variables, new Map([['conv.weight', tensor([2, 0, 0, 2], [1, 1, 2, 2])]]), 0.25);
    const left = 1 - 0.25 * turned;
    expect(variables.get('conv.weight')!.dataSync()).toBeAllclose([left, 0, 0, left], { rtol: 1e-5, atol: 1e-7 });
  });

  it('get the same update for any norm of the gradients and of the weights', () => {
    const plain = small();
    const scaled = small();
    scaled.set('conv.weight', variableOf([10, 20, 30, -10], [1, 1, 2, 2]));
    new Muon().step(plain, gradientsOf(), 0.5);
    new Muon().step(scaled, gradientsOf(1e6), 0.5, 1e-3);
    const weights = [plain, scaled].map((variables) => variables.get('conv.weight')!.dataSync());
    expect(weights[0]).toBeAllclose(weights[1]!, { rtol: 1e-5 });
  });

  it('stay finite with gradients and weights of zeros', () => {
    const variables = new Map([
      ['a', variableOf([3, 0, 0, 4], [1, 1, 2, 2])],
      ['b', variableOf([0, 0, 0, 0], [1, 1, 2, 2])],
    ]);
    const nothing = new Map<string, Tensor>([...variables].map(([name]) => [name, zeros([1, 1, 2, 2])]));
    new Muon().step(variables, nothing, 0.1);
    expect(variables.get('a')!.dataSync()).toBeAllclose(
      [3, 0, 0, 4].map((x) => (x * Math.SQRT2) / 5),
      { rtol: 1e-6 },
    );
    expect([...variables.get('b')!.dataSync()]).toEqual([0, 0, 0, 0]);
  });
});

describe('all other variables', () => {
  it('are updated by the given momentum SGD at the given rate', () => {
    const variables = small();
    const others = small();
    const optimiser = new Muon({ rest: new MomentumSgd({ momentum: 0.5 }) });
    const sgd = new MomentumSgd({ momentum: 0.5 });
    for (const rate of [0.1, 0.02]) {
      optimiser.step(variables, gradientsOf(), rate, 0.5);
      sgd.step(others, gradientsOf(), rate, 0.5);
    }
    expect(variables.get('conv.bias')!.dataSync()).toEqual(others.get('conv.bias')!.dataSync());
  });
});

describe('velocities', () => {
  it('of both kinds, saved and loaded, continue to the same bits', () => {
    const whole = small();
    const resumed = small();
    const optimiser = new Muon();
    const first = new Muon();
    const second = new Muon();
    for (let step = 0; step < 3; step++) optimiser.step(whole, gradientsOf(step + 1), 0.1);
    first.step(resumed, gradientsOf(1), 0.1);
    second.loadVelocities(first.velocities, resumed);
    first.dispose();
    for (let step = 1; step < 3; step++) second.step(resumed, gradientsOf(step + 1), 0.1);
    expect([...second.velocities.keys()].sort()).toEqual(['conv.bias', 'conv.weight']);
    for (const [name, variable] of whole) expect(resumed.get(name)!.dataSync()).toEqual(variable.dataSync());
  });

  it('of another shape or without a variable are refused, and the current ones are kept', () => {
    const variables = small();
    const optimiser = new Muon();
    optimiser.step(variables, gradientsOf(), 0.1);
    const before = memory().numTensors;
    expect(() => optimiser.loadVelocities(new Map([['conv.weight', zeros([1, 1, 2, 3])]]), variables)).toThrow(
      'velocity of conv.weight: expected shape [1,1,2,2], got shape [1,1,2,3]',
    );
    expect(() => optimiser.loadVelocities(new Map([['other', zeros([2])]]), variables)).toThrow('no such variable');
    expect(optimiser.velocities.size).toBe(2);
    expect(memory().numTensors).toBe(before + 2);
  });
});

describe('a step', () => {
  it.each([
    ['a rate below 0', () => new Muon().step(small(), gradientsOf(), -1), 'expected a learning rate in [0, Infinity)'],
    ['a rate that is not a number', () => new Muon().step(small(), gradientsOf(), Number.NaN), 'a learning rate'],
    ['a momentum of 1', () => new Muon({ momentum: 1 }), 'expected a momentum in [0, 1), got 1'],
    ['a rate multiple of 0', () => new Muon({ rateMultiple: 0 }), 'expected a rate multiple above 0, got 0'],
    [
      'a gradient without variable',
      () => new Muon().step(small(), new Map([['other', zeros([1, 1, 2, 2])]]), 0.1),
      'got a gradient for other, which is not a variable of this step',
    ],
    [
      'a gradient of another shape',
      () => new Muon().step(small(), new Map([['conv.weight', zeros([1, 1, 4, 1])]]), 0.1),
      'gradient of conv.weight: expected shape [1,1,2,2], got [1,1,4,1]',
    ],
  ])('is refused for %s', (_, attempt, message) => {
    expect(attempt).toThrow(message);
  });

  it('that is refused changes nothing', () => {
    const variables = small();
    const gradients = gradientsOf();
    gradients.set('conv.bias', zeros([3]));
    expect(() => new Muon().step(variables, gradients, 0.1)).toThrow('gradient of conv.bias');
    expect([...variables.get('conv.weight')!.dataSync()]).toEqual([1, 2, 3, -1]);
  });
});
