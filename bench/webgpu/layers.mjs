/**
 * TFLOP/s of every convolution and fully-connected layer of net D, in each direction, by the device's timestamps.
 *
 *   node bench/webgpu/layers.mjs [BATCH] [PRECISION] [PEAK]
 *
 * PEAK is the card's peak in TFLOP/s of float32: with it each figure is also a part of it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { configure, device, drain, kernelTimes, profile } from '@vgg/backend-webgpu';

const [batch, precision, peak] = [Number(process.argv[2] ?? 32), process.argv[3] ?? 'float32', Number(process.argv[4])];
/** Side, channels in, channels out. */
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
console.log(`${device().name}, ${device().precision}, batch ${batch}`);

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

const shown = (value) => value.toFixed(2).padStart(8) + (peak ? ` (${Math.round((100 * value) / peak)} %)` : '');

console.log('layer'.padEnd(24), ' forward', '  input gradient', ' filter gradient  [TFLOP/s]');
for (const [side, cin, cout] of CONVOLUTIONS) {
  const [x, dy] = [tf.randomNormal([batch, side, side, cin]), tf.randomNormal([batch, side, side, cout])];
  const filter = tf.randomNormal([3, 3, cin, cout]);
  const flops = 2 * batch * side * side * 9 * cin * cout;
  const forward = await rate(() => tf.conv2d(x, filter, 1, 'same'), flops);
  const input = await rate(() => run('Conv2DBackpropInput', { dy, filter }, { inputShape: x.shape }), flops);
  const gradient = await rate(() => run('Conv2DBackpropFilter', { x, dy }, { filterShape: filter.shape }), flops);
  console.log(`${side}² ${cin} → ${cout}`.padEnd(24), shown(forward), shown(input), shown(gradient));
  tf.dispose([x, dy, filter]);
}
for (const [inputs, units] of CONNECTED) {
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
