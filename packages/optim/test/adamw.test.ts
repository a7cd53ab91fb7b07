import './backend';
import { dispose, type Tensor, tensor, tensor1d, tidy, type Variable, variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { AdamW } from '../src/index';
import fixture from './fixtures/adamw.json';

type Name = keyof typeof fixture.shapes;
const NAMES = Object.keys(fixture.shapes) as Name[];
const { beta1, beta2, epsilon, weightDecay, initial, gradients, rates, shapes, final, means, squares } = fixture;

function named<T>(make: (name: Name) => T): Map<string, T> {
  return new Map(NAMES.map((name) => [name, make(name)]));
}

const newVariables = () => named((name) => tidy(() => variable(tensor(initial[name], shapes[name])) as Variable));

function steps(optimiser: AdamW, variables: Map<string, Variable>, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    const gradient = named((name) => tensor(gradients[step]![name], shapes[name]));
    optimiser.step(variables, gradient, rates[step]!);
    dispose([...gradient.values()]);
  }
}

describe('AdamW', () => {
  it('has the result of torch.optim.AdamW after eight steps with two changes of rate', async () => {
    await expectNoLeak(() => {
      const optimiser = new AdamW({ beta1, beta2, epsilon, weightDecay });
      const variables = newVariables();
      steps(optimiser, variables, 0, rates.length);
      for (const name of NAMES) {
        expect(variables.get(name)!.dataSync()).toBeAllclose(final[name], { rtol: 1e-4, atol: 1e-6 });
        expect(optimiser.velocities.get(name)!.dataSync()).toBeAllclose(means[name], { rtol: 1e-4, atol: 1e-6 });
        const square = optimiser.velocities.get(`squares/${name}`)!.dataSync();
        expect(square).toBeAllclose(squares[name], { rtol: 1e-4, atol: 1e-6 });
      }
      optimiser.dispose();
      dispose([...variables.values()]);
    });
  });

  it('continues to the bit with its velocities and the number of its steps', async () => {
    await expectNoLeak(() => {
      const whole = new AdamW({ beta1, beta2, epsilon, weightDecay });
      const expected = newVariables();
      steps(whole, expected, 0, 3);
      const resumed = new AdamW({ beta1, beta2, epsilon, weightDecay });
      resumed.loadVelocities(whole.velocities, expected, 3);
      const variables = named((name) => variable(expected.get(name)!) as Variable);
      steps(whole, expected, 3, 5);
      steps(resumed, variables, 3, 5);
      for (const name of NAMES) expect(variables.get(name)!.dataSync()).toEqual(expected.get(name)!.dataSync());
      whole.dispose();
      resumed.dispose();
      dispose([...variables.values(), ...expected.values()]);
    });
  });

  it('takes its multiples of rate and decay from groups', () => {
    const w = new Map([['fc8.weight', variable(tensor1d([1])) as Variable]]);
    const g = new Map<string, Tensor>([['fc8.weight', tensor1d([3])]]);
    // The first step of Adam is the rate times the sign: 1 - 0.1·2·(0.5·0.1) - 0.1·2 = 0.79.
    const groups = [{ match: 'fc8.*', rateMultiple: 2, decayMultiple: 0.1 }];
    new AdamW({ weightDecay: 0.5, groups }).step(w, g, 0.1);
    expect(w.get('fc8.weight')!.dataSync()).toBeAllclose([0.79], { rtol: 1e-6 });
  });

  it.each([{ beta1: 1 }, { beta2: -1 }, { epsilon: 0 }, { weightDecay: -1 }])('refuses %j', (options) => {
    expect(() => new AdamW(options)).toThrow(VggError);
  });
});
