/**
 * Measures the engine next to other work: 0, 1, 2 and 4 endless loops, and a second engine that does the same job. Each
 * way of waiting and PyTorch take turns. Prints a Markdown table of mean rates and their ratios: next to loops, rates of one
 * program have two peaks (the system keeps its threads on one core or divides them), and a median jumps between them.
 *
 *   node bench/onednn/neighbours.mjs [--jobs small,D,style,serve] [--loads 0,1,2,4,twin] [--rounds N] [--seconds N]
 *                                    [--spins 1000,...] [--python "COMMAND"]
 *
 * --spins   also measure these values of GOMP_SPINCOUNT.
 * --python  a Python with PyTorch, for the jobs small and D.
 *
 * Ways of waiting: `default`, what the package does by itself; `spinning`, GCC's default of 300,000 rounds;
 * `passive`, OMP_WAIT_POLICY=passive. The rate of `twin` is the sum of both engines. `to the better` is the ratio of
 * `default` to the better of `spinning` and `passive`. Needs `pnpm build` and an idle machine.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    jobs: { type: 'string', default: 'small,D,style,serve' },
    loads: { type: 'string', default: '0,1,2,4,twin' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    spins: { type: 'string', default: '' },
    python: { type: 'string' },
  },
});
const here = fileURLToPath(new URL('./', import.meta.url));
const list = (text) => text.split(',').filter((part) => part !== '');

/** Environment variables of each way of waiting. */
const WAYS = {
  default: {},
  spinning: { GOMP_SPINCOUNT: '300000' },
  passive: { OMP_WAIT_POLICY: 'passive' },
};
for (const count of list(options.spins)) WAYS[`spin ${count}`] = { GOMP_SPINCOUNT: count };

/** Arguments of torch_step.py and the width of the net. */
const TORCH = {
  small: { args: ['train', 'f32', '64', 'A-bn', '32', '2'], width: '0.125' },
  D: { args: ['train', 'f32', '32', 'D-bn', '32', '2'], width: '0.5' },
};

/** Runs a program and returns the JSON of its last line. */
function run(command, args, env, input = '') {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (part) => {
      text += part;
    });
    child.on('error', failed);
    child.on('close', (status) => {
      if (status === 0) return done(JSON.parse(text.trim().split('\n').at(-1)));
      failed(new Error(`${command} ${args.join(' ')} ended with ${status}`));
    });
    child.stdin.end(input);
  });
}

async function measure(job, way) {
  if (way !== 'PyTorch') {
    return (await run('node', [`${here}neighbours_job.mjs`, job, options.seconds], WAYS[way])).rate;
  }
  const [command, ...before] = options.python.split(' ');
  const env = { VGG_WIDTH: TORCH[job].width, VGG_HEAD: 'small' };
  const script = readFileSync(`${here}torch_step.py`, 'utf8');
  return (await run(command, [...before, '-', ...TORCH[job].args], env, script)).images_per_second;
}

/** Measures next to a load: a number of endless loops, or `twin`. */
async function measureUnder(load, job, way) {
  if (load === 'twin') {
    const [a, b] = await Promise.all([measure(job, way), measure(job, way)]);
    return a + b;
  }
  const loops = Array.from({ length: Number(load) }, () => spawn('node', ['-e', 'for (;;) {}'], { stdio: 'ignore' }));
  try {
    return await measure(job, way);
  } finally {
    for (const loop of loops) loop.kill();
  }
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
const round = (number) => (number < 10 ? number.toFixed(2) : number.toFixed(0));
const ways = [...Object.keys(WAYS), ...(options.python === undefined ? [] : ['PyTorch'])];
const rates = new Map();
for (let turn = 0; turn < Number(options.rounds); turn++) {
  for (const job of list(options.jobs)) {
    for (const load of list(options.loads)) {
      for (const way of ways) {
        if (way === 'PyTorch' && TORCH[job] === undefined) continue;
        const key = `${job}/${load}/${way}`;
        const others = loadavg()[0].toFixed(1);
        const rate = await measureUnder(load, job, way);
        rates.set(key, [...(rates.get(key) ?? []), rate]);
        console.error(`${key}: ${round(rate)} per second (load of the machine before: ${others})`);
      }
    }
  }
}

console.log(`${cpus()[0]?.model}, ${cpus().length} processors; means of ${options.rounds} rounds, per second\n`);
console.log(`| job | next to | ${ways.join(' | ')} | to the better |`);
console.log(`| --- | --- |${' --: |'.repeat(ways.length + 1)}`);
for (const job of list(options.jobs)) {
  for (const load of list(options.loads)) {
    const of = (way) => {
      const found = rates.get(`${job}/${load}/${way}`);
      return found === undefined ? undefined : mean(found);
    };
    const ratio = of('default') / Math.max(of('spinning'), of('passive'));
    const cells = ways.map((way) => (of(way) === undefined ? '' : round(of(way))));
    const neighbour = load === 'twin' ? 'a second engine' : `${load} loops`;
    console.log(`| ${job} | ${neighbour} | ${cells.join(' | ')} | ${ratio.toFixed(2)} |`);
  }
}
