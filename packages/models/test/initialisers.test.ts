import './engine';
import { type Tensor, tensor, zeros } from '@tensorflow/tfjs-core';
import { ERROR_CODES, isVggError } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import {
  createVgg,
  fromTrainedA,
  glorotInitialiser,
  heInitialiser,
  type Initialiser,
  normalInitialiser,
  type VariableSpec,
  zeroInitialiser,
} from '../src/index';

const CONVOLUTION: VariableSpec = { name: 'conv3_1.weight', layer: 'conv3_1', role: 'weight', shape: [3, 3, 64, 128] };
const CONNECTED: VariableSpec = { name: 'fc6.weight', layer: 'fc6', role: 'weight', shape: [300, 200] };

function draw(initialiser: Initialiser, spec: VariableSpec): Float32Array {
  return initialiser(spec) as Float32Array;
}

function moments(values: Float32Array) {
  const mean = values.reduce((total, x) => total + x, 0) / values.length;
  const variance = values.reduce((total, x) => total + (x - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

// Expected deviations by hand: normal: sigma. He: √(2 / fan-in), fan-in 3·3·64 = 576 or 300. Glorot's uniform in ±b has
// b / √3 = √(2 / (fan-in + fan-out)), fan-out 3·3·128 = 1152 or 200.
describe.each([
  ['normal', normalInitialiser({ seed: 7 }), 0.01, 0.01],
  ["normal with the paper's sigma", normalInitialiser({ seed: 7, sigma: 0.1 }), 0.1, 0.1],
  ['He', heInitialiser({ seed: 7 }), Math.sqrt(2 / 576), Math.sqrt(2 / 300)],
  ['Glorot', glorotInitialiser({ seed: 7 }), Math.sqrt(2 / (576 + 1152)), Math.sqrt(2 / 500)],
])('%s', (name, initialiser, convolution, connected) => {
  it.each([
    ['a convolution', CONVOLUTION, convolution],
    ['a fully-connected layer', CONNECTED, connected],
  ])('has mean 0 and the right deviation for %s', (_, spec, deviation) => {
    const values = draw(initialiser, spec);
    const { mean, deviation: measured } = moments(values);
    // 5 standard errors of the mean and of the deviation.
    expect(Math.abs(mean)).toBeLessThan((5 * deviation) / Math.sqrt(values.length));
    expect(Math.abs(measured / deviation - 1)).toBeLessThan(5 / Math.sqrt(2 * values.length));
    if (name === 'Glorot') expect(Math.max(...values.map(Math.abs))).toBeLessThan(deviation * Math.sqrt(3));
  });

  it('has the same numbers for the same seed and name, and others for another', () => {
    expect(draw(initialiser, CONNECTED)).toEqual(draw(initialiser, CONNECTED));
    expect(draw(initialiser, CONNECTED)).not.toEqual(draw(initialiser, { ...CONNECTED, name: 'fc7.weight' }));
  });

  it('initialises biases with 0 and batch norm as the identity', () => {
    const first = (role: VariableSpec['role']) => [
      ...draw(initialiser, { name: `x.${role}`, layer: 'x', role, shape: [2] }),
    ];
    expect(first('bias')).toEqual([0, 0]);
    expect([first('scale'), first('offset'), first('mean'), first('variance')]).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
  });
});

describe('normalInitialiser', () => {
  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a sigma of %s', (sigma) => {
    expect(() => normalInitialiser({ seed: 0, sigma })).toThrow(
      /sigma of the normal initialiser must be a number of at least 0/,
    );
  });

  it.each([-1, 1.5, Number.NaN])('refuses a seed of %s at once', (seed) => {
    expect(() => normalInitialiser({ seed })).toThrow(/the seed of a random stream must be an integer/);
  });
});

describe('zeroInitialiser', () => {
  it('has weights of 0', () => {
    expect(draw(zeroInitialiser(), CONNECTED).every((x) => x === 0)).toBe(true);
  });
});

describe('a custom initialiser', () => {
  const options = { configuration: 'A', width: 1 / 64, inputSize: 32, head: 'small', classes: 2 } as const;

  it.each<[string, Initialiser, RegExp]>([
    ['too few numbers', () => new Float32Array(1), /expected 27 numbers for conv1_1.weight \[3,3,3,1\], got 1/],
    [
      'a tensor of another shape',
      () => zeros([2]),
      /expected conv1_1.weight as float32 \[3,3,3,1\], got float32 \[2\]/,
    ],
    ['integers', ({ shape }) => zeros([...shape], 'int32'), /expected conv1_1.weight as float32 .*, got int32/],
  ])('is refused %s', (_, initialiser, message) => {
    expect(() => createVgg(options, initialiser)).toThrow(message);
  });

  it('leaves no variable behind if it throws', () =>
    expectNoLeak(() => {
      const half: Initialiser = (spec) => {
        if (spec.name === 'conv4_1.bias') throw new Error('enough');
        return heInitialiser({ seed: 1 })(spec);
      };
      expect(() => createVgg(options, half)).toThrow('enough');
    }));
});

describe('fromTrainedA', () => {
  const common = { width: 1 / 32, inputSize: 64, classes: 3 } as const;
  const values = (held: Tensor) => [...held.dataSync()];

  it.each(['B', 'C', 'D', 'E'] as const)(
    'gives %s the first four convolutions and the head of A, and draws the rest',
    (configuration) => {
      const a = createVgg({ ...common, configuration: 'A' }, normalInitialiser({ seed: 1 }));
      const rest = normalInitialiser({ seed: 2, sigma: 0.1 });
      const deep = createVgg({ ...common, configuration }, fromTrainedA({ weights: a.variables, rest }));
      const random = createVgg({ ...common, configuration }, rest);
      const copied = ['conv1_1', 'conv2_1', 'conv3_1', 'conv3_2', 'fc6', 'fc7', 'fc8'];
      for (const [name, variable] of deep.variables) {
        const source = copied.includes(name.split('.')[0]!) ? a : random;
        expect(values(variable), name).toEqual(values(source.variables.get(name)!));
      }
      for (const net of [a, deep, random]) net.dispose();
    },
  );

  it('initialises batch norm like its convolution', () => {
    const options = { ...common, batchNorm: true } as const;
    const marked: Initialiser = ({ shape }) => new Float32Array(shape.reduce((n, m) => n * m, 1)).fill(7);
    const a = createVgg({ ...options, configuration: 'A' }, marked);
    const b = createVgg(
      { ...options, configuration: 'B' },
      fromTrainedA({ weights: a.variables, rest: zeroInitialiser() }),
    );
    expect(values(b.variables.get('bn2_1.mean')!)).toEqual([7, 7, 7, 7]);
    expect(values(b.variables.get('bn2_2.mean')!)).toEqual([0, 0, 0, 0]);
    for (const net of [a, b]) net.dispose();
  });

  it('leaves the trained net unchanged when the deeper net is trained and disposed', () =>
    expectNoLeak(() => {
      const a = createVgg({ ...common, configuration: 'A' });
      const before = values(a.variables.get('fc8.weight')!);
      const d = createVgg(
        { ...common, configuration: 'D' },
        fromTrainedA({ weights: a.variables, rest: zeroInitialiser() }),
      );
      const zeroed = zeros([128, 3]);
      d.variables.get('fc8.weight')!.assign(zeroed);
      zeroed.dispose();
      d.dispose();
      expect(values(a.variables.get('fc8.weight')!)).toEqual(before);
      a.dispose();
    }));

  it.each<[string, Record<string, Tensor>, object, RegExp]>([
    [
      'another class count',
      { 'fc8.weight': zeros([128, 5]) },
      {},
      /expected fc8.weight of shape \[128,3\], the trained A has \[128,5\]/,
    ],
    [
      'another width',
      { 'conv1_1.weight': tensor([1]) },
      {},
      /expected conv1_1.weight of shape \[3,3,3,2\], the trained A has \[1\]/,
    ],
    [
      'no batch norm',
      {},
      { batchNorm: true },
      /needs bn1_1.scale of the trained A, which lacks it: train A with batchNorm too/,
    ],
  ])('refuses an A with %s', async (_, replaced, variation, message) => {
    const a = createVgg({ ...common, configuration: 'A' });
    const weights = new Map<string, Tensor>([...a.variables, ...Object.entries(replaced)]);
    const make = () =>
      createVgg({ ...common, ...variation, configuration: 'B' }, fromTrainedA({ weights, rest: zeroInitialiser() }));
    await expectNoLeak(() => expect(make).toThrow(message));
    try {
      make();
    } catch (error) {
      expect(isVggError(error) && error.code).toBe(ERROR_CODES.weights);
    }
    a.dispose();
  });
});
