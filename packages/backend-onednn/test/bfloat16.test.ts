/**
 * bfloat16: products of rounded numbers are summed in float32, activations are rounded once more, and a net still
 * learns.
 */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import '@vgg/testing';
import { createVgg, heInitialiser } from '@vgg/models';
import { lossAndGradients, MomentumSgd, softmaxCrossEntropy } from '@vgg/optim';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadNative } from '../src/load';
import { isBuilt, reason } from './native-build';
import {
  convolutionAt,
  filterGradientAt,
  type Geometry,
  geometryOf,
  inputGradientAt,
  normals,
  places,
  relativeError,
} from './reference';

const able = isBuilt && loadNative().bf16;
const why = isBuilt && !able ? ' (skipped: this processor has no bfloat16)' : reason;

/** Rounds to the nearest bfloat16, ties to even, as the backend does before it multiplies. */
function rounded(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.slice().buffer);
  return new Float32Array(bits.map((b) => (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000).buffer);
}

/** Largest relative error of one rounding: half the distance between neighbours, which is 2^-7 of a power of two. */
const ROUNDING = 2 ** -8;

/** Computes y, dx and dw of a convolution. */
function convolutionAndGradients(g: Geometry, x: Float32Array, filter: Float32Array, dy: Float32Array) {
  const run = (u: tf.Tensor, v: tf.Tensor) => tf.conv2d(u as tf.Tensor4D, v as tf.Tensor4D, g.stride, g.pad);
  return tf.tidy(() => {
    const operands = [tf.tensor4d(x, [g.n, g.h, g.w, g.cin]), tf.tensor4d(filter, [g.k, g.k, g.cin, g.cout])] as const;
    const gradients = tf.grads(run)([...operands], tf.tensor4d(dy, [g.n, g.oh, g.ow, g.cout]));
    return [run(...operands), ...gradients].map((t) => t.dataSync());
  });
}

