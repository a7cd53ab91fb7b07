/** Kernels and their gradients with inputs so large that several threads take parts of them. */
import * as tf from '@tensorflow/tfjs-core';

/** Name, shapes of the inputs, and what is computed of them. */
export type Case = readonly [
  name: string,
  shapes: readonly (readonly number[])[],
  fn: (...inputs: tf.Tensor[]) => tf.Tensor[],
];

const conv = (stride: number, pad: 'same' | 'valid') => (x: tf.Tensor, filter: tf.Tensor, dy: tf.Tensor) => {
  const convolve = (a: tf.Tensor, b: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad);
  return [convolve(x, filter), ...tf.grads(convolve)([x, filter], dy)];
};

const product = (transposeA: boolean, transposeB: boolean) => (a: tf.Tensor, b: tf.Tensor) => [
  tf.matMul(a, b, transposeA, transposeB),
];

const pool = (size: number, stride: number, pad: 'same' | 'valid') => (x: tf.Tensor) => [
  tf.grad((a) => tf.sum(tf.square(tf.maxPool(a as tf.Tensor4D, size, stride, pad))))(x),
];

const run = (name: string, inputs: object, attributes: object = {}) =>
  [tf.engine().runKernel(name, inputs as tf.NamedTensorMap, attributes as tf.NamedAttrMap)].flat() as tf.Tensor[];

/** Each kernel that is divided in parts, large enough to be. */
export const CASES: readonly Case[] = [
  [
    'convolutions of whole images',
    [
      [9, 12, 10, 12],
      [3, 3, 12, 20],
      [9, 12, 10, 20],
    ],
    conv(1, 'same'),
  ],
  [
    'convolutions of one large image',
    [
      [1, 61, 50, 9],
      [3, 3, 9, 17],
      [1, 61, 50, 17],
    ],
    conv(1, 'same'),
  ],
  [
    'convolutions of few pixels',
    [
      [3, 2, 2, 160],
      [3, 3, 160, 200],
      [3, 2, 2, 200],
    ],
    conv(1, 'same'),
  ],
  [
    'convolutions with stride 2',
    [
      [3, 31, 31, 8],
      [3, 3, 8, 24],
      [3, 16, 16, 24],
    ],
    conv(2, 'same'),
  ],
  [
    'gradients of small filters of two groups of images',
    [
      [9, 33, 31, 5],
      [3, 3, 5, 13],
      [9, 33, 31, 13],
    ],
    conv(1, 'same'),
  ],
  [
    'gradients of small filters of three groups of images',
    [
      [16, 40, 40, 3],
      [3, 3, 3, 8],
      [16, 40, 40, 8],
    ],
    conv(1, 'same'),
  ],
  [
    'convolutions 1 × 1',
    [
      [3, 30, 31, 24],
      [1, 1, 24, 40],
      [3, 30, 31, 40],
    ],
    conv(1, 'valid'),
  ],
  [
    'a product',
    [
      [67, 530],
      [530, 121],
    ],
    product(false, false),
  ],
  [
    'a product with A transposed',
    [
      [530, 67],
      [530, 121],
    ],
    product(true, false),
  ],
  [
    'a product with A transposed and more rows than columns',
    [
      [530, 121],
      [530, 67],
    ],
    product(true, false),
  ],
  [
    'a product with B transposed',
    [
      [67, 530],
      [121, 530],
    ],
    product(false, true),
  ],
  [
    'a product with few columns',
    [
      [602, 530],
      [530, 5],
    ],
    product(false, false),
  ],
  [
    'a product with one row',
    [
      [1, 2000],
      [2000, 1001],
    ],
    product(false, false),
  ],
  [
    'products of a batch',
    [
      [3, 66, 80],
      [3, 80, 300],
    ],
    product(false, false),
  ],
  ['sums and means', [[5, 70, 60, 13]], (x) => [tf.sum(x, [0, 1, 2]), tf.mean(x, [0, 1])]],
  ['the gradient of VGG’s pooling', [[3, 70, 60, 24]], pool(2, 2, 'valid')],
  ['the gradient of VGG’s pooling of an odd size', [[3, 71, 61, 24]], pool(2, 2, 'valid')],
  ['the gradient of other pooling', [[9, 31, 33, 13]], pool(3, 2, 'same')],
  [
    'batch norm and its gradient',
    [[7, 31, 33, 19], [19], [19]],
    (x, offset, scale) => {
      const norm = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => {
        const { mean, variance } = tf.moments(a, [0, 1, 2]);
        return tf.batchNorm4d(a as tf.Tensor4D, mean as never, variance as never, b as never, c as never);
      };
      return [
        norm(x, offset, scale),
        ...tf.grads((...t) => tf.sum(tf.square(norm(t[0]!, t[1]!, t[2]!))))([x, offset, scale]),
      ];
    },
  ],
  [
    'element-wise kernels',
    [[9, 61, 50, 7], [9, 61, 50, 7], [7]],
    (x, y, bias) => [
      tf.add(x, y),
      tf.add(x, bias),
      tf.mul(x, 0.3),
      tf.sub(bias, y),
      tf.squaredDifference(x, y),
      tf.step(x),
      tf.addN([x, y, x]),
      ...tf.grads((a) => tf.square(tf.relu(a!)))([x], y),
    ],
  ],
  ['VGG’s pooling', [[5, 71, 61, 13]], (x) => [tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')]],
  [
    'a convolution with bias and ReLU',
    [[9, 12, 10, 12], [3, 3, 12, 21], [21]],
    (x, filter, bias) => [
      tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same', activation: 'relu' } as never) as tf.Tensor,
    ],
  ],
  [
    'a product with bias and ReLU',
    [[67, 530], [530, 121], [121]],
    (a, b, bias) => [tf.fused.matMul({ a, b, bias, activation: 'relu' } as never) as tf.Tensor],
  ],
  [
    'kernels for training',
    [
      [300, 1001],
      [300, 1001],
    ],
    (x, y) => [
      ...run('MomentumSgd', { weights: x.clone(), gradient: y }, { a: 0.3, b: 0.1, m: 0, c: 0.7 }),
      ...run('SumOfSquares', { 0: x, 1: y }),
      ...run('AddressedDropout', { x }, { rate: 0.4, key: [3, 2 ** 31 + 5], start: 7 }),
    ],
  ],
  [
    'batch norm in training and its gradient',
    [[7, 31, 33, 19], [7, 31, 33, 19], [19], [19]],
    (x, dy, offset, scale) => {
      const [mean, variance] = run('ChannelMoments', { x }) as [tf.Tensor, tf.Tensor];
      const inputs = { x, mean, variance, scale, offset };
      const attributes = { varianceEpsilon: 1e-5, relu: true, ofBatch: true };
      return [...run('ChannelNorm', inputs, attributes), ...run('ChannelNormGrad', { ...inputs, dy }, attributes)];
    },
  ],
  [
    'local response normalisation and its gradient',
    [[3, 31, 33, 19]],
    (x) => {
      const lrn = (a: tf.Tensor) => tf.localResponseNormalization(a as tf.Tensor4D, 2, 2, 1e-4, 0.75);
      return [lrn(x), tf.grad((a) => tf.sum(tf.square(lrn(a))))(x)];
    },
  ],
];
