import './backend';
import {
  add,
  conv2d,
  dispose,
  getGradient,
  registerGradient,
  type Scalar,
  square,
  sum,
  type Tensor4D,
  tensor1d,
  tensor4d,
  tidy,
  unregisterGradient,
  type Variable,
  variable,
} from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it, vi } from 'vitest';
import { ensureGradients, lossAndGradients } from '../src/index';

describe('ensureGradients', () => {
  it('registers missing gradients, keeps existing ones and prints nothing', () => {
    const warn = vi.spyOn(console, 'warn');
    ensureGradients();
    unregisterGradient('Conv2D');
    const own = { kernelName: 'Relu', gradFunc: () => ({}) };
    const original = getGradient('Relu');
    registerGradient(own);
    ensureGradients();
    expect(getGradient('Conv2D')).toBeDefined();
    expect(getGradient('Relu')).toBe(own);
    registerGradient(original);
    expect(warn).not.toHaveBeenCalled();
  });
});

describe('lossAndGradients', () => {
  it('returns the gradient of each variable by name, and leaks nothing', async () => {
    // y = x ⊛ w with one pixel and a 1×1 filter: y = 3·w0 + 5·w1, so dy/dw = (3, 5) and, with the sum as loss, db = 1.
    const w = variable(tensor4d([1, 2], [1, 1, 2, 1])) as Variable;
    const b = variable(tensor1d([10])) as Variable;
    const x = tensor4d([3, 5], [1, 1, 1, 2]);
    await expectNoLeak(() => {
      const { loss, gradients } = lossAndGradients(
        () => sum(add(conv2d(x, w as unknown as Tensor4D, 1, 'same'), b)) as Scalar,
        new Map([
          ['b', b],
          ['w', w],
        ]),
      );
      expect([...gradients.keys()]).toEqual(['b', 'w']);
      expect(loss.dataSync()).toBeAllclose([23], { rtol: 1e-6 });
      expect(gradients.get('w')!.dataSync()).toBeAllclose([3, 5], { rtol: 1e-6 });
      expect(gradients.get('b')!.dataSync()).toBeAllclose([1], { rtol: 1e-6 });
      dispose([loss, ...gradients.values()]);
    });
  });

  it('uses the names of the caller, not those of TF.js', () => {
    const weight = variable(tensor1d([3]));
    const { loss, gradients } = lossAndGradients(() => sum(square(weight)) as Scalar, new Map([['value', weight]]));
    expect(loss.dataSync()[0]).toBe(9);
    expect(gradients.get('value')!.dataSync()[0]).toBe(6);
  });

  it('names a variable that the loss does not depend on', () => {
    const used = variable(tensor1d([1]));
    const unused = variable(tensor1d([2]));
    const variables = new Map<string, Variable>([
      ['fc7.weight', used],
      ['fc8.weight', unused],
    ]);
    expect(() => lossAndGradients(() => sum(used) as Scalar, variables)).toThrow(/does not depend on fc8\.weight/);
    expect(() => lossAndGradients(() => sum(used) as Scalar, new Map())).toThrow(/unfreeze a layer/);
  });

  it('refuses a variable with two names, whose gradient would be counted twice', () => {
    const weight = variable(tensor1d([1])) as Variable;
    const variables = new Map([
      ['fc7.weight', weight],
      ['fc8.weight', weight],
    ]);
    expect(() => lossAndGradients(() => sum(weight) as Scalar, variables)).toThrow(
      'expected one name for each variable, got fc7.weight and fc8.weight for one: list it once',
    );
  });

  it('returns further tensors of the computation, and disposes them if it fails', async () => {
    await expectNoLeak(async () => {
      const w = tidy(() => variable(tensor1d([1, 2])));
      const compute = () => {
        const squares = square(w);
        return { loss: sum(squares) as Scalar, aux: { squares, list: [add(squares, 1)], name: 'any' } };
      };
      const { loss, gradients, aux } = lossAndGradients(compute, new Map([['w', w]]));
      expect(loss.dataSync()[0]).toBe(5);
      expect([...gradients.get('w')!.dataSync()]).toEqual([2, 4]);
      expect([...aux.squares.dataSync()]).toEqual([1, 4]);
      expect([...aux.list[0]!.dataSync()]).toEqual([2, 5]);
      dispose([loss, ...gradients.values()]);
      dispose(aux);
      const other = tidy(() => variable(tensor1d([1, 2])));
      expect(() => lossAndGradients(compute, new Map([['other', other]]))).toThrow();
      dispose([w, other]);
    });
  });
});
