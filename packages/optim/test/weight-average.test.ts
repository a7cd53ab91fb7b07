import './backend';
import { type Tensor, tensor, tidy, type Variable, variable } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { WeightAverage } from '../src/index';
import cases from './fixtures/average.json';

type Numbers = Record<string, number[]>;

const make = (values: Numbers, shapes: Numbers): Map<string, Variable> =>
  new Map(
    Object.entries(values).map(([name, list]) => [name, tidy(() => variable(tensor(list, shapes[name]!, 'float32')))]),
  );
const numbersOf = (tensors: ReadonlyMap<string, Tensor>): Numbers =>
  Object.fromEntries([...tensors].map(([name, value]) => [name, [...value.dataSync()]]));
const free = (tensors: ReadonlyMap<string, Tensor>) => {
  for (const value of tensors.values()) value.dispose();
};

/** Averages variables over the recorded values from index `from` on. */
function walk({ shapes, walk: places }: (typeof cases)[number], average: WeightAverage, from = 0): void {
  for (const place of places.slice(from)) {
    const variables = make(place, shapes);
    average.update(variables);
    free(variables);
  }
}

describe('WeightAverage', () => {
  it.each(cases)('is that of PyTorch’s AveragedModel, decay $decay', async (fixture) => {
    await expectNoLeak(() => {
      const average = new WeightAverage(fixture.decay);
      walk(fixture, average);
      const { weight, bias } = numbersOf(average.averages);
      expect(weight).toBeAllclose(fixture.final.weight, { rtol: 1e-5, atol: 1e-6 });
      expect(bias).toBeAllclose(fixture.final.bias, { rtol: 1e-5, atol: 1e-6 });
      average.dispose();
    });
  });

  it('has the result computed by hand', () => {
    // 8 first; then d = min(0.5, 2/11): 2/11·8 + 9/11·2 = 34/11; then d = 3/12: 34/44 + 0.75·4.
    const average = new WeightAverage(0.5);
    for (const value of [8, 2, 4]) {
      const variables = make({ w: [value] }, { w: [1] });
      average.update(variables);
      free(variables);
    }
    expect(numbersOf(average.averages).w).toBeAllclose([34 / 44 + 3], { rtol: 1e-6 });
    average.dispose();
  });

  it('continues from saved averages to the bit', () => {
    const [fixture] = cases;
    const [whole, before, after] = [0, 1, 2].map(() => new WeightAverage(0.999));
    walk(fixture!, whole!);
    walk({ ...fixture!, walk: fixture!.walk.slice(0, 5) }, before!);
    after!.load(before!.averages, 5);
    before!.dispose();
    walk(fixture!, after!, 5);
    expect(numbersOf(after!.averages)).toEqual(numbersOf(whole!.averages));
    for (const average of [whole!, after!]) average.dispose();
  });

  it('exchanges its values with the variables, and back', async () => {
    await expectNoLeak(() => {
      const average = new WeightAverage(0.9);
      const variables = make({ w: [3, 4] }, { w: [2] });
      average.swap(variables);
      expect(numbersOf(variables).w).toEqual([3, 4]);
      average.update(variables);
      tidy(() => variables.get('w')!.assign(tensor([5, 6])));
      average.swap(variables);
      expect([numbersOf(variables).w, numbersOf(average.averages).w]).toEqual([
        [3, 4],
        [5, 6],
      ]);
      average.swap(variables);
      expect([numbersOf(variables).w, numbersOf(average.averages).w]).toEqual([
        [5, 6],
        [3, 4],
      ]);
      free(variables);
      average.dispose();
    });
  });

  it.each([0, 1, -0.1, Number.NaN])('refuses a decay of %s', (decay) => {
    expect(() => new WeightAverage(decay)).toThrow(/decay of the averaged weights above 0 and below 1, got/);
  });

  it('refuses a variable with two names, which a swap would exchange twice', () => {
    const [weight] = make({ w: [1] }, { w: [1] }).values();
    const variables = new Map([
      ['w', weight!],
      ['tied', weight!],
    ]);
    const average = new WeightAverage(0.9);
    expect(() => average.update(variables)).toThrow('expected one name for each variable, got w and tied for one');
    expect(average.averages.size).toBe(0);
  });

  it('refuses saved averages of 0 updates', () => {
    expect(() => new WeightAverage(0.9).load(new Map(), 0)).toThrow(
      /updates of saved averages to be an integer of at least 1, got 0/,
    );
  });
});
