/**
 * Measures a step's time by kernel, and the part of it inside oneDNN's own primitives.
 *
 *   node bench/onednn/profile.mjs train|infer BATCH [CONFIGURATION=D] [SIDE=224] [WIDTH=1] [--shapes]
 *
 * Precision and threads: VGG_ONEDNN_PRECISION, VGG_ONEDNN_THREADS. Prints a Markdown table of the fourth step, in
 * milliseconds of the compute thread: by the clock and as processor time, which is more accurate on a busy machine. Three
 * steps before are not measured, because the system gives a process its memory during them.
 * `--shapes` adds a line for every shape. Needs `pnpm build`.
 */
import { prepare } from './net.mjs';

const [job = 'train', batch = '8', configuration = 'D', side = '224', width = '1'] = process.argv
  .slice(2)
  .filter((argument) => !argument.startsWith('--'));
const { engine, step } = await prepare({ backend: 'onednn', job, batch, configuration, side, width });

for (let i = 0; i < 3; i++) await step(i);
engine.drain();
engine.profile(true);
const start = performance.now();
await step(3);
engine.drain();
const wall = performance.now() - start;
const times = engine.kernelTimes();
engine.profile(false);

const columns = ['calls', 'seconds', 'processorSeconds', 'primitiveSeconds'];
/** Sums entries with the same `nameOf`, and sorts by time in descending order. */
function grouped(nameOf) {
  const groups = new Map();
  for (const time of times) {
    const name = nameOf(time.operation);
    const group = groups.get(name) ?? { calls: 0, seconds: 0, processorSeconds: 0, primitiveSeconds: 0 };
    for (const column of columns) group[column] += time[column];
    groups.set(name, group);
  }
  return [...groups].sort(([, a], [, b]) => b.seconds - a.seconds);
}
const ms = (seconds) => (seconds * 1e3).toFixed(1);
function table(rows) {
  console.log(
    '| kernel | calls | ms | ms of processor time | of these in oneDNN | share |\n| --- | --: | --: | --: | --: | --: |',
  );
  const total = rows.reduce((sum, [, { seconds }]) => sum + seconds, 0);
  for (const [name, { calls, seconds, processorSeconds, primitiveSeconds }] of rows) {
    const share = `${((100 * seconds) / total).toFixed(1)} %`;
    const numbers = [calls, ms(seconds), ms(processorSeconds), ms(primitiveSeconds), share];
    console.log(`| ${name} | ${numbers.join(' | ')} |`);
  }
}
const [[, all]] = grouped(() => 'all');
console.log(
  `${job} ${configuration} ${side}² batch ${batch}: step ${wall.toFixed(0)} ms, kernels ${ms(all.seconds)} ms,`,
);
console.log(
  `oneDNN's primitives ${ms(all.primitiveSeconds)} ms: ${((1e5 * all.primitiveSeconds) / wall).toFixed(1)} % of the step\n`,
);
table(grouped((operation) => operation.split(' ')[0]));
if (process.argv.includes('--shapes')) {
  console.log();
  table(grouped((operation) => operation));
}
