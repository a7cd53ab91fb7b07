/**
 * Compares this backend with PyTorch, onnxruntime and TF.js's WASM backend, in turns. Prints a Markdown table of
 * ratios.
 *
 *   node bench/onednn/compare.mjs [--python "COMMAND"] [--jemalloc FILE] [--onnxruntime FOLDER] [--wasm]
 *                                 [--threads N] [--rounds N] [--only TEXT] [--quick] [--busy]
 *
 * --python       a Python with PyTorch (the targets are for 2.14), as a command line: `python3`, or
 *                `chroot /srv/sid python3`. The script is passed on standard input, so nothing needs to be mounted.
 * --jemalloc     library to preload into PyTorch, with the settings of its tuning guide.
 *                Default: /usr/lib/x86_64-linux-gnu/libjemalloc.so.2
 * --onnxruntime  a folder where `npm install onnxruntime-node` was run (its packages for Linux contain the
 *                CPU library).
 * --wasm         also measure @vgg/backend-wasm, on jobs that take at most a minute.
 * --threads      threads of every peer. Default: 2.
 * --rounds       rounds of all peers in turns; medians are printed. Default: 3.
 * --only         only jobs whose line contains this text.
 * --quick        at least two steps per round instead of five.
 * --busy         compute rates from processor time instead of the clock, for a machine that does other work. Use
 *                it with one thread only: threads that wait for each other also use processor time.
 *
 * Each run of a peer is a separate process: three steps and two seconds that are not counted, then the median of at least
 * five steps and two seconds. Needs `pnpm build` and an idle machine.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    jemalloc: { type: 'string', default: '/usr/lib/x86_64-linux-gnu/libjemalloc.so.2' },
    onnxruntime: { type: 'string' },
    wasm: { type: 'boolean', default: false },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    busy: { type: 'boolean', default: false },
  },
});
const here = fileURLToPath(new URL('./', import.meta.url));
const steps = options.quick ? '2' : '5';

/**
 * Jobs to time. `target` is the project's target for the ratio to PyTorch, or to `against`. Only our backend has
 * bf16-fast; its peer computes in bf16.
 */
const JOBS = [
  { job: 'train', precision: 'bf16', batch: 32, net: 'D', side: 224, target: 1.25 },
  { job: 'train', precision: 'bf16-fast', batch: 32, net: 'D', side: 224, target: 1.25 },
  { job: 'train', precision: 'bf16', batch: 8, net: 'D', side: 224 },
  { job: 'train', precision: 'bf16-fast', batch: 8, net: 'D', side: 224 },
  { job: 'infer', precision: 'bf16', batch: 32, net: 'D', side: 224, target: 1.6 },
  { job: 'infer', precision: 'bf16-fast', batch: 32, net: 'D', side: 224, target: 1.6 },
  { job: 'infer', precision: 'bf16', batch: 1, net: 'D', side: 224, target: 1.3 },
  { job: 'infer', precision: 'bf16-fast', batch: 1, net: 'D', side: 224, target: 1.3 },
  { job: 'train', precision: 'f32', batch: 8, net: 'D', side: 224, target: 1.5 },
  { job: 'infer', precision: 'f32', batch: 8, net: 'D', side: 224, target: 1, against: 'onnxruntime' },
  { job: 'infer', precision: 'f32', batch: 1, net: 'D', side: 224, against: 'onnxruntime' },
  { job: 'train', precision: 'bf16', batch: 256, net: 'D', side: 32, target: 1.5 },
  { job: 'train', precision: 'bf16-fast', batch: 256, net: 'D', side: 32, target: 1.5 },
  { job: 'train', precision: 'f32', batch: 256, net: 'D', side: 32, target: 1.5 },
  { job: 'train', precision: 'bf16', batch: 128, net: 'D-bn', side: 32, width: 0.5 },
  { job: 'train', precision: 'bf16-fast', batch: 128, net: 'D-bn', side: 32, width: 0.5 },
  { job: 'train', precision: 'f32', batch: 128, net: 'D-bn', side: 32, width: 0.5, wasm: true },
].filter((job) => label(job).includes(options.only));

function label({ job, precision, batch, net, side, width = 1 }) {
  return `${job} ${net}${width === 1 ? '' : ` × ${width}`} ${side}² ${precision} batch ${batch}`;
}

function run(command, args, { env = {}, input } = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  });
  const line = result.stdout?.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line);
  } catch {
    console.error(`${command} ${args.join(' ')} failed: ${(result.stderr ?? '').trim().split('\n').at(-1)}`);
    return undefined;
  }
}

