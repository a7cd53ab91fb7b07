/**
 * The onnxruntime side of compare.mjs: inference of a VGG in float32.
 *
 *   node bench/onednn/onnxruntime_step.mjs FOLDER BATCH [A|B|D|E] [SIDE=224] [STEPS=5] [THREADS=2]
 *
 * FOLDER is where `npm install onnxruntime-node` was run. The net has random weights. Prints one JSON line.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { createModel } from '../onnx.mjs';

const [folder, batchText, net = 'D', ...rest] = process.argv.slice(2);
const [batch, side = 224, steps = 5, threads = 2] = [batchText, ...rest].map(Number);
const require = createRequire(pathToFileURL(`${folder}/package.json`));
const ort = require('onnxruntime-node');
const { version } = require('onnxruntime-node/package.json');
const STAGES = { A: [1, 1, 2, 2, 2], B: [2, 2, 2, 2, 2], D: [2, 2, 3, 3, 3], E: [2, 2, 4, 4, 4] };
const WIDTHS = [64, 128, 256, 512, 512];

const { ints, node, weights, finish } = createModel();
let x = 'images';
let channels = 3;
for (const [stage, count] of STAGES[net].entries()) {
  for (let i = 0; i < count; i++) {
    const out = WIDTHS[stage];
    const scale = Math.sqrt(6 / (9 * channels));
    const inputs = [x, weights([out, channels, 3, 3], scale), weights([out], 0)];
    x = node('Relu', [node('Conv', inputs, [ints('kernel_shape', [3, 3]), ints('pads', [1, 1, 1, 1])])]);
    channels = out;
  }
  x = node('MaxPool', [x], [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])]);
}
x = node('Flatten', [x]);
let units = channels * Math.floor(side / 32) ** 2;
const classes = side < 64 ? 10 : 1000;
for (const out of [4096, 4096, classes]) {
  const matrix = weights([units, out], Math.sqrt(6 / units));
  x = node('Gemm', [x, matrix, weights([out], 0)]);
  if (out !== classes) x = node('Relu', [x]);
  units = out;
}
const model = finish([batch, 3, side, side], x, [batch, classes]);

const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1 });
const images = new ort.Tensor('float32', new Float32Array(batch * 3 * side * side).fill(0.5), [batch, 3, side, side]);
const seconds = [];
const processor = [];

/** Runs at least `times` times and for at least two seconds, as step.mjs does. */
async function repeat(times, run) {
  const begin = performance.now();
  for (let i = 0; i < times || performance.now() - begin < 2000; i++) await run();
}

async function timed() {
  const start = performance.now();
  const used = process.cpuUsage();
  await session.run({ images });
  seconds.push((performance.now() - start) / 1000);
  const { user, system } = process.cpuUsage(used);
  processor.push((user + system) / 1e6);
}

await repeat(3, () => session.run({ images }));
await repeat(steps, timed);
const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const median = middle(seconds);
console.log(
  JSON.stringify({
    peer: `onnxruntime-node ${version}`,
    job: 'infer',
    batch,
    side,
    seconds: Number(median.toFixed(4)),
    processor_seconds: Number(middle(processor).toFixed(4)),
    images_per_second: Number((batch / median).toFixed(2)),
    peak_memory_mib: process.resourceUsage().maxRSS >> 10,
  }),
);
