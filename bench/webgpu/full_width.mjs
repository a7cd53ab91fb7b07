/**
 * Compares VGG-16 on WebGPU with the oneDNN backend in float32: one training step of the whole net, and each of its layers on
 * the same numbers. Prints distances relative to oneDNN's numbers and exits with 1 where one is above its limit.
 *
 *   node bench/webgpu/full_width.mjs [--batch 2] [--side 224] [--width 1] [--binding 128] [--folder DIR] [--only step,layers]
 *
 * --binding  MiB that the device may bind at once, as on many GPUs; a smaller number than the device's own.
 * --folder   keeps the numbers of both backends, some 2.4 GB. Default: a temporary folder, removed at the end.
 *
 * Held to 1e-4: the loss; every gradient and variable of the step that depends on the same decisions; the gradients of all convolutions
 * where both backends take oneDNN's activations, and so its decisions; each layer's output and gradients on the same numbers.
 *
 * A decision is which number of a pooling window, or of a ReLU and 0, is larger. Where they differ by less than rounding, the backends
 * may send the gradient to different places. One place in a million is a distance of 1e-3 in all layers below, which are then
 * printed without a limit.
 *
 * VGG_WEBGPU_SOFTWARE=1 accepts lavapipe.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '2' },
    side: { type: 'string', default: '224' },
    width: { type: 'string', default: '1' },
    binding: { type: 'string', default: '128' },
    folder: { type: 'string' },
    only: { type: 'string', default: 'step,layers' },
    backend: { type: 'string' },
  },
});
const [batch, side, width] = [values.batch, values.side, values.width].map(Number);
const LIMIT = 1e-4;
const scaled = (channels) => Math.round(channels * width);
/** The convolutions of D: the side of their map, channels, filters, and whether a pool follows. */
const CONVOLUTIONS = [2, 2, 3, 3, 3].flatMap((count, stage) =>
  Array.from({ length: count }, (_, i) => {
    const widths = [3 / width, 64, 128, 256, 512, 512].map(scaled);
    const layer = `${stage + 1}_${i + 1}`;
    return {
      layer,
      map: side / 2 ** stage,
      channels: widths[i === 0 ? stage : stage + 1],
      filters: widths[stage + 1],
      isPooled: i === count - 1,
    };
  }),
);

if (values.backend === undefined) compare();
else await compute();

/** Has both backends compute in processes of their own, and compares what they wrote. */
function compare() {
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'vgg-full-width-'));
  try {
    for (const backend of ['onednn', 'webgpu']) {
      const args = [...process.argv.slice(2), '--folder', folder, '--backend', backend];
      const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { stdio: 'inherit' });
      if (status !== 0) process.exit(1);
    }
    const [expected, actual] = ['onednn', 'webgpu'].map((backend) => reader(folder, backend));
    const free = layersBelowOtherDecisions(expected, actual);
    let failures = 0;
    const names = expected.names.filter((name) => !name.startsWith('relu'));
    for (const name of names) {
      const distance = relativeDistance(actual.numbers(name), expected.numbers(name));
      const isHeld = !free.some((layer) => name.includes(`${layer}.`));
      const isNear = distance <= LIMIT;
      if (isHeld && !isNear) failures += 1;
      const remark = isHeld ? (isNear ? '' : ' TOO FAR') : ' (below another decision)';
      console.log(`${name.padEnd(48)} ${distance.toExponential(1)}${remark}`);
    }
    console.log(`${names.length} tensors, ${failures} of those held are further than ${LIMIT}`);
    process.exitCode = failures === 0 ? 0 : 1;
  } finally {
    if (values.folder === undefined) rmSync(folder, { recursive: true });
  }
}

/** Returns the convolutions whose gradients depend on decisions that differ, from the last to the first, and prints how many differ. */
function layersBelowOtherDecisions(expected, actual) {
  const free = [];
  let differing = 0;
  for (const { layer, map, filters, isPooled } of [...CONVOLUTIONS].reverse()) {
    const name = `relu${layer}`;
    if (!expected.names.includes(name)) continue;
    const [a, b] = [expected.numbers(name), actual.numbers(name)];
    const masks = a.reduce((sum, value, i) => sum + (value > 0 === b[i] > 0 ? 0 : 1), 0);
    const windows = isPooled ? differingWindows(a, b, map, filters) : 0;
    differing += masks + windows;
    if (masks + windows > 0) console.log(`conv${layer}: ${masks} of ${a.length} masks and ${windows} windows differ`);
    if (differing > 0) free.push(`conv${layer}`);
  }
  return free;
}

