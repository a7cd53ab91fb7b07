/**
 * Measures sums over ranks: latency, bandwidth, the event loop's lag meanwhile, and what waiting costs. Rank 0 prints.
 *
 *   mpirun -n 2 node bench/mpi/sums.mjs [ROUNDS=20]
 *
 * Needs `pnpm build` and the addon (`pnpm --filter @vgg/mpi build:native`).
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { joinJob } from '../../packages/mpi/dist/index.js';

/** All parameters of net D. */
const D = 138_357_544;
const rounds = Number(process.argv[2] ?? 20);
const communicator = await joinJob();
const { rank, size, localSize } = communicator;
const print = (line) => rank === 0 && process.stdout.write(`${line}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

print(`${communicator.library.split(',')[0]}, ${size} ranks, ${localSize} on this machine`);
print(
  '| bytes | median | minimum | bus bandwidth | processor | lag, 99th percentile |\n| --: | --: | --: | --: | --: | --: |',
);
for (const count of [1, 2 ** 18, 6_553_600, D]) {
  const buffer = new Float32Array(count).fill(rank);
  const repeats = count === D ? Math.max(3, Math.ceil(rounds / 4)) : rounds;
  const seconds = [];
  const lag = monitorEventLoopDelay({ resolution: 1 });
  const before = process.cpuUsage();
  lag.enable();
  for (let i = 0; i < repeats; i++) {
    await communicator.barrier();
    const began = performance.now();
    await communicator.allReduceSum(buffer);
    seconds.push((performance.now() - began) / 1000);
  }
  lag.disable();
  const { user, system } = process.cpuUsage(before);
  seconds.sort((a, b) => a - b);
  const median = seconds[repeats >> 1];
  const bus = (2 * (size - 1) * 4 * count) / size / median / 1e9;
  print(
    `| ${4 * count} | ${(median * 1e3).toFixed(3)} ms | ${(seconds[0] * 1e3).toFixed(3)} ms | ${bus.toFixed(2)} GB/s | ` +
      `${((user + system) / repeats / 1e3).toFixed(2)} ms | ${(lag.percentile(99) / 1e6).toFixed(1)} ms |`,
  );
}
if (rank === size - 1) await sleep(4000);
const before = process.cpuUsage();
const began = performance.now();
await communicator.barrier();
const { user, system } = process.cpuUsage(before);
const waited = (performance.now() - began) / 1000;
print(`waiting costs ${((100 * (user + system)) / 1e6 / waited).toFixed(1)} % of a core (${waited.toFixed(1)} s)`);
await communicator.close();
