/**
 * Times training steps and inference of net D on WebGPU, or on the stock backend. Prints one JSON line.
 *
 *   node bench/webgpu/step.mjs ours|stock BATCH [SIDE] [WIDTH] [STEPS] [PRECISION]
 *
 * Milliseconds are of the clock and, with the suffix Cpu, of the processor: on lavapipe, which computes on the CPU, the second
 * count. VGG_WEBGPU_DAWN=backend=null measures the cost in JavaScript and Dawn alone, with nothing computed.
 * `tensorCores` are their sizes, or why products do without them. `trainDispatches` is the number of dispatches of a training step. VGG_WEBGPU_SOFTWARE=1 accepts lavapipe.
 */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser } from '@vgg/models';
import { ensureGradients, globalNorm, lossAndGradients, MomentumSgd, softmaxCrossEntropy } from '@vgg/optim';

const [backend, batch = 2, side = 224, width = 1, steps = 5] = process.argv
  .slice(2)
  .map((v, i) => (i === 0 ? v : Number(v)));
const precision = process.argv[7] ?? 'float32';

async function startStock() {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create(process.env.VGG_WEBGPU_DAWN?.split(' ') ?? []);
  if (globalThis.navigator === undefined) globalThis.navigator = {};
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  await import('@tensorflow/tfjs-backend-webgpu');
  ensureGradients();
}

tf.env().set('IS_NODE', false);
const { configure, device } = backend === 'stock' ? {} : await import('@vgg/backend-webgpu');
if (backend === 'stock') await startStock();
else configure({ precision });
if (!(await tf.setBackend('webgpu'))) process.exit(1);

const { queue } = tf.backend().device;
let dispatches = 0;
const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...groups) {
  dispatches += 1;
  return dispatchWorkgroups.apply(this, groups);
};
const net = { configuration: 'D', inputSize: side, width, classes: 1000 };
const model = createVgg(net, heInitialiser({ seed: 3 }));
const sgd = new MomentumSgd();
const pixels = randomStream(1, 'bench').fillNormal(new Float32Array(batch * side * side * 3));
const images = tf.tensor4d(pixels, [batch, side, side, 3]);
const labels = Array.from({ length: batch }, (_, i) => i);

async function train(step) {
  const dropout = (layer) => randomStream(1, layer, step);
  const { loss, gradients } = lossAndGradients(
    () => softmaxCrossEntropy(model.apply(images, { training: true, dropout }).logits, labels),
    model.trainable,
  );
  await globalNorm(gradients);
  sgd.step(model.trainable, gradients, 1e-4);
  await loss.data();
  tf.dispose([loss, ...gradients.values()]);
}

async function infer() {
  const { logits } = model.apply(images);
  await logits.data();
  logits.dispose();
}

/** Hands the GPU what is recorded: the optimiser's operations have no reader. */
function submit() {
  const device = tf.backend();
  device.endComputePassEncoder();
  if (device.commandEncoder !== null) device.submitQueue();
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** Medians of the clock and of the processor, after two calls that do not count. */
async function timed(operation) {
  const [wall, cpu] = [[], []];
  let counted = 0;
  for (let i = -2; i < steps; i++) {
    dispatches = 0;
    const [before, start] = [process.cpuUsage(), performance.now()];
    await operation(i + 2);
    submit();
    await queue.onSubmittedWorkDone();
    const used = process.cpuUsage(before);
    counted = dispatches;
    if (i >= 0) {
      wall.push(performance.now() - start);
      cpu.push((used.user + used.system) / 1000);
    }
  }
  return { wall: median(wall), cpu: median(cpu), dispatches: counted };
}

const [training, inference] = [await timed(train), await timed(infer)];
console.log(
  JSON.stringify({
    backend,
    precision,
    tensorCores: device?.().tensorCores,
    batch,
    side,
    width,
    train: training.wall,
    trainCpu: training.cpu,
    trainDispatches: training.dispatches,
    infer: inference.wall,
    inferCpu: inference.cpu,
    trainImagesPerSecond: (batch * 1000) / training.wall,
    inferImagesPerSecond: (batch * 1000) / inference.wall,
  }),
);
process.exit(0);