/** Number of windows of 2 x 2 whose first largest number is at another place. */
function differingWindows(a, b, map, channels) {
  const images = a.length / (map * map * channels);
  const at = (image, y, x, c) => ((image * map + y) * map + x) * channels + c;
  const firstLargest = (values, places) =>
    places.reduce((best, place) => (values[place] > values[best] ? place : best));
  let differing = 0;
  for (let image = 0; image < images; image++) {
    for (let y = 0; y + 1 < map; y += 2) {
      for (let x = 0; x + 1 < map; x += 2) {
        for (let c = 0; c < channels; c++) {
          const places = [
            at(image, y, x, c),
            at(image, y, x + 1, c),
            at(image, y + 1, x, c),
            at(image, y + 1, x + 1, c),
          ];
          if (firstLargest(a, places) !== firstLargest(b, places)) differing += 1;
        }
      }
    }
  }
  return differing;
}

/** Root of the squared differences over that of the squared expected numbers. */
function relativeDistance(actual, expected) {
  if (actual.length !== expected.length) return Number.NaN;
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return size === 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
}

/** Reads what a backend wrote. @param index of what it has written so far; default that of its file. */
function reader(folder, backend, index = JSON.parse(readFileSync(join(folder, `${backend}.json`), 'utf8'))) {
  return {
    names: Object.keys(index),
    numbers(name) {
      const { offset, bytes } = index[name];
      const numbers = new Float32Array(bytes / 4);
      const file = openSync(join(folder, backend), 'r');
      readSync(file, new Uint8Array(numbers.buffer), 0, bytes, offset);
      closeSync(file);
      return numbers;
    },
  };
}

