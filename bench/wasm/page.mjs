/** Trains for a few steps in a page and writes the result into its body, which `browser.mjs` reads. */
import '@vgg/backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { setWasmPaths, threads } from '@vgg/backend-wasm';

async function train() {
  setWasmPaths('/');
  await tf.setBackend('wasm');
  const images = tf.randomNormal([32, 32, 32, 3], 0, 1, 'float32', 1);
  const targets = tf.randomNormal([32, 32, 32, 16], 0, 1, 'float32', 2);
  const filter = tf.variable(tf.randomNormal([3, 3, 3, 16], 0, 0.1, 'float32', 3));
  const loss = () => tf.mean(tf.square(tf.sub(tf.relu(tf.conv2d(images, filter, 1, 'same')), targets)));
  const losses = [];
  for (let i = 0; i < 10; i++) {
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(loss, [filter]);
      losses.push(value.dataSync()[0]);
      filter.assign(tf.sub(filter, tf.mul(grads[filter.name], 0.5)));
    });
  }
  return {
    backend: tf.getBackend(),
    threads: threads(),
    losses: [losses[0], losses.at(-1)],
    agent: navigator.userAgent,
    isolated: globalThis.crossOriginIsolated,
  };
}

train().then(
  (result) => {
    document.body.textContent = JSON.stringify(result);
  },
  (error) => {
    document.body.textContent = JSON.stringify({ error: String(error?.stack ?? error) });
  },
);
