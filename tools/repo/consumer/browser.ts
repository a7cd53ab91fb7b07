/** A program for browsers that uses every entry that works without Node. It is bundled with esbuild and Vite, then run. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { isVggError } from '@vgg/core';
import { rescale } from '@vgg/data';
import { scalesFor } from '@vgg/eval';
import { createVgg, descriptor } from '@vgg/models';
import { ensureGradients } from '@vgg/optim';
import { perceptualLoss } from '@vgg/perceptual';
import { fit } from '@vgg/train';
import { parseModel, serialiseModel } from '@vgg/weights';

await tf.setBackend('cpu');
ensureGradients();
const description = { classes: ['cat', 'dog'], preprocessing: { mean: [124, 117, 104], scale: 40 } } as const;
const made = createVgg({ configuration: 'A', classes: 2, inputSize: 32, width: 1 / 16, head: 'small' });
const { model, classes } = parseModel(await serialiseModel(made, description));
const { data, width, height } = rescale({ data: new Uint8Array(50 * 40 * 3).fill(200), width: 50, height: 40 }, 36);
const image = tf.tensor4d(data, [1, height, width, 3]);
const loss = (x: tf.Tensor) => perceptualLoss(model, x as tf.Tensor4D, tf.zerosLike(image), { relu1_1: 1 });
const { value, grad } = tf.valueAndGrad(loss)(image);
const results = [value.dataSync()[0], grad.dataSync()[0], descriptor(model, image).dataSync()[0]];
if (!results.every(Number.isFinite) || classes[1] !== 'dog') throw new Error(`computed ${results}`);
if (isVggError(fit) || scalesFor(32, 'single', 32)[0] !== 32)
  throw new Error('the other entries have the wrong content');
