/** Batch norm folded into convolutions: the same outputs by fewer operations. */
import './engine';
import { dispose, slice, type Tensor, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { createVgg, foldBatchNorm, type Vgg, type VggOptions } from '../src/index';
import { images, numbers, refusal, SMALL } from './small-net';

/** Gives batch norm statistics and factors as a trained net has them; some factors are negative. */
function train(net: Vgg): void {
  for (const [name, variable] of net.variables) {
    if (!name.startsWith('bn')) continue;
    const stream = randomStream(1, name);
    const positive = name.endsWith('.variance');
    const values = Float32Array.from({ length: variable.size }, () => stream.uniform() * 2 - (positive ? -0.01 : 0.7));
    const replacement = tensor(values, variable.shape);
    variable.assign(replacement);
    replacement.dispose();
  }
}

function expectClose(actual: Tensor, expected: Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  const largest = Math.max(...numbers(expected).map(Math.abs));
  const other = numbers(actual);
  numbers(expected).forEach((value, i) => {
    expect(Math.abs(other[i]! - value)).toBeLessThanOrEqual(2e-5 * largest);
  });
}

const NETS: Readonly<Record<string, VggOptions>> = {
  A: SMALL,
  'D with a linear head': { ...SMALL, configuration: 'D', head: 'linear' },
  'C with the head of the paper': { ...SMALL, configuration: 'C', head: 'paper' },
  'A-LRN': { ...SMALL, configuration: 'A-LRN' },
  'a table, one channel': { ...SMALL, configuration: [8, 'pool', 16, 16, 'pool'], channels: 1 },
};

describe('foldBatchNorm', () => {
  it.each(Object.entries(NETS))('computes the outputs of %s', async (_, options) => {
    await expectNoLeak(() => {
      const net = createVgg({ ...options, batchNorm: true }) as Vgg;
      train(net);
      const folded = foldBatchNorm(net);
      expect(folded.options).toEqual({ ...net.options, batchNorm: false });
      const batch = tidy(() => slice(images(), 0, [2, 32, 32, options.channels ?? 3]) as Tensor4D);
      const outputs = [net, folded].map((one) => one.apply(batch).logits);
      const maps = [net, folded].map((one) => one.dense(batch).scores);
      expectClose(outputs[1]!, outputs[0]!);
      expectClose(maps[1]!, maps[0]!);
      dispose([batch, ...outputs, ...maps]);
      net.dispose();
      folded.dispose();
    });
  });

  it('moves filters and bias by the numbers of one channel, worked by hand', () => {
    const net = createVgg({
      configuration: [1, 'pool'],
      channels: 1,
      inputSize: 32,
      classes: 2,
      head: 'linear',
      batchNorm: true,
    });
    const numbersOf: Record<string, number> = { scale: 3, offset: 0.5, mean: 2, variance: 4 - 1e-5 };
    for (const [part, value] of Object.entries(numbersOf)) net.variables.get(`bn1_1.${part}`)!.assign(tensor([value]));
    net.variables.get('conv1_1.bias')!.assign(tensor([1]));
    const folded = foldBatchNorm(net);
    const filter = numbers(net.variables.get('conv1_1.weight'));
    numbers(folded.variables.get('conv1_1.weight')).forEach((value, i) => {
      expect(value).toBeCloseTo(1.5 * filter[i]!, 5);
    });
    expect(numbers(folded.variables.get('conv1_1.bias'))[0]).toBeCloseTo((1 - 2) * 1.5 + 0.5, 5);
    net.dispose();
    folded.dispose();
  });

  it('refuses a net without batch norm, and a disposed one', () => {
    const plain = createVgg(SMALL);
    expect(refusal('argument', () => foldBatchNorm(plain))).toMatch(/with batch norm, got one without/);
    plain.dispose();
    const disposed = createVgg({ ...SMALL, batchNorm: true });
    disposed.dispose();
    expect(refusal('state', () => foldBatchNorm(disposed))).toMatch(/disposed/);
  });
});
