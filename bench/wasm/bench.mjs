/**
 * Compares kernels and training steps on the stock WASM backend and on @vgg/backend-wasm, with one thread and with several.
 *
 *   pnpm --filter @vgg/backend-wasm... build && node bench/wasm/bench.mjs [repeats] [threads]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, STOCK_FILES } from './bundle.mjs';

const SETUP = `import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'; setWasmPaths(${JSON.stringify(STOCK_FILES)});`;

const THREADS = Number(process.argv[3] ?? 2);
const ours = (threads) => `${SETUP} import { setThreads } from '@vgg/backend-wasm';
    export const setup = () => setThreads(${threads});`;

const VARIANTS = {
  stock: `${SETUP}
    import '@tensorflow/tfjs-core/dist/register_all_gradients';
    import * as tf from '@tensorflow/tfjs-core';
    /** Adds the kernel that training lacks to the stock backend: that of the CPU backend. */
    export async function setup() {
      await tf.setBackend('cpu');
      const cpu = tf.backend();
      const { kernelFunc } = tf.getKernel('Conv2DBackpropFilter', 'cpu');
      tf.registerKernel({
        kernelName: 'Conv2DBackpropFilter',
        backendName: 'wasm',
        kernelFunc: ({ inputs: { x, dy }, attrs, backend }) => {
          const copy = ({ dataId, shape, dtype }) => cpu.makeTensorInfo(shape, dtype, backend.readSync(dataId));
          const out = kernelFunc({ inputs: { x: copy(x), dy: copy(dy) }, attrs, backend: cpu });
          return backend.makeOutput(out.shape, out.dtype, undefined, cpu.readSync(out.dataId));
        },
      });
    }`,
  ours: ours(1),
  threaded: ours(THREADS),
};

const folder = mkdtempSync(join(tmpdir(), 'bench-wasm-'));
const results = {};
for (const [name, variant] of Object.entries(VARIANTS)) {
  const file = join(folder, `${name}.mjs`);
  await bundle('measure.mjs', file, 'node', variant);
  const output = execFileSync(process.execPath, [file, process.argv[2] ?? '10'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  results[name] = JSON.parse(output.trim().split('\n').at(-1));
}
rmSync(folder, { recursive: true });

console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}\n`);
for (const [group, rows] of Object.entries(results.ours)) {
  console.log(`| ${group} | stock, ms | ours, ms | ours | gain | ${THREADS} threads, ms | gain |`);
  console.log('|---|---|---|---|---|---|---|');
  rows.forEach(({ name, ms, flops, images }, i) => {
    const before = results.stock[group][i].ms;
    const rate = images
      ? `${((images / ms) * 1e3).toFixed(0)} images/s, ${(flops / ms / 1e6).toFixed(1)} GFLOP/s`
      : flops
        ? `${(flops / ms / 1e6).toFixed(1)} GFLOP/s`
        : '';
    const threaded = results.threaded[group][i].ms;
    const cells = [before.toFixed(2), ms.toFixed(2), rate, `${(before / ms).toFixed(1)}×`, threaded.toFixed(2)];
    console.log(`| ${name} | ${cells.join(' | ')} | ${(ms / threaded).toFixed(2)}× |`);
  });
  console.log('');
}
