/**
 * Compares one and more threads of @vgg/backend-wasm with the stock threaded backend and onnxruntime-web, in turns, on a page that
 * is cross-origin isolated, in headless Chromium. Prints a Markdown table of the fastest times and of ratios.
 *
 *   pnpm --filter @vgg/backend-wasm... build &&
 *     node bench/wasm/threads.mjs [--threads 2] [--rounds 3] [--onnxruntime-web FOLDER] [--chromium PATH]
 *
 * --onnxruntime-web  a folder where `npm install onnxruntime-web` was run.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createModel } from '../onnx.mjs';
import { bundle, STOCK_FILES } from './bundle.mjs';
import { CONVOLUTIONS, NET } from './threads-jobs.mjs';

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    'onnxruntime-web': { type: 'string' },
    chromium: { type: 'string', default: 'chromium' },
  },
});
const threads = Number(options.threads);
const ortFolder = options['onnxruntime-web'] && join(options['onnxruntime-web'], 'node_modules/onnxruntime-web/');

const VARIANTS = {
  ours: `
    import * as tf from '@tensorflow/tfjs-core';
    import { setThreads, setWasmPaths, threads as working } from '@vgg/backend-wasm';
    import { createJobs as jobs } from '${import.meta.dirname}/threads-tfjs.mjs';
    export async function createJobs({ threads, ...sizes }) {
      setWasmPaths('/');
      await setThreads(threads);
      await tf.setBackend('wasm');
      if (working() !== threads) throw new Error(working() + ' threads work');
      return jobs({ ...sizes, gradients: true });
    }`,
  stock: `
    import * as tf from '@tensorflow/tfjs-core';
    import { getThreadsCount, setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
    import { createJobs as jobs } from '${import.meta.dirname}/threads-tfjs.mjs';
    export async function createJobs({ threads, ...sizes }) {
      setWasmPaths('/');
      // It starts half as many threads as there are cores, at most four.
      Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 * threads });
      setThreadsCount(threads);
      await tf.setBackend('wasm');
      if (getThreadsCount() !== threads) throw new Error(getThreadsCount() + ' threads work');
      return jobs({ ...sizes, gradients: false });
    }`,
  onnxruntime: `
    import * as ort from 'ort';
    import { nameOf } from '${import.meta.dirname}/threads-jobs.mjs';
    export async function createJobs({ threads, convolutions, net }) {
      ort.env.wasm.numThreads = threads;
      ort.env.wasm.wasmPaths = '/ort/';
      const job = async (file, dims) => {
        const session = await ort.InferenceSession.create(file, { executionProviders: ['wasm'] });
        const images = new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)).fill(0.5), dims);
        return () => session.run({ images });
      };
      const jobs = {};
      for (const [i, c] of convolutions.entries()) {
        jobs['convolution ' + nameOf(c)] = await job('/' + i + '.onnx', [c[0], c[2], c[1], c[1]]);
      }
      jobs['inference of the net'] = await job('/net.onnx', [net.batch, 3, net.side, net.side]);
      return jobs;
    }`,
};

function convolutionModel([batch, side, inputs, outputs]) {
  const { weights, ints, node, finish } = createModel();
  const x = node(
    'Conv',
    ['images', weights([outputs, inputs, 3, 3], 0.1)],
    [ints('kernel_shape', [3, 3]), ints('pads', [1, 1, 1, 1])],
  );
  return finish([batch, inputs, side, side], x, [batch, outputs, side, side]);
}

function netModel({ batch, side, stages, hidden, classes }) {
  const { weights, ints, node, finish } = createModel();
  let [x, inputs] = ['images', 3];
  for (const widths of stages) {
    for (const outputs of widths) {
      const filter = weights([outputs, inputs, 3, 3], Math.sqrt(6 / (9 * inputs)));
      const attributes = [ints('kernel_shape', [3, 3]), ints('pads', [1, 1, 1, 1])];
      x = node('Relu', [node('Conv', [x, filter, weights([outputs], 0)], attributes)]);
      inputs = outputs;
    }
    x = node('MaxPool', [x], [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])]);
  }
  x = node('Flatten', [x]);
  let units = inputs * Math.floor(side / 32) ** 2;
  for (const outputs of [hidden, hidden, classes]) {
    x = node('Gemm', [x, weights([units, outputs], Math.sqrt(6 / units)), weights([outputs], 0)]);
    if (outputs !== classes) x = node('Relu', [x]);
    units = outputs;
  }
  return finish([batch, 3, side, side], x, [batch, classes]);
}

const TYPES = { '.wasm': 'application/wasm', '.mjs': 'text/javascript', '.html': 'text/html' };
const folder = mkdtempSync(join(tmpdir(), 'threads-wasm-'));
const models = new Map(CONVOLUTIONS.map((convolution, i) => [`/${i}.onnx`, convolutionModel(convolution)]));
models.set('/net.onnx', netModel(NET));
const peers = ['ours', 'stock', ...(ortFolder ? ['onnxruntime'] : [])];
for (const peer of peers) {
  const alias = ortFolder ? { ort: join(ortFolder, 'dist/ort.wasm.bundle.min.mjs') } : {};
  await bundle('threads-page.mjs', join(folder, `${peer}.mjs`), 'browser', VARIANTS[peer], alias);
}

let report;
function contentOf(path) {
  if (models.has(path)) return models.get(path);
  if (path.startsWith('/ort/')) return readFileSync(join(ortFolder, 'dist', path.slice(5)));
  if (path.endsWith('.wasm')) return readFileSync(join(STOCK_FILES, path));
  if (path.endsWith('.mjs')) return readFileSync(join(folder, path));
  return `<body><script type="module" src="${path.replace('.html', '.mjs')}"></script></body>`;
}
const server = createServer(async (request, response) => {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  const { pathname } = new URL(request.url, 'http://localhost');
  if (request.method === 'POST') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    report(JSON.parse(Buffer.concat(chunks).toString()));
    return response.end();
  }
  try {
    const content = contentOf(pathname);
    response.setHeader('Content-Type', TYPES[extname(pathname)] ?? 'application/octet-stream').end(content);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));

/** Opens a peer's page in a browser of its own and returns the milliseconds of its jobs. */
async function measure(peer, count) {
  const result = new Promise((resolve) => {
    report = resolve;
  });
  const page = `http://127.0.0.1:${server.address().port}/${peer}.html?threads=${count}`;
  const profile = mkdtempSync(join(folder, 'profile-'));
  const browser = spawn(
    options.chromium,
    ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${profile}`, '--remote-debugging-port=0', page],
    { stdio: 'ignore' },
  );
  const late = new Promise((_, reject) => {
    setTimeout(reject, 300_000, new Error(`${page} did not report`)).unref();
  });
  try {
    const values = await Promise.race([result, late]);
    if (values.error) throw new Error(`${page}: ${values.error}`);
    return values;
  } finally {
    browser.kill();
    await new Promise((done) => browser.once('exit', done));
  }
}

const columns = peers.flatMap((peer) => [1, threads].map((count) => ({ peer, count, times: {} })));
console.log(`${cpus()[0].model}, ${cpus().length} cores; load ${loadavg()[0].toFixed(1)} at the start`);
for (let round = 0; round < Number(options.rounds); round++) {
  for (const { peer, count, times } of columns) {
    for (const [job, ms] of Object.entries(await measure(peer, count))) times[job] = Math.min(times[job] ?? ms, ms);
  }
}
console.log(`load ${loadavg()[0].toFixed(1)} at the end\n`);
const [one, several] = columns.map(({ times }) => times);
const heads = columns.map(({ peer, count }) => `${peer}, ${count}`);
console.log(`| job, ms | ${heads.join(' | ')} | ${threads} threads to 1 | to the fastest other |`);
console.log(`|---|${'---|'.repeat(columns.length + 2)}`);
for (const job of Object.keys(one)) {
  const cells = columns.map(({ times }) => times[job]?.toFixed(2) ?? '');
  const others = columns.slice(2).flatMap(({ times }) => times[job] ?? []);
  const best = others.length > 0 ? `${(Math.min(...others) / several[job]).toFixed(2)}×` : '';
  console.log(`| ${job} | ${cells.join(' | ')} | ${(one[job] / several[job]).toFixed(2)}× | ${best} |`);
}
server.close();
rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
