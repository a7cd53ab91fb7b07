/** TF.js's optimisers through the adapter, against TF.js itself. */
import './backend';
import {
  dispose,
  mul,
  type Optimizer,
  type Tensor,
  tensor,
  tidy,
  train,
  type Variable,
  variable,
} from '@tensorflow/tfjs-core';
import { expectNoLeak, hashed } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { tfOptimiser } from '../src/index';

const SHAPES = { 'conv.weight': [2, 3], 'fc.bias': [4] } as const;
const RATES = [0.1, 0.1, 0.02, 0.02, 0.05, 0.05];

const OPTIMISERS: [string, (rate: number) => Optimizer][] = [
  ['sgd', (rate) => train.sgd(rate)],
  ['momentum', (rate) => train.momentum(rate, 0.9)],
  ['adagrad', (rate) => train.adagrad(rate)],
  ['adadelta', (rate) => train.adadelta(rate)],
  ['adam', (rate) => train.adam(rate)],
  ['adamax', (rate) => train.adamax(rate, 0.9, 0.999, undefined, 0.01)],
  ['rmsprop', (rate) => train.rmsprop(rate, 0.9, 0.5, undefined, true)],
];

function numbers(stream: number, shape: readonly number[]): Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  return tensor(
    Float32Array.from(hashed(stream, size), (u) => 2 * u - 1),
    [...shape],
  );
}

/** Disposes an optimiser, and the rate of momentum, which TF.js leaves. */
function free(optimiser: Optimizer): void {
  optimiser.dispose();
  const { c } = optimiser as unknown as { c?: Tensor };
  c?.dispose();
}

function variables(): Map<string, Variable> {
  return new Map(
    Object.entries(SHAPES).map(([name, shape], i) => [name, tidy(() => variable(numbers(i, shape)))] as const),
  );
}

function gradients(step: number): Map<string, Tensor> {
  return new Map(Object.entries(SHAPES).map(([name, shape], i) => [name, numbers(100 + 2 * step + i, shape)] as const));
}

function valuesOf(map: ReadonlyMap<string, Tensor>): Record<string, number[]> {
  return Object.fromEntries([...map].map(([name, value]) => [name, [...value.dataSync()]]));
}

/** Applies the steps from `first` up to `end` with an optimiser. */
function run(weights: Map<string, Variable>, optimiser: ReturnType<typeof tfOptimiser>, first = 0, end = RATES.length) {
  for (let step = first; step < end; step++) {
    const grads = gradients(step);
    optimiser.step(weights, grads, RATES[step]!, 0.5);
    dispose([...grads.values()]);
  }
}

describe.each(OPTIMISERS)('%s', (_, make) => {
  it('updates as TF.js does, with the rate of each step', async () => {
    await expectNoLeak(async () => {
      const weights = variables();
      const tf = make(0);
      const optimiser = tfOptimiser(tf);
      run(weights, optimiser);
      const expected = variables();
      const plain = make(RATES[0]!);
      for (const [step, rate] of RATES.entries()) {
        tidy(() => {
          if ('setLearningRate' in plain) (plain as ReturnType<typeof train.sgd>).setLearningRate(rate);
          else (plain as unknown as { learningRate: number }).learningRate = rate;
          const named = [...gradients(step)].map(([name, value]) => ({
            name: expected.get(name)!.name,
            tensor: mul(value, 0.5),
          }));
          plain.applyGradients(named);
        });
      }
      expect(valuesOf(weights)).toEqual(valuesOf(expected));
      optimiser.dispose();
      free(tf);
      free(plain);
      dispose([...weights.values(), ...expected.values()]);
    });
  });

  it('continues from saved velocities to the bit', async () => {
    await expectNoLeak(async () => {
      const whole = variables();
      const first = make(0);
      const optimiser = tfOptimiser(first);
      run(whole, optimiser, 0, 3);
      const weights = new Map([...whole].map(([name, value]) => [name, tidy(() => variable(value.clone()))] as const));
      const second = make(0);
      const resumed = tfOptimiser(second);
      resumed.loadVelocities(optimiser.velocities, weights, 3);
      run(whole, optimiser, 3);
      run(weights, resumed, 3);
      expect(valuesOf(weights)).toEqual(valuesOf(whole));
      expect(valuesOf(resumed.velocities)).toEqual(valuesOf(optimiser.velocities));
      for (const each of [optimiser, resumed]) each.dispose();
      for (const each of [first, second]) free(each);
      dispose([...weights.values(), ...whole.values()]);
    });
  });
});

it('starts again after dispose', () => {
  const tf = train.adam(0);
  const optimiser = tfOptimiser(tf);
  const weights = [variables(), variables()];
  run(weights[0]!, optimiser, 0, 2);
  optimiser.dispose();
  const fresh = variables();
  run(fresh, optimiser, 0, 2);
  expect(valuesOf(fresh)).toEqual(valuesOf(weights[0]!));
  optimiser.dispose();
  tf.dispose();
});

it('refuses other variables than before, and what is not an optimiser', () => {
  const tf = train.momentum(0.1, 0.9);
  const optimiser = tfOptimiser(tf);
  const weights = variables();
  const grads = gradients(0);
  optimiser.step(weights, grads, 0.1);
  grads.delete('fc.bias');
  expect(() => optimiser.step(weights, grads, 0.1)).toThrow(/the same 2 variables as in earlier steps, got 1/);
  expect(() => optimiser.loadVelocities(new Map([['other/fc.bias', grads.get('conv.weight')!]]))).toThrow(
    /velocities of the optimiser \(accumulations\), got other\/fc.bias/,
  );
  expect(() => tfOptimiser({} as Optimizer)).toThrow(/expected an optimiser of TF.js/);
});