/** Precisions by the backend's names. */
const PRECISIONS = { f32: 'float32', bf16: 'bfloat16', 'bf16-fast': 'bfloat16-fast' };

const step = (backend, { job, batch, net, side, width = 1, precision }) =>
  run(
    'node',
    [`${here}step.mjs`, backend, job, String(batch), net, String(side), steps, String(width), options.threads],
    { env: { VGG_ONEDNN_PRECISION: PRECISIONS[precision] } },
  );

function torch({ job, batch, net, side, width = 1, precision }) {
  const [command, ...before] = options.python.split(' ');
  const small = side < 64 && net.endsWith('-bn');
  const env = {
    OMP_NUM_THREADS: options.threads,
    VGG_WIDTH: String(width),
    VGG_HEAD: small ? 'small' : 'paper',
    LD_PRELOAD: options.jemalloc,
    MALLOC_CONF: 'oversize_threshold:1,background_thread:true,metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1',
  };
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const args = ['-', job, precision.replace('-fast', ''), String(batch), net, String(side), steps];
  const input = readFileSync(`${here}torch_step.py`, 'utf8');
  if (before.length === 0) return run('env', [...assignments, command, ...args], { input });
  // The variables are for Python alone: the root of `chroot` itself may lack jemalloc.
  return run(command, [...before.slice(0, -1), 'env', ...assignments, before.at(-1), ...args], { input });
}

const onnxruntime = ({ batch, net, side }) =>
  run('node', [
    `${here}onnxruntime_step.mjs`,
    options.onnxruntime,
    String(batch),
    net,
    String(side),
    steps,
    options.threads,
  ]);

const peers = [
  { name: 'onednn', runs: (job) => step('onednn', job), takes: () => true },
  { name: 'PyTorch', runs: torch, takes: () => options.python !== undefined },
  {
    name: 'onnxruntime',
    runs: onnxruntime,
    takes: ({ job, precision, net }) =>
      options.onnxruntime !== undefined && job === 'infer' && precision === 'f32' && net === 'D',
  },
  { name: 'WASM', runs: (job) => step('wasm', job), takes: ({ wasm }) => options.wasm && wasm === true },
];

const middle = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const rows = JOBS.map((job) => ({ job, results: new Map(peers.map(({ name }) => [name, []])) }));
const versions = new Set();
for (let round = 0; round < Number(options.rounds); round++) {
  for (const { job, results } of rows) {
    for (const { name, runs, takes } of peers) {
      if (!takes(job)) continue;
      const result = runs(job);
      if (result === undefined) continue;
      versions.add(result.peer);
      results.get(name).push(result);
      const { images_per_second: rate, processor_seconds: used, peak_memory_mib: memory } = result;
      console.error(`${label(job)}: ${name} ${rate} images/s, ${used} s of processor time, peak ${memory} MiB`);
    }
  }
}

const used = peers.filter(({ takes }) => JOBS.some(takes));
const others = used.slice(1);
const model = cpus()[0]?.model ?? 'unknown';
const features = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
const instructions = ['avx2', 'avx512f', 'avx512_bf16', 'amx_bf16'].filter((name) => features.includes(name));
console.log(`${model}, ${cpus().length} processors, ${instructions.join(' ')}; ${options.threads} threads each;`);
console.log(
  `${[...versions].join(', ')}; medians of ${options.rounds} rounds, images per second${options.busy ? ' of processor time' : ''}\n`,
);
console.log(
  `| job | ${used.map(({ name }) => name).join(' | ')} | ${others.map(({ name }) => `to ${name}`).join(' | ')} | to reach |`,
);
console.log(`| --- |${' --: |'.repeat(used.length + others.length)} --- |`);
for (const { job, results } of rows) {
  const rate = (name) => {
    const found = results
      .get(name)
      .map(({ images_per_second: rate, processor_seconds: taken, batch }) => (options.busy ? batch / taken : rate));
    return found.length === 0 ? undefined : middle(found);
  };
  const rates = used.map(({ name }) => rate(name)?.toFixed(2) ?? '');
  const ratios = others.map(({ name }) =>
    rate(name) === undefined || rate('onednn') === undefined ? '' : `${(rate('onednn') / rate(name)).toFixed(2)} ×`,
  );
  const target = job.target === undefined ? '' : `${job.target} × ${job.against ?? 'PyTorch'}`;
  console.log(`| ${label(job)} | ${rates.join(' | ')} | ${ratios.join(' | ')} | ${target} |`);
}
