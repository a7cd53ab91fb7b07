/** Reads one fuzzed input after the other and reports the number of each, so that a hang or a crash can be traced to it. */
import { parentPort, workerData } from 'node:worker_threads';
import { makeInput, readInput, soundInputs } from './case.mjs';

const { api, format, seed, first, inputs, until, progress } = workerData;
const loaded = await import(api);
const weights = loaded.default ?? loaded;
/** Number of inputs between two reads of an undamaged file: damaged files must not harm the reader. */
const SOUND_EVERY = 1000;
const sound = soundInputs(format);
const expected = [];
for (const input of sound) expected.push(await readInput(weights, input));
const counts = {};
const slowest = { milliseconds: 0, number: first };
const largest = { bytes: 0, number: first };

for (let number = first; number < first + inputs && Date.now() < until; number++) {
  Atomics.store(progress, 0, number);
  const input = makeInput(format, seed, number);
  const before = process.memoryUsage().arrayBuffers;
  const start = performance.now();
  let outcome;
  try {
    outcome = await readInput(weights, input);
  } catch (error) {
    parentPort.postMessage({ defect: { number, error: String(error?.stack ?? error).slice(0, 2000) } });
    outcome = 'defect';
  }
  const milliseconds = performance.now() - start;
  const grown = process.memoryUsage().arrayBuffers - before;
  if (milliseconds > slowest.milliseconds) Object.assign(slowest, { milliseconds, number });
  if (grown > largest.bytes) Object.assign(largest, { bytes: grown, number });
  if (number % SOUND_EVERY === SOUND_EVERY - 1) {
    const one = Math.floor(number / SOUND_EVERY) % sound.length;
    const now = await readInput(weights, sound[one]).catch(String);
    if (now !== expected[one]) {
      parentPort.postMessage({
        defect: { number, error: `after it, undamaged file ${one} is ${now}; at first it was ${expected[one]}` },
      });
    }
  }
  counts[outcome] = (counts[outcome] ?? 0) + 1;
  Atomics.store(progress, 1, number + 1 - first);
}
parentPort.postMessage({ done: { counts, slowest, largest } });
