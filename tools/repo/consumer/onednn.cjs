/** Gradients on the native engine from CommonJS. With `--without` the binary is missing: one error line, then gradients on WASM. */
const assert = require('node:assert');
const tf = require('@tensorflow/tfjs-core');

/** Returns d/dx of the sum of relu(x * w), where x is -1 and 2 and w is 3. */
function gradient() {
  const slope = tf.grad((x) => tf.sum(tf.relu(tf.conv2d(x, tf.fill([1, 1, 1, 1], 3), 1, 'same'))));
  return [...slope(tf.tensor4d([-1, 2], [1, 2, 1, 1])).dataSync()];
}

async function main() {
  if (process.argv.includes('--without')) {
    assert.throws(() => require('@vgg/backend-onednn'), {
      code: 'VGG_BACKEND',
      message: /^the engine onednn has no binary that runs here: install [^\n]+$/,
    });
    require('@vgg/backend-wasm');
    await tf.setBackend('wasm');
  } else {
    const { fallbacks, oneDnnVersion } = require('@vgg/backend-onednn');
    assert.match(oneDnnVersion, /^\d/);
    await tf.setBackend('onednn');
    assert.deepEqual([...fallbacks().keys()], []);
  }
  assert.deepEqual(gradient(), [0, 3]);
}

main();
