import './backend';
import {
  dispose,
  matMul,
  type Scalar,
  sum,
  type Tensor,
  type Tensor2D,
  tensor1d,
  tensor2d,
  tidy,
  type Variable,
  variable,
} from '@tensorflow/tfjs-core';
import { randomStream, VggError } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { GradientAccumulator, lossAndGradients, softmaxCrossEntropy } from '../src/index';

describe('GradientAccumulator', () => {
  it('returns the gradient of the whole batch, including a short last micro-batch', async () => {
    const random = randomStream(1, 'test');
    const inputs = 6;
    const classes = 4;
    const images = random.fillNormal(new Float32Array(10 * inputs));
    const labels = Int32Array.from({ length: 10 }, () => random.integer(classes));
    const w = variable(tensor2d(random.fillNormal(new Float32Array(inputs * classes)), [inputs, classes]));
    const variables = new Map([['w', w as Variable]]);
    const gradientsOf = (from: number, to: number, reduction: 'mean' | 'sum') => {
      const { loss, gradients } = lossAndGradients(
        () =>
          tidy(() => {
            const x = tensor2d(images.slice(from * inputs, to * inputs), [to - from, inputs]);
            return softmaxCrossEntropy(matMul(x, w as Tensor2D), labels.slice(from, to), { reduction }) as Scalar;
          }),
        variables,
      );
      loss.dispose();
      return gradients;
    };
    await expectNoLeak(() => {
      const accumulator = new GradientAccumulator(3);
      for (const [from, to] of [
        [0, 4],
        [4, 8],
        [8, 10],
      ] as const) {
        accumulator.add(gradientsOf(from, to, 'sum'), to - from);
      }
      const whole = gradientsOf(0, 10, 'mean');
      const average = accumulator.average();
      expect(accumulator.samples).toBe(10);
      expect(average.get('w')!).toBeAllclose(whole.get('w')!, { rtol: 1e-5, atol: 1e-7 });
      dispose([...whole.values(), ...average.values()]);
      accumulator.reset();
      expect(accumulator.samples).toBe(0);
    });
  });

  it('refuses an average of no samples, an empty micro-batch and gradients of other variables', () => {
    const accumulator = new GradientAccumulator(3);
    const gradients = (name: string, values: number[]) => new Map<string, Tensor>([[name, tensor1d(values)]]);
    expect(() => accumulator.average()).toThrow(VggError);
    expect(() => accumulator.add(gradients('w', [1]), 0)).toThrow(/samples to be an integer of at least 1, got 0/);
    accumulator.add(gradients('w', [1]), 1);
    expect(() => accumulator.add(gradients('w', [1, 2]), 1)).toThrow(
      /gradient of w: expected shape \[1\], got shape \[2\]/,
    );
    expect(() => accumulator.add(gradients('b', [1]), 1)).toThrow(/gradient of w: expected shape \[1\], got none/);
    accumulator.reset();
  });

  it('adds in a tree over the micro-batches, on any number of processes', () => {
    const values = [1, 2 ** -24, 2 ** -24, 2 ** -24, 1];
    const sums = (from: number, to: number) => {
      const accumulator = new GradientAccumulator(values.length, from);
      for (const value of values.slice(from, to)) accumulator.add(new Map([['w', tensor1d([value])]]), 1);
      const numbers = accumulator.parts.map((part) => part.get('w')!.dataSync()[0]!);
      accumulator.reset();
      return numbers;
    };
    // ((1 + 2^-24) + 2^-24) + (2^-24 + 1): every sum with 1 rounds to 1.
    expect(sums(0, 5)).toEqual([2]);
    expect([sums(0, 3), sums(3, 5)]).toEqual([[1], [1]]);
    expect(sums(1, 4)).toEqual([2 ** -24, 2 ** -24, 2 ** -24]);
  });

  it('adds during the backward pass to the same bits, a variable of several operations included', async () => {
    const random = randomStream(2, 'test');
    const normal = (rows: number, columns: number) =>
      tensor2d(random.fillNormal(new Float32Array(rows * columns)), [rows, columns]);
    const first = variable(normal(4, 4));
    const twice = variable(normal(4, 4));
    const last = variable(normal(4, 4));
    const variables = new Map<string, Variable>(Object.entries({ first, twice, last }));
    const images = Array.from({ length: 5 }, () => normal(3, 4));
    const sums = (during: boolean) => {
      const accumulator = new GradientAccumulator(images.length);
      const order: string[] = [];
      for (const x of images) {
        const { loss, gradients } = lossAndGradients(
          () => {
            const hidden = matMul(matMul(matMul(x, first as Tensor2D), twice as Tensor2D), twice as Tensor2D);
            return softmaxCrossEntropy(matMul(hidden, last as Tensor2D), [0, 1, 2], { reduction: 'sum' });
          },
          variables,
          (name, gradient) => {
            order.push(name);
            return during ? accumulator.addSums(name, gradient) : gradient;
          },
        );
        loss.dispose();
        accumulator.add(gradients, 3);
      }
      expect(order.slice(0, 3)).toEqual(['last', 'first', 'twice']);
      const numbers = [...accumulator.parts[0]!].map(([name, sum]) => [name, [...sum.dataSync()]]);
      accumulator.reset();
      return numbers;
    };
    await expectNoLeak(() => {
      expect(sums(true)).toEqual(sums(false));
    });
    dispose([...images, first, twice, last]);
  });

  it('refuses more micro-batches than the batch has, and an average of fewer', () => {
    const accumulator = new GradientAccumulator(2);
    const gradients = () => new Map<string, Tensor>([['w', tensor1d([1])]]);
    accumulator.add(gradients(), 1);
    expect(() => accumulator.average()).toThrow(/expected 2 micro-batches before the average, got 1/);
    accumulator.add(gradients(), 1);
    expect(() => accumulator.add(gradients(), 1)).toThrow(/expected 2 micro-batches, got one more/);
    accumulator.reset();
  });

  it('keeps the sums of a batch when reset() is forgotten before the next backward pass', () => {
    const w = variable(tensor1d([3]));
    const accumulator = new GradientAccumulator(1);
    accumulator.add(new Map([['w', tensor1d([4])]]), 2);
    const next = () => lossAndGradients(() => sum(w) as Scalar, new Map([['w', w]]), accumulator.addSums);
    expect(next).toThrow(/expected 1 micro-batches, got one more: call reset\(\) after a batch/);
    expect(accumulator.average().get('w')!.dataSync()).toEqual(Float32Array.of(2));
    accumulator.reset();
    w.dispose();
  });
});
