import { describe, expect, it } from 'vitest';
import { type ConfigurationName, formatSummary, summarise } from '../src/index';

describe('summarise', () => {
  it.each([
    ['A', 132_863_336],
    ['A-LRN', 132_863_336],
    ['B', 133_047_848],
    ['C', 133_638_952],
    ['D', 138_357_544],
    ['E', 143_667_240],
  ] as const)('counts the parameters of %s as in the paper', (configuration, parameters) => {
    expect(summarise({ configuration }).parameters).toBe(parameters);
  });

  // torchvision's published counts: VGG11_BN, VGG13_BN, VGG16_BN and VGG19_BN weights, meta num_params.
  it.each([
    ['A', 132_868_840],
    ['B', 133_053_736],
    ['D', 138_365_992],
    ['E', 143_678_248],
  ] as const)('counts the parameters of %s with batch norm as in torchvision', (configuration, parameters) => {
    expect(summarise({ configuration, batchNorm: true }).parameters).toBe(parameters);
  });

  // torchvision's published costs in 10^9 multiply-adds: meta _ops of VGG11, VGG13, VGG16 and VGG19 weights.
  it.each([
    ['A', 7.609],
    ['B', 11.308],
    ['D', 15.47],
    ['E', 19.632],
  ] as const)('counts the multiply-adds of %s as in torchvision', (configuration, billions) => {
    expect(summarise({ configuration }).multiplyAdds / 1e9).toBeCloseTo(billions, 3);
  });

  it('lists every layer with its output and parameters', () => {
    const { layers } = summarise({ configuration: 'A-LRN', batchNorm: true, inputSize: 75, head: 'small', classes: 3 });
    const rows = layers.map(({ name, outputShape, parameters }) => [name, outputShape.join('x'), parameters]);
    expect(rows.slice(0, 5)).toEqual([
      ['conv1_1', '75x75x64', 1792],
      ['bn1_1', '75x75x64', 128],
      ['relu1_1', '75x75x64', 0],
      ['norm1', '75x75x64', 0],
      ['pool1', '37x37x64', 0],
    ]);
    expect(rows.slice(-6)).toEqual([
      ['pool5', '2x2x512', 0],
      ['fc6', '512', 2 * 2 * 512 * 512 + 512],
      ['relu6', '512', 0],
      ['drop6', '512', 0],
      ['fc8', '3', 512 * 3 + 3],
      ['prob', '3', 0],
    ]);
  });

  it('rounds widths to the nearest integer, at least 1', () => {
    const { layers } = summarise({ configuration: 'A', width: 1 / 100 });
    expect(layers.filter(({ kind }) => kind === 'convolution').map(({ outputShape }) => outputShape[2])).toEqual([
      1, 1, 3, 3, 5, 5, 5, 5,
    ]);
  });

  it('has more activations for a larger batch, and nothing else', () => {
    const [one, eight] = [1, 8].map((batch) => summarise({ configuration: 'D' }, { batch }).memory) as [Memory, Memory];
    expect(one.weights).toBe(138_357_544 * 4);
    expect([eight.weights, eight.gradients, eight.velocities]).toEqual([one.weights, one.gradients, one.velocities]);
    expect(eight.inferenceActivations).toBe(8 * one.inferenceActivations);
    expect(eight.trainingActivations).toBe(8 * one.trainingActivations);
  });

  it('counts the activations or the update for training, whichever is larger', () => {
    // fc6 of D has 25088 * 4096 weights: a small batch's activations are less than three of those.
    const [one, many] = [1, 32].map((batch) => summarise({ configuration: 'D' }, { batch }).memory) as [Memory, Memory];
    expect(one.update).toBe(3 * 25088 * 4096 * 4);
    expect(one.training).toBe(3 * one.weights + one.update);
    expect(many.training).toBe(3 * one.weights + many.trainingActivations);
  });

  it.each([0, 1.5, -1, Number.NaN])('refuses a batch of %s', (batch) => {
    expect(() => summarise({ configuration: 'A' }, { batch })).toThrow(/the batch of a summary to be an integer/);
  });
});

type Memory = ReturnType<typeof summarise>['memory'];

describe('formatSummary', () => {
  it('is a table followed by the totals and the memory', () => {
    const lines = formatSummary(summarise({ configuration: 'D' }, { batch: 2 })).split('\n');
    expect(lines[0]).toMatch(/^layer +output +parameters +multiply-adds$/);
    expect(lines[1]).toMatch(/^conv1_1 +224 x 224 x 64 +1,792 +86,704,128$/);
    expect(lines.find((line) => line.startsWith('fc6'))).toMatch(/^fc6 +4096 +102,764,544 +102,760,448$/);
    expect(lines.find((line) => line.startsWith('total'))).toMatch(/^total +138,357,544 +15,470,264,320$/);
    expect(lines.find((line) => line.startsWith('memory for 2 images'))).toMatch(
      /inference [\d.]+ MiB, training [\d,.]+ MiB/,
    );
  });

  it.each(['A', 'A-LRN', 'B', 'C', 'D', 'E'] satisfies ConfigurationName[])(
    'fits 80 columns for %s',
    (configuration) => {
      const text = formatSummary(summarise({ configuration, batchNorm: true }, { batch: 256 }));
      expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    },
  );
});
