/**
 * Measures images per second of whole training steps (forward, backward, momentum SGD) or of inference, for a VGG on
 * one backend.
 *
 *   node bench/onednn/step.mjs BACKEND train|infer BATCH [CONFIGURATION=D] [SIDE=224] [STEPS=5] [WIDTH=1] [THREADS]
 *
 * BACKEND: onednn, wasm or cpu. CONFIGURATION as in net.mjs. THREADS: of onednn and wasm, default their own. Needs
 * `pnpm build`. Prints one JSON line, like the scripts for other peers. The seconds per step are the median of at least
 * STEPS steps and two seconds. Three steps and two seconds before are not counted, because short steps are slower until V8
 * has compiled the code. Environment: VGG_ONEDNN_PRECISION.
 */
import { prepare } from './net.mjs';

const [backend = 'onednn', job = 'train', batch = '8', configuration = 'D', ...rest] = process.argv.slice(2);
const [side = '224', steps = '5', width = '1', threads] = rest;
const { engine, tf, step } = await prepare({ backend, job, batch, configuration, side, width, threads });

let number = 0;
let last = 0;
const lags = [];
const seconds = [];
const processor = [];

/** Runs at least `times` times and for at least two seconds. */
async function repeat(times, run) {
  const begin = performance.now();
  for (let i = 0; i < times || performance.now() - begin < 2000; i++) await run();
}

async function timed() {
  const timer = setInterval(() => {
    const now = performance.now();
    lags.push(Math.max(0, now - last - 5));
    last = now;
  }, 5);
  last = performance.now();
  const start = performance.now();
  const used = process.cpuUsage();
  await step(number++);
  seconds.push((performance.now() - start) / 1000);
  clearInterval(timer);
  const { user, system } = process.cpuUsage(used);
  processor.push((user + system) / 1e6);
}

await repeat(3, () => step(number++));
await repeat(Number(steps), timed);
const sorted = (values) => values.sort((a, b) => a - b);
const middle = (values) => sorted(values)[values.length >> 1];
const median = middle(seconds);
sorted(lags);
console.log(
  JSON.stringify({
    peer: backend === 'onednn' ? `onednn ${engine.oneDnnVersion}` : backend,
    job,
    configuration,
    batch: Number(batch),
    side: Number(side),
    seconds: Number(median.toFixed(4)),
    processor_seconds: Number(middle(processor).toFixed(4)),
    images_per_second: Number((Number(batch) / median).toFixed(2)),
    lag_ms: {
      '99th percentile': Math.round(lags[Math.floor(lags.length * 0.99)] ?? 0),
      longest: Math.round(lags.at(-1) ?? 0),
    },
    fallbacks: Object.fromEntries(engine?.fallbacks?.() ?? []),
    memory: tf.memory(),
    peak_memory_mib: process.resourceUsage().maxRSS >> 10,
  }),
);
