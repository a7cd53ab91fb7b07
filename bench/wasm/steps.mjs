/**
 * Times whole training steps of nets A and D, as @vgg/train takes them, on one thread and on several, and prints a Markdown table of
 * the fastest. With another checkout, which must be built, both are measured in turns.
 *
 *   pnpm --filter @vgg/backend-wasm... --filter @vgg/models --filter @vgg/optim build &&
 *     node bench/wasm/steps.mjs [--threads 2] [--rounds 3] [--seconds 3] [--other CHECKOUT] [--only TEXT] [--profile]
 *
 * --only     cases whose names contain this.
 * --profile  prints the kernels of each step too.
 */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    other: { type: 'string' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
  },
});
const here = fileURLToPath(new URL('../..', import.meta.url));
const checkouts = options.other === undefined ? [here] : [options.other, here];

/** Batches that take about as long on one thread. */
const SIZES = [
  { side: 32, width: 0.25, batch: 32 },
  { side: 32, width: 0.5, batch: 16 },
  { side: 64, width: 0.25, batch: 8 },
  { side: 64, width: 0.5, batch: 4 },
];
const cases = {};
for (const configuration of ['A', 'D']) {
  for (const batchNorm of [false, true]) {
    for (const size of SIZES) {
      const name = `${configuration}${batchNorm ? ', batch norm' : ''}, ${size.batch} × ${size.side}², width ${size.width}`;
      if (name.includes(options.only)) cases[name] = { configuration, batchNorm, ...size };
    }
  }
}

const threads = Number(options.threads);
const results = checkouts.map(() => ({}));
console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; load ${loadavg()[0].toFixed(1)}`);
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [i, checkout] of checkouts.entries()) {
    const job = fileURLToPath(new URL('steps-job.mjs', import.meta.url));
    const output = execFileSync(
      process.execPath,
      [job, checkout, options.threads, options.seconds, JSON.stringify(cases)],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    for (const [name, steps] of Object.entries(JSON.parse(output.trim().split('\n').at(-1)))) {
      results[i][name] ??= {};
      const best = results[i][name];
      for (const count of [1, threads]) if (!(best[count]?.ms < steps[count].ms)) best[count] = steps[count];
    }
  }
}
console.log(`load ${loadavg()[0].toFixed(1)} at the end\n`);

const heads = checkouts.map((_, i) => (i === checkouts.length - 1 ? 'this' : 'other'));
console.log(`| step, ms | ${heads.map((head) => `${head}, 1 | ${head}, ${threads} | gain`).join(' | ')} |`);
console.log(`|---|${'---|'.repeat(3 * heads.length)}`);
for (const name of Object.keys(cases)) {
  const cells = results.flatMap(({ [name]: best }) => [
    best[1].ms.toFixed(1),
    best[threads].ms.toFixed(1),
    `${(best[1].ms / best[threads].ms).toFixed(2)}×`,
  ]);
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
for (const name of options.profile ? Object.keys(cases) : []) {
  for (const [i, { [name]: best }] of results.entries()) {
    console.log(`\n${name}, ${heads[i]}: kernels on 1 and ${threads} threads, ms`);
    const kernels = Object.entries(best[1].kernels).sort(([, a], [, b]) => b - a);
    const rest = (count) => best[count].ms - Object.values(best[count].kernels).reduce((a, b) => a + b, 0);
    for (const [kernel, ms] of [...kernels, ['outside kernels', rest(1)]]) {
      const several = kernel === 'outside kernels' ? rest(threads) : (best[threads].kernels[kernel] ?? 0);
      if (ms > 0.1 || several > 0.1)
        console.log(`  ${kernel.padEnd(24)} ${ms.toFixed(2).padStart(8)} ${several.toFixed(2).padStart(8)}`);
    }
  }
}
