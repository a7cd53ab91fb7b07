/**
 * Times kernels and whole training steps of narrow VGG-A nets (section 2 of the paper) on the backend 'wasm'.
 * `bench.mjs` bundles and runs it twice: with the stock backend, which gets its missing kernel from the CPU backend,
 * and with @vgg/backend-wasm.
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { setup } from 'variant';

const STAGES = [[64], [128], [256, 256], [512, 512], [512, 512]];

await setup();
await tf.setBackend('wasm');

/**
 * Returns the milliseconds of the fastest of `repeats` runs of `fn`, without the first. Starts no run after two
 * seconds.
 */
function time(fn, repeats) {
  const begin = performance.now();
  let fastest = Number.POSITIVE_INFINITY;
  tf.dispose(fn());
  for (let i = 0; i < repeats && (i === 0 || performance.now() - begin < 2000); i++) {
    const start = performance.now();
    tf.dispose(fn());
    fastest = Math.min(fastest, performance.now() - start);
  }
  return fastest;
}

/** Times a convolution of 3 × 3, its gradients, pooling, sums and LRN. `work`: floating-point operations. */
function kernels(batch, side, inputs, outputs, repeats) {
  const x = tf.randomNormal([batch, side, side, inputs]);
  const filter = tf.randomNormal([3, 3, inputs, outputs]);
  const dy = tf.randomNormal([batch, side, side, outputs]);
  const pooled = tf.randomNormal([batch, side / 2, side / 2, outputs]);
  const y = tf.maxPool(dy, 2, 2, 'valid');
  const attrs = { strides: 1, pad: 'same', dataFormat: 'NHWC' };
  const run = (name, inputs, attributes) => tf.engine().runKernel(name, inputs, attributes);
  const pool = { filterSize: 2, strides: 2, pad: 'valid' };
  const work = 2 * 9 * batch * side * side * inputs * outputs;
  const rows = {
    Conv2D: [() => run('Conv2D', { x, filter }, { ...attrs, dilations: [1, 1] }), work],
    Conv2DBackpropInput: [() => run('Conv2DBackpropInput', { dy, filter }, { ...attrs, inputShape: x.shape }), work],
    Conv2DBackpropFilter: [() => run('Conv2DBackpropFilter', { x, dy }, { ...attrs, filterShape: filter.shape }), work],
    MaxPoolGrad: [() => run('MaxPoolGrad', { dy: pooled, input: dy, output: y }, pool), 0],
    'Sum, bias gradient': [() => tf.sum(dy, [0, 1, 2]), 0],
    LRN: [() => tf.localResponseNormalization(dy, 2, 2, 1e-4, 0.75), 0],
  };
  const result = Object.entries(rows).map(([name, [fn, flops]]) => ({ name, ms: time(fn, repeats), flops }));
  tf.dispose([x, filter, dy, pooled, y]);
  return result;
}

function products(batch, inputs, outputs, repeats) {
  const [x, w, dy] = [
    [batch, inputs],
    [inputs, outputs],
    [batch, outputs],
  ].map((shape) => tf.randomNormal(shape));
  const flops = 2 * batch * inputs * outputs;
  const result = [
    { name: 'BatchMatMul', ms: time(() => tf.matMul(x, w), repeats), flops },
    { name: 'BatchMatMul, A transposed', ms: time(() => tf.matMul(x, dy, true), repeats), flops },
    { name: 'BatchMatMul, B transposed', ms: time(() => tf.matMul(dy, w, false, true), repeats), flops },
  ];
  tf.dispose([x, w, dy]);
  return result;
}

/** Times a step (loss, gradients, momentum SGD) and counts the floating-point operations of its convolutions. */
function step(batch, side, width, batchNorm, repeats) {
  const variables = [];
  const variable = (shape, sigma, mean = 0) => {
    variables.push(tf.tidy(() => tf.variable(tf.randomNormal(shape, mean, sigma))));
    return variables.at(-1);
  };
  let inputs = 3;
  let size = side;
  let flops = 0;
  const stages = STAGES.map((widths) => {
    const layers = widths.map((full) => {
      const outputs = Math.round(full * width);
      flops += (inputs === 3 ? 2 : 3) * 2 * 9 * batch * size * size * inputs * outputs;
      const layer = {
        weight: variable([3, 3, inputs, outputs], Math.sqrt(2 / (9 * inputs))),
        bias: variable([outputs], 0),
        norm: batchNorm && [variable([outputs], 0), variable([outputs], 0, 1)],
      };
      inputs = outputs;
      return layer;
    });
    size /= 2;
    return layers;
  });
  const features = inputs * size * size;
  const hidden = Math.round(4096 * width);
  const fullyConnected = [features, hidden, hidden, 10].slice(1).map((outputs, i, all) => {
    const from = i === 0 ? features : all[i - 1];
    return [variable([from, outputs], Math.sqrt(2 / from)), variable([outputs], 0)];
  });
  const images = tf.randomNormal([batch, side, side, 3]);
  const labels = tf.oneHot(
    Array.from({ length: batch }, (_, i) => i % 10),
    10,
  );
  const mask = tf.tidy(() => tf.mul(tf.cast(tf.greater(tf.randomUniform([batch, hidden]), 0.5), 'float32'), 2));
  const loss = () => {
    let x = images;
    for (const layers of stages) {
      for (const { weight, bias, norm } of layers) {
        x = tf.add(tf.conv2d(x, weight, 1, 'same'), bias);
        if (norm) {
          const { mean, variance } = tf.moments(x, [0, 1, 2]);
          x = tf.batchNorm(x, mean, variance, norm[0], norm[1], 1e-5);
        }
        x = tf.relu(x);
      }
      x = tf.maxPool(x, 2, 2, 'valid');
    }
    x = tf.reshape(x, [batch, features]);
    fullyConnected.forEach(([weight, bias], i) => {
      x = tf.add(tf.matMul(x, weight), bias);
      if (i < fullyConnected.length - 1) x = tf.mul(tf.relu(x), mask);
    });
    return tf.neg(tf.mean(tf.sum(tf.mul(labels, tf.logSoftmax(x)), 1)));
  };
  const velocities = variables.map((v) => tf.tidy(() => tf.variable(tf.zerosLike(v))));
  const ms = time(
    () =>
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(loss, variables);
        variables.forEach((v, i) => {
          const decayed = tf.add(grads[v.name], tf.mul(v, 5e-4));
          velocities[i].assign(tf.sub(tf.mul(velocities[i], 0.9), tf.mul(decayed, 0.001)));
          v.assign(tf.add(v, velocities[i]));
        });
        return value.dataSync();
      }),
    repeats,
  );
  tf.dispose([...variables, ...velocities, images, labels, mask]);
  return {
    name: `${side}², batch ${batch}, width ${width}${batchNorm ? ', batch norm' : ''}`,
    ms,
    flops,
    images: batch,
  };
}

const repeats = Number(process.argv[2]);
const results = {
  'convolution 4 × 32² × 64 → 64': kernels(4, 32, 64, 64, repeats),
  'convolution 16 × 8² × 64 → 128': kernels(16, 8, 64, 128, repeats),
  'matrix product 64 × 512 → 1024': products(64, 512, 1024, repeats),
  'training steps': [
    step(32, 32, 0.25, false, repeats),
    step(32, 32, 0.25, true, repeats),
    step(8, 64, 0.25, false, repeats),
  ],
};
console.log(JSON.stringify(results));
process.exit(0);
