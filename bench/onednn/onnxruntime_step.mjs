/**
 * The onnxruntime side of compare.mjs: inference of a VGG in float32.
 *
 *   node bench/onednn/onnxruntime_step.mjs FOLDER BATCH [A|B|D|E] [SIDE=224] [STEPS=5] [THREADS=2]
 *
 * FOLDER is where `npm install onnxruntime-node` was run. The script writes the net as an ONNX model with random
 * weights: few messages are needed, and an exporter would be a dependency. Prints one JSON line.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, batchText, net = 'D', ...rest] = process.argv.slice(2);
const [batch, side = 224, steps = 5, threads = 2] = [batchText, ...rest].map(Number);
const require = createRequire(pathToFileURL(`${folder}/package.json`));
const ort = require('onnxruntime-node');
const { version } = require('onnxruntime-node/package.json');
const STAGES = { A: [1, 1, 2, 2, 2], B: [2, 2, 2, 2, 2], D: [2, 2, 3, 3, 3], E: [2, 2, 4, 4, 4] };
const WIDTHS = [64, 128, 256, 512, 512];

/** Encodes protocol buffers: varints, and fields of type 0 (number) and 2 (bytes, text or a message). */
function varint(value) {
  const bytes = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
const number = (field, value) => [varint(field * 8), varint(value)];
const bytes = (field, value) => {
  const parts = typeof value === 'string' ? [Buffer.from(value)] : [value].flat(9);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return [varint(field * 8 + 2), varint(length), ...parts];
};

const initialisers = [];
const nodes = [];
let seed = 1;
function weights(name, dims, scale) {
  const values = new Float32Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    values[i] = (seed / 2 ** 31) * scale;
  }
  const raw = Buffer.from(values.buffer);
  initialisers.push(bytes(5, [dims.map((dim) => number(1, dim)), number(2, 1), bytes(8, name), bytes(9, raw)]));
  return name;
}
const ints = (name, values) => bytes(5, [bytes(1, name), values.map((value) => number(8, value)), number(20, 7)]);
function node(operation, inputs, attributes = []) {
  const output = `t${nodes.length}`;
  nodes.push(
    bytes(1, [inputs.map((input) => bytes(1, input)), bytes(2, output), bytes(4, operation), attributes.flat(9)]),
  );
  return output;
}

let x = 'images';
let channels = 3;
for (const [stage, count] of STAGES[net].entries()) {
  for (let i = 0; i < count; i++) {
    const out = WIDTHS[stage];
    const scale = Math.sqrt(6 / (9 * channels));
    const inputs = [
      x,
      weights(`w${nodes.length}`, [out, channels, 3, 3], scale),
      weights(`b${nodes.length}`, [out], 0),
    ];
    x = node('Relu', [node('Conv', inputs, [ints('kernel_shape', [3, 3]), ints('pads', [1, 1, 1, 1])])]);
    channels = out;
  }
  x = node('MaxPool', [x], [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])]);
}
x = node('Flatten', [x]);
let units = channels * Math.floor(side / 32) ** 2;
const classes = side < 64 ? 10 : 1000;
for (const out of [4096, 4096, classes]) {
  const matrix = weights(`w${nodes.length}`, [units, out], Math.sqrt(6 / units));
  x = node('Gemm', [x, matrix, weights(`b${nodes.length}`, [out], 0)]);
  if (out !== classes) x = node('Relu', [x]);
  units = out;
}
const tensor = (name, dims) => {
  const shape = bytes(
    2,
    dims.map((dim) => bytes(1, number(1, dim))),
  );
  return [bytes(1, name), bytes(2, bytes(1, [number(1, 1), shape]))];
};
const graph = [
  nodes,
  bytes(2, 'vgg'),
  initialisers,
  bytes(11, tensor('images', [batch, 3, side, side])),
  bytes(12, tensor(x, [batch, classes])),
];
const model = Buffer.concat([number(1, 8), bytes(8, number(2, 13)), bytes(7, graph)].flat(12));
initialisers.length = 0;

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

await repeat(2, () => session.run({ images }));
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
