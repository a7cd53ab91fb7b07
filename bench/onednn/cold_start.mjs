/**
 * Compares the time from the start of a process to its first prediction with that of onnxruntime-node: VGG-16 of 1000 classes,
 * 553 MB of weights, one image of 224 x 224.
 *
 *   node bench/onednn/cold_start.mjs --onnxruntime FOLDER [--files FOLDER] [--rounds 5] [--threads N]
 *
 * --onnxruntime  a folder where `npm install onnxruntime-node` was run.
 * --files        folder of the weights, which are written if they are missing. Default: a folder of the system's for
 *                temporary files, removed at the end.
 * --threads      threads of both sides. Default: their own defaults.
 *
 * Each start is a separate process, in turns; one start of each side before the first round reads the files into the
 * system's cache. Ours imports the backend and the packages, calls `loadNet` and predicts, from two files: of our own layout
 * and of torchvision's. onnxruntime creates a session of the same net as our own ONNX export and runs it. Prints a
 * Markdown table of medians and the spread of the totals. Needs `pnpm build`.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const built = (path) => import(`${root}packages/${path}`);
const { values: options } = parseArgs({
  options: {
    onnxruntime: { type: 'string' },
    files: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string' },
  },
});

/** Starts whose times are compared. Each is a program that is run by `node -e` with `file` and `folder` as arguments. */
const OURS = `
const begun = performance.now();
const [root, file] = process.argv.slice(1);
await import(root + 'packages/backend-onednn/dist/index.js');
const { loadNet } = await import(root + 'packages/vgg/dist/node.js');
const { createRequire } = await import('node:module');
const { tensor4d } = createRequire(root + 'bench/package.json')('@tensorflow/tfjs-core');
const imported = performance.now();
const { model } = await loadNet(file);
const loaded = performance.now();
const images = tensor4d(new Float32Array(224 * 224 * 3).fill(0.5), [1, 224, 224, 3]);
const predict = async () => (await model.apply(images).logits.data())[0];
`;
const ONNXRUNTIME = `
const begun = performance.now();
const [root, file, folder, threads] = process.argv.slice(1);
const { createRequire } = await import('node:module');
const ort = createRequire(folder + '/package.json')('onnxruntime-node');
const imported = performance.now();
const session = await ort.InferenceSession.create(file, threads ? { intraOpNumThreads: Number(threads) } : {});
const loaded = performance.now();
const images = new ort.Tensor('float32', new Float32Array(224 * 224 * 3).fill(0.5), [1, 3, 224, 224]);
const predict = async () => (await session.run({ images })).logits.data[0];
`;
const REPORT = `
const logit = await predict();
const done = performance.now();
const { user, system } = process.cpuUsage();
const { rss } = process.memoryUsage();
await predict();
const again = performance.now() - done;
console.log(JSON.stringify({
  answered: performance.timeOrigin + done,
  firstLine: done - begun, imports: imported - begun, load: loaded - imported, first: done - loaded, again,
  processor: (user + system) / 1000, resident: rss / 2 ** 20, peak: process.resourceUsage().maxRSS / 1024, logit,
}));
`;

const folder = options.files ?? mkdtempSync(join(tmpdir(), 'vgg-cold-start-'));
mkdirSync(folder, { recursive: true });
const file = (name) => join(folder, name);
const SIDES = [
  { name: '`loadNet`, own layout', program: OURS, file: file('vgg.safetensors') },
  { name: "`loadNet`, torchvision's layout", program: OURS, file: file('torchvision.safetensors') },
  { name: 'onnxruntime-node', program: ONNXRUNTIME, file: file('vgg.onnx') },
];

/** Writes the weights of one random net in the three formats. */
async function writeFiles() {
  await built('backend-onednn/dist/index.js');
  const { createVgg, heInitialiser } = await built('models/dist/index.js');
  const { exportOnnx, exportSafetensors, tensorsOf } = await built('weights/dist/index.js');
  const { writeFileAtomically } = await built('core/dist/node.js');
  const net = tensorsOf(createVgg({ configuration: 'D' }, heInitialiser({ seed: 1 })));
  await writeFileAtomically(file('vgg.safetensors'), exportSafetensors(net));
  await writeFileAtomically(file('torchvision.safetensors'), exportSafetensors(net, { naming: 'torchvision' }));
  await writeFileAtomically(file('vgg.onnx'), exportOnnx(net));
}

/** Runs one start and returns its times in milliseconds, with that from the call that starts the process as `total`. */
function start(side) {
  const threads = options.threads ?? '';
  const env = { ...process.env, ...(options.threads && { VGG_ONEDNN_THREADS: threads }) };
  const args = ['--input-type=module', '-e', side.program + REPORT, root, side.file, options.onnxruntime, threads];
  return new Promise((resolve, reject) => {
    const started = performance.timeOrigin + performance.now();
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (part) => {
      text += part;
    });
    child.on('close', (status) => {
      if (status !== 0) return reject(new Error(`${side.name} ended with ${status}`));
      const { answered, ...times } = JSON.parse(text);
      resolve({ total: answered - started, ...times });
    });
  });
}

const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

if (options.onnxruntime === undefined) {
  console.error('expected --onnxruntime, a folder where onnxruntime-node is installed');
  process.exit(2);
}
try {
  if (!SIDES.every((side) => existsSync(side.file))) await writeFiles();
  const results = new Map(SIDES.map((side) => [side, []]));
  for (let round = 0; round <= Number(options.rounds); round++) {
    for (const side of SIDES) {
      const result = await start(side);
      if (round > 0) results.get(side).push(result);
    }
  }
  const peer = middle(results.get(SIDES.at(-1)).map(({ total }) => total));
  console.log(`${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} processors, load ${loadavg()[0].toFixed(1)}`);
  console.log(`medians of ${options.rounds} rounds, ms and MiB\n`);
  const columns = {
    total: 'from the start of the process',
    firstLine: 'from the first line',
    imports: 'imports',
    load: 'load',
    first: 'first prediction',
    again: 'second',
    processor: 'processor time',
    resident: 'resident, MiB',
    peak: 'at most',
  };
  console.log(`| | ratio | range of totals | ${Object.values(columns).join(' | ')} |`);
  console.log(`| --- |${' --: |'.repeat(Object.keys(columns).length + 2)}`);
  for (const [side, rows] of results) {
    const totals = rows.map(({ total }) => total);
    const range = `${Math.min(...totals).toFixed(0)} to ${Math.max(...totals).toFixed(0)}`;
    const cells = Object.keys(columns).map((key) => middle(rows.map((row) => row[key])).toFixed(0));
    console.log(`| ${side.name} | ${(middle(totals) / peer).toFixed(2)} | ${range} | ${cells.join(' | ')} |`);
  }
  const logits = [...results.values()].map(([{ logit }]) => logit);
  console.log(`\nfirst class score: ${logits.join(', ')}`);
} finally {
  if (options.files === undefined) rmSync(folder, { recursive: true });
}
