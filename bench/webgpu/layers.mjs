/**
 * TFLOP/s of every convolution and fully-connected layer of net D, in each direction, by the device's timestamps.
 *
 *   node bench/webgpu/layers.mjs [BATCH] [PRECISION] [PEAK] [SIDE] [WIDTH]
 *
 * With float16, products use tensor cores where the device has them; VGG_WEBGPU_TENSOR_CORES=0 does without.
 * PEAK is the card's peak in TFLOP/s, of float32 or of tensor cores, or 0: with it each figure is also a part of it. SIDE (224) and WIDTH (1) are for
 * a trial on a slow device.
 */
import * as tf from '@tensorflow/tfjs-core';
import { configure, device, drain, kernelTimes, profile } from '@vgg/backend-webgpu';

const [batch = 32, , peak = 0, whole = 224, width = 1] = process.argv.slice(2).map(Number);
const precision = process.argv[3] ?? 'float32';
/** Side, channels in, channels out, at full size. */
const CONVOLUTIONS = [
  [224, 3, 64],
  [224, 64, 64],
  [112, 64, 128],
  [112, 128, 128],
  [56, 128, 256],
  [56, 256, 256],
  [28, 256, 512],
  [28, 512, 512],
  [14, 512, 512],
];
const CONNECTED = [
  [25088, 4096],
  [4096, 4096],
  [4096, 1000],
];
const GEOMETRY = { strides: [1, 1], dilations: [1, 1], pad: 'same', dataFormat: 'NHWC' };

tf.env().set('IS_NODE', false);
configure({ precision });
if (!(await tf.setBackend('webgpu'))) process.exit(1);
const { m, n, k, reason } = device().tensorCores;
const products = reason === undefined ? `tensor cores of ${m}x${n}x${k}` : `no tensor cores: ${reason}`;
console.log(`${device().name}, ${device().precision}, batch ${batch}, ${products}`);

const run = (name, inputs, attributes) => tf.engine().runKernel(name, inputs, { ...GEOMETRY, ...attributes });

/** Runs an operation until a third of a second has passed and returns TFLOP/s. */
async function rate(operations, flops) {
  operations().dispose();
  await drain();
  profile(true);
  const start = performance.now();
  let calls = 0;
  while (calls < 3 || (performance.now() - start < 300 && calls < 200)) {
    operations().dispose();
    calls += 1;
    await drain();
  }
  profile(false);
  const ms = (await kernelTimes()).reduce((sum, time) => sum + time.ms, 0);
  return (flops * calls) / ms / 1e9;
}

const shown = (value) => value.toPrecision(3).padStart(8) + (peak ? ` (${Math.round((100 * value) / peak)} %)` : '');

console.log('layer'.padEnd(24), ' forward', '  input gradient', ' filter gradient  [TFLOP/s]');
for (const [fullSide, fullIn, fullOut] of CONVOLUTIONS) {
  const side = Math.max(1, Math.round((fullSide * whole) / 224));
  const [cin, cout] = [fullIn === 3 ? 3 : fullIn * width, fullOut * width];
  const [x, dy] = [tf.randomNormal([batch, side, side, cin]), tf.randomNormal([batch, side, side, cout])];
  const filter = tf.randomNormal([3, 3, cin, cout]);
  const flops = 2 * batch * side * side * 9 * cin * cout;
  const forward = await rate(() => tf.conv2d(x, filter, 1, 'same'), flops);
  const input = await rate(() => run('Conv2DBackpropInput', { dy, filter }, { inputShape: x.shape }), flops);
  const gradient = await rate(() => run('Conv2DBackpropFilter', { x, dy }, { filterShape: filter.shape }), flops);
  console.log(`${side}² ${cin} → ${cout}`.padEnd(24), shown(forward), shown(input), shown(gradient));
  tf.dispose([x, dy, filter]);
}
for (const [fullInputs, fullUnits] of CONNECTED) {
  const [inputs, units] = [fullInputs * width, fullUnits * width];
  const [x, dy, weight] = [
    [batch, inputs],
    [batch, units],
    [inputs, units],
  ].map((shape) => tf.randomNormal(shape));
  const flops = 2 * batch * inputs * units;
  const forward = await rate(() => tf.matMul(x, weight), flops);
  const input = await rate(() => tf.matMul(dy, weight, false, true), flops);
  const gradient = await rate(() => tf.matMul(x, dy, true), flops);
  console.log(`${inputs} → ${units}`.padEnd(24), shown(forward), shown(input), shown(gradient));
  tf.dispose([x, dy, weight]);
}
process.exit(0);
