/** Jobs of `threads-page.mjs` on TF.js's backend 'wasm', the stock one or ours. */
import * as tf from '@tensorflow/tfjs-core';
import { nameOf } from './threads-jobs.mjs';

/** Returns the jobs; `gradients`: also gradients and a training step, which the stock backend lacks or is slow at. */
export function createJobs({ convolutions, net, gradients }) {
  const jobs = {};
  const run = (name, inputs, attributes) => tf.engine().runKernel(name, inputs, attributes);
  for (const convolution of convolutions) {
    const [batch, side, inputs, outputs] = convolution;
    const x = tf.randomNormal([batch, side, side, inputs], 0, 1, 'float32', 1);
    const filter = tf.randomNormal([3, 3, inputs, outputs], 0, 0.1, 'float32', 2);
    const dy = tf.randomNormal([batch, side, side, outputs], 0, 1, 'float32', 3);
    const attributes = { strides: 1, pad: 'same', dataFormat: 'NHWC', dilations: [1, 1] };
    const name = nameOf(convolution);
    jobs[`convolution ${name}`] = () => run('Conv2D', { x, filter }, attributes).dispose();
    if (!gradients) continue;
    jobs[`gradient by the input ${name}`] = () =>
      run('Conv2DBackpropInput', { dy, filter }, { ...attributes, inputShape: x.shape }).dispose();
    jobs[`gradient by the filter ${name}`] = () =>
      run('Conv2DBackpropFilter', { x, dy }, { ...attributes, filterShape: filter.shape }).dispose();
  }
  const forward = createNet(net);
  const images = tf.randomNormal([net.batch, net.side, net.side, 3], 0, 1, 'float32', 4);
  jobs['inference of the net'] = () => tf.tidy(() => forward.apply(images).dataSync());
  if (gradients) {
    const small = createNet({ ...net, side: 32, classes: 10 });
    const batch = tf.randomNormal([32, 32, 32, 3], 0, 1, 'float32', 5);
    const labels = tf.oneHot(
      Array.from({ length: 32 }, (_, i) => i % 10),
      10,
    );
    const loss = () => tf.neg(tf.mean(tf.sum(tf.mul(labels, tf.logSoftmax(small.apply(batch))), 1)));
    jobs['training step, 32 × 32²'] = () =>
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(loss, small.variables);
        for (const v of small.variables) v.assign(tf.sub(v, tf.mul(grads[v.name], 1e-4)));
        return value.dataSync();
      });
  }
  return jobs;
}

function createNet({ side, stages, hidden, classes }) {
  const variables = [];
  const variable = (shape, deviation) => {
    variables.push(tf.tidy(() => tf.variable(tf.randomNormal(shape, 0, deviation, 'float32', variables.length + 9))));
    return variables.at(-1);
  };
  let inputs = 3;
  const convolutions = stages.map((widths) =>
    widths.map((outputs) => {
      const filter = variable([3, 3, inputs, outputs], Math.sqrt(2 / (9 * inputs)));
      inputs = outputs;
      return { filter, bias: variable([outputs], 0) };
    }),
  );
  let units = inputs * Math.floor(side / 32) ** 2;
  const dense = [hidden, hidden, classes].map((outputs) => {
    const matrix = variable([units, outputs], Math.sqrt(2 / units));
    units = outputs;
    return { matrix, bias: variable([outputs], 0) };
  });
  const apply = (images) => {
    let x = images;
    for (const layers of convolutions) {
      for (const { filter, bias } of layers) x = tf.relu(tf.add(tf.conv2d(x, filter, 1, 'same'), bias));
      x = tf.maxPool(x, 2, 2, 'valid');
    }
    x = tf.reshape(x, [x.shape[0], -1]);
    dense.forEach(({ matrix, bias }, i) => {
      x = tf.add(tf.matMul(x, matrix), bias);
      if (i < dense.length - 1) x = tf.relu(x);
    });
    return x;
  };
  return { variables, apply };
}
