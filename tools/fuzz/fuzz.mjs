/**
 * Feeds damaged files to the readers of @vgg/weights. Each input depends only on the seed and its number.
 *
 *   node tools/fuzz/fuzz.mjs [--format NAME|all] [--inputs 1000000] [--minutes 10] [--seed 1] [--first 0]
 *
 * Needs `pnpm build`. A format ends after `--inputs` or `--minutes`, whichever comes first. A defect is a crash, an input that
 * takes more than 5 s of processor time, memory that grows without limit, an error other than a one-line VggError, or an
 * undamaged file, read again every 1,000 inputs, with another result than at first. The exit code is 1 if there is one.
 * `--first N --inputs 1` runs one input again.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { FORMATS } from './formats.mjs';

/** Largest duration of one input in seconds: of processor time, and by the clock for an input that only waits. */
const HANG_SECONDS = { processor: 5, clock: 120 };
/** Largest growth of memory during a format. */
const MEMORY_BYTES = 768 * 2 ** 20;

const { values } = parseArgs({
  options: {
    format: { type: 'string', default: 'all' },
    inputs: { type: 'string', default: '1000000' },
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
  },
});
const api = new URL('../../packages/weights/dist/index.js', import.meta.url).href;

/** Fuzzes one format. Resolves with counts, times and defects. */
function fuzz(format) {
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const started = Date.now();
  const until = started + Number(values.minutes) * 60_000;
  const seed = Number(values.seed);
  const first = Number(values.first);
  const inputs = Number(values.inputs);
  const worker = new Worker(new URL('worker.mjs', import.meta.url), {
    workerData: { api, format, seed, first, inputs, until, progress },
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  const base = process.memoryUsage().rss;
  const defects = [];
  let peak = 0;
  let last = -1;
  let since = Date.now();
  let used = process.cpuUsage();
  return new Promise((resolve) => {
    const finish = (more = {}) => {
      clearInterval(watch);
      worker.terminate();
      resolve({ format, inputs: progress[1], seconds: (Date.now() - started) / 1000, peak, defects, ...more });
    };
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss - base);
      if (peak > MEMORY_BYTES) {
        defects.push({ number: progress[0], error: `memory grew by ${Math.round(peak / 2 ** 20)} MiB` });
        finish();
      }
      if (progress[0] !== last || progress[1] === 0) {
        last = progress[0];
        since = Date.now();
        used = process.cpuUsage();
        return;
      }
      const { user, system } = process.cpuUsage(used);
      const processor = (user + system) / 1e6;
      const clock = (Date.now() - since) / 1e3;
      if (processor > HANG_SECONDS.processor || clock > HANG_SECONDS.clock) {
        defects.push({ number: last, error: `no end after ${processor.toFixed(1)} s of processor time` });
        finish();
      }
    }, 200);
    worker.on('message', ({ defect, done }) => {
      if (defect) defects.push(defect);
      if (done) finish(done);
    });
    worker.on('error', (error) => {
      defects.push({ number: progress[0], error: `the thread died: ${error.stack}` });
      finish();
    });
  });
}

const names = values.format === 'all' ? Object.keys(FORMATS) : values.format.split(',');
for (const name of names) {
  if (!Object.hasOwn(FORMATS, name)) {
    console.error(`unknown format ${name}; known are ${Object.keys(FORMATS).join(', ')}`);
    process.exit(2);
  }
}
console.log(`reading with ${fileURLToPath(api)}`);
for (const name of names) {
  const { inputs, seconds, counts, slowest, largest, peak, defects } = await fuzz(name);
  const outcomes = Object.entries(counts ?? {}).map(([outcome, count]) => `${outcome} ${count}`);
  console.log(
    `${name}: ${inputs} inputs in ${seconds.toFixed(0)} s, ${outcomes.join(', ')}; ` +
      `slowest ${slowest?.milliseconds.toFixed(0)} ms (${slowest?.number}), ` +
      `most memory at once ${((largest?.bytes ?? 0) / 2 ** 20).toFixed(1)} MiB (${largest?.number}), ` +
      `process +${(peak / 2 ** 20).toFixed(0)} MiB; ${defects.length} defects`,
  );
  for (const { number, error } of defects.slice(0, 10)) console.log(`  input ${number}: ${error}`);
  if (defects.length > 0) process.exitCode = 1;
}
