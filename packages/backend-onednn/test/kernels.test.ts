/** The other native kernels at large and odd sizes, compared with TF.js's CPU backend, with poisoned buffers. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { sizeOf } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LARGE } from '../src/fallbacks';
import { isBuilt, reason } from './native-build';
import { normals } from './reference';

type Operation = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

interface Input {
  shape: number[];
  values: Float32Array | Int32Array;
  dtype?: 'float32' | 'int32';
}

const floats = (...shape: number[]): Input => ({
  shape,
  values: normals(sizeOf(shape), ...shape),
});
const positive = (...shape: number[]): Input => {
  const { values } = floats(...shape);
  return { shape, values: (values as Float32Array).map((v) => Math.abs(v) + 0.1) };
};
/** Many equal numbers and zeros, as after a ReLU. */
const rounded = (...shape: number[]): Input => {
  const { values } = floats(...shape);
  return { shape, values: (values as Float32Array).map((v) => Math.max(0, Math.round(v * 2))) };
};
const integers = (below: number, ...shape: number[]): Input => ({
  shape,
  values: Int32Array.from(floats(...shape).values, (v) => Math.floor(Math.abs(v) * 1000) % below),
  dtype: 'int32',
});

async function results(backend: string, operation: Operation, inputs: readonly Input[]) {
  await tf.setBackend(backend);
  return expectNoLeak(() => {
    const outputs = tf.tidy(() => {
      const tensors = inputs.map(({ values, shape, dtype = 'float32' }) => tf.tensor(values, shape, dtype));
      const y = operation(...tensors);
      return (Array.isArray(y) ? y : [y]).map((t) => ({ shape: t.shape, dtype: t.dtype, values: t.dataSync() }));
    });
    return outputs;
  });
}

/** An operation and its gradients for a fixed dy. */
function withGradients(operation: (...inputs: tf.Tensor[]) => tf.Tensor): Operation {
  return (...inputs) => {
    const y = operation(...inputs);
    const dy = tf.tensor(normals(y.size, 5), y.shape);
    return [y, ...tf.grads(operation)(inputs, dy)];
  };
}

const moments = (x: tf.Tensor) => {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return tf.concat([mean, variance]);
};
const pool = (size: number, stride: number, pad: 'same' | 'valid') => (x: tf.Tensor) =>
  tf.maxPool(x as tf.Tensor4D, size, stride, pad);

