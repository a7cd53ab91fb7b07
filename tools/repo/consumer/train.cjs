/** The whole chain from CommonJS: images → batches → training on the WASM backend → a checkpoint, a weight file, the net again. */
const assert = require('node:assert');
require('@vgg/backend-wasm');
const tf = require('@tensorflow/tfjs-core');
const { isVggError } = require('@vgg/core');
const { createBatches, openSource, trainingStatistics } = require('@vgg/data/node');
const { scalesFor } = require('@vgg/eval');
const { createVgg } = require('@vgg/models');
const { MomentumSgd, plateau } = require('@vgg/optim');
const { fit } = require('@vgg/train');
const { CheckpointFolder } = require('@vgg/train/node');
const { loadModel, saveModel } = require('@vgg/weights/node');

async function main() {
  await tf.setBackend('wasm');
  const { train, classes } = await openSource('photographs', { validationFraction: 0.1 });
  const { mean } = await trainingStatistics(train);
  const transform = { crop: 32, scale: 40, flip: true, colour: null, mean };
  const loader = createBatches(train, { batchSize: 16, seed: 1, workers: 2, transform });
  const model = createVgg({ configuration: 'A', classes: 2, inputSize: 32, width: 1 / 16, head: 'small' });
  const { reason } = await fit({
    model,
    batches: (epoch, start) => loader.epoch(epoch, start),
    microBatch: 8,
    optimiser: new MomentumSgd(),
    schedule: plateau({ rate: 1e-3 }),
    epochs: 1,
    seed: 1,
    checkpoints: { store: new CheckpointFolder('checkpoints-of-train') },
  });
  await loader.close();
  assert.equal(reason, 'complete');
  await saveModel('train.safetensors', model, { classes, preprocessing: { mean, scale: 40 } });
  assert.deepEqual((await loadModel('train.safetensors')).classes, ['cat', 'dog']);
  assert.deepEqual(scalesFor([32, 48], 'multi', 32), [32, 40, 48]);
  assert.throws(() => createVgg({ configuration: 'Z' }), isVggError);
}

main();
