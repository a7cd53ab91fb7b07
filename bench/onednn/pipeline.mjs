/**
 * Compares training on photographs with training on noise, and measures the event loop's lag during training.
 *
 *   node bench/onednn/pipeline.mjs FOLDER [BATCH=8] [STEPS=8] [CONFIGURATION=D] [SIDE=224] [WORKERS]
 *
 * FOLDER: photographs, one folder per class. S is sampled from 256 to 512, then crop, flip and colour shift (section
 * 3.1). Rounds of both take turns, so that other work on the machine affects both. Needs `pnpm build`. Prints one JSON
 * line. Lag is in milliseconds, from Node's own histogram of event-loop delays over all training steps.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createBatches, openSource, trainingStatistics } from '@vgg/data/node';
import { noise, startTraining } from './training.mjs';

const [folder, batchText = '8', stepsText = '8', configuration = 'D', sideText = '224', workersText] =
  process.argv.slice(2);
if (folder === undefined) {
  console.error('error: expected a folder of photographs, one folder per class');
  process.exit(2);
}
const [batch, steps, side] = [batchText, stepsText, sideText].map(Number);
const ROUNDS = 4;
const RESOLUTION = 5;

const { train } = await openSource(folder, { validationFraction: 0.1 });
const { mean, eigenvalues, eigenvectors } = await trainingStatistics(train);
const loader = createBatches(train, {
  batchSize: batch,
  seed: 1,
  workers: workersText === undefined ? undefined : Number(workersText),
  transform: {
    crop: side,
    scale: [Math.round((side * 256) / 224), Math.round((side * 512) / 224)],
    flip: true,
    colour: { values: eigenvalues, vectors: eigenvectors, sigma: 0.1 },
    mean,
  },
});
const classes = 1000;
const { engine, step } = await startTraining({ configuration, side, width: 1, classes });
const synthetic = noise({ batch, side, classes });

async function* endless() {
  for (let epoch = 0; ; epoch++) yield* loader.epoch(epoch);
}
const photographs = endless();
const sources = { noise: async () => synthetic, photographs: async () => (await photographs.next()).value };

const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
const seconds = { noise: 0, photographs: 0 };
const processor = { noise: 0, photographs: 0 };
let number = 0;
for (const source of Object.values(sources)) await step(number++, await source());
delays.enable();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, next] of Object.entries(sources)) {
    const used = process.cpuUsage();
    const start = performance.now();
    for (let i = 0; i < steps / ROUNDS; i++) await step(number++, await next());
    engine.drain();
    seconds[name] += (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(used);
    processor[name] += (user + system) / 1e6;
  }
}
delays.disable();
await photographs.return();
await loader.close();

const images = Math.ceil(steps / ROUNDS) * ROUNDS * batch;
const lag = (percentile) => Number(Math.max(0, delays.percentile(percentile) / 1e6 - RESOLUTION).toFixed(1));
const speed = Object.fromEntries(
  Object.entries(seconds).map(([name, taken]) => [name, Number((images / taken).toFixed(2))]),
);
console.log(
  JSON.stringify({
    configuration,
    side,
    batch,
    images,
    imagesPerSecond: speed,
    ratio: Number((seconds.noise / seconds.photographs).toFixed(3)),
    /** Number of busy cores: 2 if two cores are fully used. */
    coresBusy: Object.fromEntries(
      Object.entries(seconds).map(([name, taken]) => [name, Number((processor[name] / taken).toFixed(2))]),
    ),
    lagMilliseconds: { p50: lag(50), p99: lag(99), longest: Number((delays.max / 1e6 - RESOLUTION).toFixed(1)) },
    fallbacks: Object.fromEntries(engine.fallbacks()),
  }),
);