async function compute() {
  const tf = await import('@tensorflow/tfjs-core');
  const { randomStream } = await import('@vgg/core');
  const { createVgg, heInitialiser } = await import('@vgg/models');
  const { lossAndGradients, MomentumSgd, softmaxCrossEntropy } = await import('@vgg/optim');
  const { device, configure } = await import(`@vgg/backend-${values.backend}`);
  if (values.backend === 'webgpu') tf.env().set('IS_NODE', false);
  configure({ precision: 'float32' });
  if (!(await tf.setBackend(values.backend))) process.exit(1);
  if (values.backend === 'webgpu') {
    tf.backend().bindingLimit = Math.min(tf.backend().bindingLimit, Number(values.binding) * 2 ** 20);
    console.error(`${device().name}, binds ${tf.backend().bindingLimit / 2 ** 20} MiB`);
  }

  const index = {};
  const file = openSync(join(values.folder, values.backend), 'w');
  let offset = 0;
  /** Writes the numbers of a tensor. */
  async function keep(name, tensor) {
    const numbers = await tensor.data();
    writeSync(file, new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
    index[name] = { offset, bytes: numbers.byteLength };
    offset += numbers.byteLength;
  }
  const normals = (shape, scale, ...address) => {
    const numbers = randomStream(1, ...address).fillNormal(new Float32Array(tf.util.sizeFromShape(shape)));
    return tf.tidy(() => tf.mul(tf.tensor(numbers, shape), scale));
  };

  const geometry = { strides: [1, 1], dilations: [1, 1], pad: 'same', dataFormat: 'NHWC' };
  const run = (name, inputs, attributes) => tf.engine().runKernel(name, inputs, { ...geometry, ...attributes });

  /** Computes the gradients of all convolutions from random ones of the last pool, with oneDNN's activations. */
  async function keepGradientsByTheSameDecisions(model, images) {
    const taken = reader(values.folder, 'onednn', values.backend === 'onednn' ? index : undefined);
    const pool = { filterSize: [2, 2], strides: [2, 2], pad: 'valid' };
    const pooled = (x) => tf.maxPool(x, 2, 2, 'valid');
    const activation = ({ layer, map, filters }) =>
      tf.tensor(taken.numbers(`relu${layer}`), [batch, map, map, filters]);
    const last = CONVOLUTIONS.at(-1);
    let dy = normals([batch, last.map / 2, last.map / 2, last.filters], 1, 'gradient of the last pool');
    for (let i = CONVOLUTIONS.length - 1; i >= 0; i--) {
      const { layer, isPooled } = CONVOLUTIONS[i];
      const before = CONVOLUTIONS[i - 1];
      const [filterGradient, biasGradient, dx] = tf.tidy(() => {
        const y = activation(CONVOLUTIONS[i]);
        const x = before === undefined ? images : before.isPooled ? pooled(activation(before)) : activation(before);
        const ofY = isPooled ? run('MaxPoolGrad', { dy, input: y, output: pooled(y) }, pool) : dy;
        const masked = tf.mul(ofY, tf.step(y));
        const filter = model.variables.get(`conv${layer}.weight`);
        return [
          run('Conv2DBackpropFilter', { x, dy: masked }, { filterShape: filter.shape }),
          tf.sum(masked, [0, 1, 2]),
          run('Conv2DBackpropInput', { dy: masked, filter }, { inputShape: x.shape }),
        ];
      });
      await keep(`by the same decisions: conv${layer} filters`, filterGradient);
      await keep(`by the same decisions: conv${layer} bias`, biasGradient);
      tf.dispose([dy, filterGradient, biasGradient]);
      dy = dx;
    }
    await keep('by the same decisions: images', dy);
    dy.dispose();
  }

  const parts = values.only.split(',');
  if (parts.includes('step')) {
    const model = createVgg({ configuration: 'D', inputSize: side, width, classes: 1000 }, heInitialiser({ seed: 3 }));
    const sgd = new MomentumSgd();
    const images = normals([batch, side, side, 3], 1, 'images');
    const labels = Array.from({ length: batch }, (_, i) => i);
    const layers = CONVOLUTIONS.map(({ layer }) => `relu${layer}`);
    for (const [name, output] of Object.entries(model.features(images, layers))) {
      await keep(name, output);
      output.dispose();
    }
    const dropout = (layer) => randomStream(1, layer, 0);
    const { loss, gradients } = lossAndGradients(
      () => softmaxCrossEntropy(model.apply(images, { training: true, dropout }).logits, labels),
      model.trainable,
    );
    await keep('loss', loss);
    for (const [name, gradient] of gradients) await keep(`gradient of ${name}`, gradient);
    await keepGradientsByTheSameDecisions(model, images);
    sgd.step(model.trainable, gradients, 0.01);
    for (const [name, variable] of model.variables) await keep(`${name} after the step`, variable);
    tf.dispose([loss, images, ...gradients.values()]);
    sgd.dispose();
    model.dispose();
  }

  if (parts.includes('layers')) {
    const shapes = CONVOLUTIONS.map(({ map, channels, filters }) => [map, channels, filters]);
    const different = [...new Map(shapes.map((shape) => [shape.join(), shape])).values()];
    for (const [map, channels, filters] of different) {
      const [x, dy] = [
        normals([batch, map, map, channels], 1, 'x', map, channels),
        normals([batch, map, map, filters], 1, 'dy', map, channels),
      ];
      const [filter, bias] = [
        normals([3, 3, channels, filters], Math.sqrt(2 / (9 * channels)), 'w', map, channels),
        normals([filters], 1, 'b', map),
      ];
      const called = `convolution ${map}² ${channels} to ${filters}`;
      const products = {
        'output after ReLU': tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same', activation: 'relu' }),
        'gradient of input': run('Conv2DBackpropInput', { dy, filter }, { inputShape: x.shape }),
        'gradient of filter': run('Conv2DBackpropFilter', { x, dy }, { filterShape: filter.shape }),
      };
      for (const [product, tensor] of Object.entries(products)) await keep(`${called}: ${product}`, tensor);
      tf.dispose([x, dy, filter, bias, products]);
    }
    const features = scaled(512) * (side / 32) ** 2;
    for (const [inputs, units] of [
      [features, scaled(4096)],
      [scaled(4096), scaled(4096)],
      [scaled(4096), 1000],
    ]) {
      const [x, dy] = [normals([batch, inputs], 1, 'fx', inputs), normals([batch, units], 1, 'fdy', inputs)];
      const weight = normals([inputs, units], Math.sqrt(2 / inputs), 'fw', inputs);
      const products = {
        output: tf.matMul(x, weight),
        'gradient of input': tf.matMul(dy, weight, false, true),
        'gradient of weights': tf.matMul(x, dy, true),
      };
      for (const [product, tensor] of Object.entries(products))
        await keep(`product ${inputs} to ${units}: ${product}`, tensor);
      tf.dispose([x, dy, weight, products]);
    }
  }
  closeSync(file);
  writeFileSync(join(values.folder, `${values.backend}.json`), JSON.stringify(index));
  process.exit(0);
}