describe.skipIf(!able)(`bfloat16${why}`, () => {
  beforeAll(async () => {
    const { configure, precision } = await import('../src/index');
    configure({ poison: true, precision: 'bfloat16' });
    expect(precision()).toBeUndefined();
    await tf.setBackend('onednn');
    expect(precision()).toBe('bfloat16');
  });

  it.each([
    { n: 2, h: 28, w: 27, cin: 72, cout: 120, k: 3, stride: 1, pad: 'same' },
    { n: 33, h: 9, w: 7, cin: 3, cout: 17, k: 3, stride: 1, pad: 'same' },
    { n: 33, h: 2, w: 2, cin: 32, cout: 64, k: 3, stride: 1, pad: 'same' },
    { n: 1, h: 14, w: 14, cin: 31, cout: 64, k: 1, stride: 2, pad: 'valid' },
  ] as const)('convolution $n × $h × $w × $cin → $cout, $k × $k', (c) => {
    const g = geometryOf(c);
    const [x, filter] = [normals(g.n * g.h * g.w * g.cin, 1), normals(g.k * g.k * g.cin * g.cout, 2)];
    const dy = normals(g.n * g.oh * g.ow * g.cout, 4);
    const [y, dx, dw] = convolutionAndGradients(g, x, filter, dy);
    const [u, v, w] = [rounded(x), rounded(filter), rounded(dy)];
    const terms = g.k * g.k * Math.max(g.cin, g.cout, g.n * g.oh * g.ow);
    const check = (values: ArrayLike<number>, reference: (i: number) => number, rtol: number) => {
      const at = places(values.length, 60);
      const expected = at.map(reference);
      // At worst, a sum in float32 is off by 2^-24 of its terms' size for each term.
      expect(at.map((i) => values[i]!)).toBeAllclose(expected, { rtol, atol: 2 ** -23 * terms });
    };
    // Activations and their gradients are rounded when they are stored, gradients of filters are not.
    check(y!, (i) => convolutionAt(g, u, v, i), ROUNDING);
    check(dx!, (i) => inputGradientAt(g, w, v, i), ROUNDING);
    check(dw!, (i) => filterGradientAt(g, u, w, i), 1e-5);
    // The backend did round: float32 would be closer to the exact result.
    const at = places(y!.length, 60);
    const error = relativeError(
      at.map((i) => y![i]!),
      at.map((i) => convolutionAt(g, x, filter, i)),
    );
    expect(error).toBeGreaterThan(1e-4);
    expect(error).toBeLessThan(5e-3);
  });

  it.skipIf(isBuilt && loadNative().amx)(
    'computes wide convolutions by Winograd in float32 and rounds only the stored result',
    () => {
      const g = geometryOf({ n: 8, h: 48, w: 47, cin: 128, cout: 128, k: 3, stride: 1, pad: 'same' });
      const [x, filter] = [normals(g.n * g.h * g.w * g.cin, 1), normals(g.k * g.k * g.cin * g.cout, 2)];
      const dy = normals(g.n * g.oh * g.ow * g.cout, 4);
      const [y, dx, dw] = convolutionAndGradients(g, x, filter, dy);
      const check = (values: ArrayLike<number>, reference: (i: number) => number, rtol: number, terms: number) => {
        const at = places(values.length, 60);
        expect(at.map((i) => values[i]!)).toBeAllclose(at.map(reference), { rtol, atol: 2 ** -23 * terms });
      };
      check(y!, (i) => convolutionAt(g, x, filter, i), ROUNDING, g.k * g.k * g.cin);
      check(dx!, (i) => inputGradientAt(g, dy, filter, i), ROUNDING, g.k * g.k * g.cout);
      check(dw!, (i) => filterGradientAt(g, x, dy, i), 1e-5, g.n * g.oh * g.ow);
    },
  );

  it.each([
    [false, false, 33],
    [true, false, 33],
    [false, true, 33],
    [false, false, 1],
    [true, false, 2],
    [false, true, 3],
  ])('matrix product, transposed %s and %s, %i rows', (transposeA, transposeB, rows) => {
    const [inner, columns] = [300, 65];
    const [a, b] = [normals(rows * inner, 1), normals(inner * columns, 2)];
    const product = tf.tidy(() =>
      tf
        .matMul(
          tf.tensor2d(a, transposeA ? [inner, rows] : [rows, inner]),
          tf.tensor2d(b, transposeB ? [columns, inner] : [inner, columns]),
          transposeA,
          transposeB,
        )
        .dataSync(),
    );
    const expected = Array.from(product, (_, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let k = 0; k < inner; k++) {
        sum +=
          a[transposeA ? k * rows + row : row * inner + k]! *
          b[transposeB ? column * inner + k : k * columns + column]!;
      }
      return sum;
    });
    expect(relativeError(Array.from(product), expected)).toBeLessThan(3e-3);
  });

  it.each([
    [1, 300, 65],
    [8, 47, 130],
    [9, 1, 7],
    [31, 64, 33],
    [32, 35, 16],
  ])('%i rows of %i times %i columns in training, with bias, ReLU and gradient', (rows, inner, columns) => {
    const [a, b, bias, dy] = [rows * inner, inner * columns, columns, rows * columns].map((n, i) => normals(n, i + 1));
    const [y, da] = tf.tidy(() => {
      const multiply = (u: tf.Tensor) => {
        const weights = tf.tensor2d(b!, [inner, columns]);
        return tf.fused.matMul({ a: u as tf.Tensor2D, b: weights, bias: tf.tensor1d(bias!), activation: 'relu' });
      };
      const { value, grad } = tf.valueAndGrad(multiply)(
        tf.tensor2d(a!, [rows, inner]),
        tf.tensor2d(dy!, [rows, columns]),
      );
      return [value.dataSync(), grad.dataSync()];
    });
    const [u, v, w] = [rounded(a!), rounded(b!), rounded(dy!)];
    const [expectedY, expectedDa] = [new Float64Array(rows * columns), new Float64Array(rows * inner)];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = bias![j]!;
        for (let k = 0; k < inner; k++) sum += u[i * inner + k]! * v[k * columns + j]!;
        expectedY[i * columns + j] = Math.max(0, sum);
        if (!(y![i * columns + j]! > 0)) continue;
        for (let k = 0; k < inner; k++) expectedDa[i * inner + k]! += w[i * columns + j]! * v[k * columns + j]!;
      }
    }
    expect(y).toBeAllclose(Array.from(expectedY), { rtol: 1e-5, atol: 1e-4 });
    expect(da).toBeAllclose(Array.from(expectedDa), { rtol: 1e-5, atol: 1e-4 });
  });

  it.each([
    { n: 33, side: 30, inputs: 16, channels: 24 },
    { n: 33, side: 2, inputs: 16, channels: 32 },
    { n: 8, side: 48, inputs: 128, channels: 128 },
  ])("computes a bias's gradient together with the filter's, $inputs → $channels", ({ n, side, inputs, channels }) => {
    tf.tidy(() => {
      const dy = rounded(normals(n * side * side * channels, 6));
      const sums = new Float64Array(channels);
      for (const [i, value] of dy.entries()) sums[i % channels]! += value;
      const x = tf.tensor(normals(n * side * side * inputs, 7), [n, side, side, inputs]);
      const gradient = tf.tensor(dy, [n, side, side, channels]);
      const geometry = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1] };
      const attributes = { ...geometry, filterShape: [3, 3, inputs, channels] };
      tf.engine().runKernel('Conv2DBackpropFilter', { x, dy: gradient }, attributes);
      expect(tf.sum(gradient, [0, 1, 2])).toBeAllclose(Array.from(sums), { rtol: 1e-5, atol: 1e-2 });
      expect(tf.sum(gradient, [0, 1, 2], true).shape).toEqual([1, 1, 1, channels]);
      // A view with half as many channels has other channel sums.
      const half = channels / 2;
      const pairs = new Float32Array(half);
      for (const [i, value] of sums.entries()) pairs[i % half]! += value;
      const reshaped = tf.reshape(gradient, [n, side, side * 2, half]);
      expect(tf.sum(reshaped, [0, 1, 2])).toBeAllclose(Array.from(pairs), { rtol: 1e-5, atol: 1e-2 });
      expect(tf.mean(gradient, [0, 1, 2])).toBeAllclose(
        Array.from(sums, (sum) => sum / (n * side * side)),
        { rtol: 1e-5, atol: 1e-6 },
      );
    });
  });

  it('reads tensors that are held as bfloat16 in every kernel', async () => {
    const [n, side, channels] = [3, 9, 24];
    const operations: Record<string, (y: tf.Tensor4D) => tf.Tensor> = {
      relu: (y) => tf.relu(y),
      'max pool': (y) => tf.maxPool(y, 2, 2, 'valid'),
      'padded max pool': (y) => tf.maxPool(y, 3, 2, 'same'),
      sum: (y) => tf.sum(y, [0, 1, 2]),
      slice: (y) => tf.slice(y, [1, 2, 0, 3], [2, 4, 9, 5]),
      transpose: (y) => tf.transpose(y, [0, 3, 1, 2]),
      add: (y) => tf.add(y, 1),
      concat: (y) => tf.concat([y, y], 3),
      'batch norm': (y) => tf.batchNorm(y, tf.zeros([channels]), tf.ones([channels])),
      LRN: (y) => tf.localResponseNormalization(y, 2),
      softmax: (y) => tf.softmax(tf.reshape(y, [n, -1])),
      'top k': (y) => tf.topk(tf.reshape(y, [n, -1]), 3).values,
      'on the CPU kernel': (y) => tf.avgPool(y, 2, 2, 'valid'),
    };
    tf.tidy(() => {
      const x = tf.tensor4d(normals(n * side * side * 8, 1), [n, side, side, 8]);
      const filter = tf.tensor4d(normals(3 * 3 * 8 * channels, 2), [3, 3, 8, channels]);
      const convolved = () => tf.conv2d(x, filter, 1, 'same');
      const copy = tf.tensor4d(convolved().dataSync() as Float32Array, [n, side, side, channels]);
      for (const [name, operation] of Object.entries(operations)) {
        const [held, plain] = [operation(convolved()).dataSync(), operation(copy).dataSync()];
        // Kernels that keep bfloat16 round their result once more.
        expect(held, name).toBeAllclose(Array.from(plain), { rtol: ROUNDING, atol: 1e-6 });
      }
    });
  });

  it.each([
    { way: 'by Winograd', inputs: 32, filters: 48, side: 26 },
    { way: 'by Winograd, odd sides', inputs: 64, filters: 64, side: 27 },
    { way: 'directly', inputs: 3, filters: 16, side: 13 },
  ])('fuses the pool after a convolution and ReLU, $way, with the bits of a separate pool', (c) => {
    tf.tidy(() => {
      const x = tf.tensor4d(normals(2 * c.side * c.side * c.inputs, 1), [2, c.side, c.side, c.inputs]);
      const filter = tf.tensor4d(normals(9 * c.inputs * c.filters, 2), [3, 3, c.inputs, c.filters]);
      const rectified = () => tf.relu(tf.conv2d(x, filter, 1, 'same'));
      const whole = rectified();
      whole.dataSync();
      const expected = tf.maxPool(whole, 2, 2, 'valid').dataSync();
      const unread = rectified();
      const pooled = tf.maxPool(unread, 2, 2, 'valid');
      unread.dispose();
      expect(pooled.dataSync()).toEqual(expected);
      expect(expected.some((value) => value > 0)).toBe(true);
    });
  });

  it('learns: the loss of a small net falls on its training batch', async () => {
    const model = createVgg(
      { configuration: 'A', inputSize: 32, width: 1 / 8, classes: 4, dropout: 0 },
      heInitialiser({ seed: 1 }),
    );
    const optimiser = new MomentumSgd();
    const images = tf.tensor4d(randomStream(1, 'images').fillNormal(new Float32Array(8 * 32 * 32 * 3)), [8, 32, 32, 3]);
    const losses: number[] = [];
    for (let step = 0; step < 40; step++) {
      const { loss, gradients } = lossAndGradients(
        () => softmaxCrossEntropy(model.apply(images, { training: true }).logits, [0, 1, 2, 3, 0, 1, 2, 3]),
        model.trainable,
      );
      optimiser.step(model.trainable, gradients, 0.003);
      losses.push((await loss.data())[0]!);
      tf.dispose([loss, ...gradients.values()]);
    }
    expect(losses.at(-1)).toBeLessThan(0.5);
    optimiser.dispose();
    model.dispose();
    images.dispose();
  });
});