/** Name, operation, inputs, and the tolerance relative to the largest number. Default 1e-6. */
const CASES: readonly (readonly [string, Operation, readonly Input[], number?])[] = [
  ['max pool 2×2', withGradients(pool(2, 2, 'valid')), [rounded(33, 14, 14, 64)]],
  ['max pool 2×2 on an odd image', withGradients(pool(2, 2, 'valid')), [rounded(1, 15, 7, 19)]],
  ['max pool 3×3, stride 2, same', withGradients(pool(3, 2, 'same')), [rounded(2, 14, 9, 33)]],
  [
    'max pool 3×2, stride 1, same',
    withGradients((x) => tf.maxPool(x as tf.Tensor4D, [3, 2], 1, 'same')),
    [floats(2, 8, 9, 3)],
  ],
  ['matMul', withGradients((a, b) => tf.matMul(a, b)), [floats(33, 700), floats(700, 129)], 1e-5],
  ['matMul at batch 1', withGradients((a, b) => tf.matMul(a, b)), [floats(1, 4096), floats(4096, 100)], 1e-5],
  ['matMul, a transposed', withGradients((a, b) => tf.matMul(a, b, true)), [floats(70, 33), floats(70, 40)], 1e-5],
  [
    'matMul, b transposed',
    withGradients((a, b) => tf.matMul(a, b, false, true)),
    [floats(33, 70), floats(40, 70)],
    1e-5,
  ],
  ['matMul, both transposed', (a, b) => tf.matMul(a!, b!, true, true), [floats(70, 33), floats(40, 70)], 1e-5],
  ['matMul of batches', withGradients((a, b) => tf.matMul(a, b)), [floats(3, 5, 7), floats(3, 7, 4)], 1e-5],
  ['matMul of a batch and a matrix', (a, b) => tf.matMul(a!, b!), [floats(3, 5, 7), floats(1, 7, 4)], 1e-5],
  [
    'fused matMul with bias and ReLU',
    (a, b, bias) => tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias: bias!, activation: 'relu' }),
    [floats(33, 70), floats(70, 41), floats(41)],
    1e-5,
  ],
  ['softmax', (x) => tf.softmax(x!), [floats(33, 1000)]],
  ['cross-entropy', withGradients((x) => tf.logSoftmax(x)), [floats(33, 1000)], 1e-5],
  [
    'LRN of AlexNet',
    withGradients((x) => tf.localResponseNormalization(x as tf.Tensor4D, 2, 2, 1e-4, 0.75)),
    [floats(2, 27, 27, 64)],
    1e-5,
  ],
  [
    'LRN, other power',
    withGradients((x) => tf.localResponseNormalization(x as tf.Tensor4D, 3, 1, 0.3, 0.6)),
    [floats(2, 5, 4, 9)],
    1e-5,
  ],
  ['moments', withGradients(moments), [floats(5, 28, 27, 33)], 1e-5],
  [
    'batch norm',
    withGradients((x, mean, variance, offset, scale) =>
      tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D, offset as tf.Tensor1D, scale as tf.Tensor1D),
    ),
    [
      floats(5, 12, 11, 33),
      floats(33),
      positive(33),
      { shape: [33], values: normals(33, 8) },
      { shape: [33], values: normals(33, 9) },
    ],
    1e-5,
  ],
  ['sum over images and positions', (x) => tf.sum(x!, [0, 1, 2]), [floats(7, 56, 56, 64)], 1e-5],
  ['sum of everything', (x) => tf.sum(x!), [floats(7, 56, 56, 17)], 1e-5],
  ['sum over the last axis', (x) => tf.sum(x!, -1, true), [floats(33, 1001)], 1e-5],
  ['sum over inner axes', (x) => tf.sum(x!, [1, 3]), [floats(13, 20, 30, 17)], 1e-5],
  ['mean over rows', (x) => tf.mean(x!, 0), [floats(1000, 33)], 1e-5],
  ['max, min and product', (x) => [tf.max(x!, 1), tf.min(x!, 0), tf.prod(x!, 1)], [floats(300, 170)], 1e-4],
  ['argMax and argMin', (x) => [tf.argMax(x!, -1), tf.argMin(x!, 0)], [rounded(65, 1000)]],
  ['topk', (x) => Object.values(tf.topk(x!, 5)) as tf.Tensor[], [rounded(65, 1000)]],
  [
    'arithmetic',
    withGradients((a, b) => tf.div(tf.add(tf.mul(a, b), tf.sub(a, b)), tf.maximum(tf.square(b), 0.5))),
    [floats(300, 301), floats(300, 301)],
    1e-5,
  ],
  ['a scalar on the left and the right', (a) => tf.add(tf.sub(3, a!), tf.div(a!, 7)), [floats(100_003)]],
  ['a vector along the channels', withGradients((a, b) => tf.mul(a, b)), [floats(9, 30, 31, 17), floats(17)], 1e-5],
  ['a column along the rows', (a, b) => tf.sub(a!, b!), [floats(200, 300), floats(200, 1)]],
  ['outer broadcasting', (a, b) => tf.minimum(a!, b!), [floats(40, 1, 30), floats(1, 50, 1)]],
  [
    'comparisons',
    (a, b) => [tf.equal(a!, b!), tf.notEqual(a!, b!), tf.greater(a!, b!), tf.lessEqual(a!, b!)],
    [rounded(300, 301), rounded(301)],
  ],
  ['comparison of integers', (a, b) => tf.cast(tf.equal(a!, b!), 'float32'), [integers(10, 5000), integers(10, 5000)]],
  [
    'functions',
    (a) => [tf.exp(a!), tf.log(a!), tf.sqrt(a!), tf.rsqrt(a!), tf.tanh(a!), tf.sigmoid(a!)],
    [positive(40_001)],
  ],
  [
    'rounding',
    (a) => [tf.floor(a!), tf.ceil(a!), tf.abs(a!), tf.neg(a!), tf.clipByValue(a!, -0.5, 1)],
    [floats(40_001)],
  ],
  ['relu and its variants', withGradients((a) => tf.add(tf.relu(a), tf.leakyRelu(tf.relu6(a), 0.1))), [floats(40_001)]],
  ['casts', (a) => [tf.cast(tf.mul(a!, 100), 'int32'), tf.cast(a!, 'bool')], [rounded(40_001)]],
  ['where', (a, b) => tf.where(tf.greater(a!, b!), a!, b!), [floats(300, 301), floats(300, 301)]],
  [
    'transposes',
    (a) => [tf.transpose(a!), tf.transpose(a!, [0, 2, 1, 3]), tf.transpose(a!, [3, 0, 1, 2])],
    [floats(3, 31, 20, 33)],
  ],
  ['slices', withGradients((a) => tf.slice(a, [1, 3, 2], [2, 50, 30])), [floats(4, 60, 33)]],
  ['split', (a) => tf.split(a!, [5, 20, 8], 1), [floats(40, 33, 21)]],
  ['flip', (a) => [tf.image.flipLeftRight(a as tf.Tensor4D), tf.reverse(a!, [0, 3])], [floats(3, 30, 31, 5)]],
  ['tile', withGradients((a) => tf.tile(a, [2, 1, 3])), [floats(20, 31, 7)]],
  [
    'pad',
    withGradients((a) =>
      tf.pad(
        a,
        [
          [0, 0],
          [1, 2],
          [3, 0],
        ],
        0.5,
      ),
    ),
    [floats(20, 31, 27)],
  ],
  [
    'concat and stack',
    withGradients((a, b) => tf.concat([a, tf.stack([b, b], 1)], 1)),
    [floats(20, 31, 27), floats(20, 27)],
  ],
  ['gather', (a, b) => tf.gather(a!, b!, 1), [floats(20, 31, 27), integers(31, 100)]],
  ['oneHot', (a) => tf.oneHot(a!, 101), [integers(101, 300)]],
  ['resize up', (a) => tf.image.resizeBilinear(a as tf.Tensor4D, [50, 61]), [floats(3, 31, 20, 3)], 1e-5],
  [
    'resize down, aligned',
    (a) => tf.image.resizeBilinear(a as tf.Tensor4D, [13, 1], true),
    [floats(3, 31, 20, 5)],
    1e-5,
  ],
  [
    'resize, half pixels',
    (a) => tf.image.resizeBilinear(a as tf.Tensor4D, [17, 40], false, true),
    [floats(3, 31, 20, 5)],
    1e-5,
  ],
];

describe.skipIf(!isBuilt)(`kernels${reason}`, () => {
  let fallbacks: typeof import('../src/index').fallbacks;

  beforeAll(async () => {
    const onednn = await import('../src/index');
    onednn.configure({ poison: true });
    fallbacks = onednn.fallbacks;
    // Otherwise the CPU backend advertises another backend on its first use.
    tf.env().set('IS_NODE', false);
  });

  afterEach(() => {
    expect([...fallbacks()].filter(([, { largest }]) => largest >= LARGE)).toEqual([]);
  });

  const named = CASES.map(([name, operation, inputs, tolerance = 1e-6]) => ({ name, operation, inputs, tolerance }));
  it.each(named)('$name', async ({ operation, inputs, tolerance }) => {
    const expected = await results('cpu', operation, inputs);
    const actual = await results('onednn', operation, inputs);
    expect(actual.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
      expected.map(({ shape, dtype }) => ({ shape, dtype })),
    );
    expected.forEach(({ values }, i) => {
      const scale = (values as Float32Array).reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);
      expect(actual[i]!.values).toBeAllclose(values, { rtol: tolerance, atol: tolerance * scale });
    });
  });
});
