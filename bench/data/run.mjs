/**
 * Scale-jittered training crops per second of our loader and of torchvision's DataLoader, with two workers each, in
 * turns, so that other work on the machine affects both equally. Needs a built @vgg/data and a Python with torchvision.
 *
 * Usage: node bench/data/run.mjs FOLDER [--python /usr/bin/python3] [--workers 2] [--rounds 3] [--epochs 3]
 * FOLDER contains one folder of photographs per class, with at least 32 photographs in all.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: '/usr/bin/python3' },
    workers: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    epochs: { type: 'string', default: '3' },
  },
});
if (positionals.length !== 1) {
  console.error('usage: node bench/data/run.mjs FOLDER [--python PATH] [--workers N] [--rounds N] [--epochs N]');
  process.exit(2);
}

const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const sides = {
  '@vgg/data': [process.execPath, script('vgg_loader.mjs')],
  torchvision: [values.python, script('torchvision_loader.py')],
};
const rates = Object.fromEntries(Object.keys(sides).map((side) => [side, []]));
const costs = Object.fromEntries(Object.keys(sides).map((side) => [side, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [side, [program, file]] of Object.entries(sides)) {
    const output = execFileSync(program, [file, positionals[0], values.workers, values.epochs], { encoding: 'utf8' });
    const { epochs, cpuMilliseconds, ...versions } = JSON.parse(output);
    rates[side].push(...epochs.map(({ images, seconds }) => images / seconds));
    costs[side].push(cpuMilliseconds);
    if (round === 0) console.log(side, versions);
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
console.log(
  `${cpus().length} x ${cpus()[0]?.model}, ${values.workers} workers, batches of 32, crops of 224, S in [256, 512]`,
);
for (const [side, all] of Object.entries(rates)) {
  const range = `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`;
  const cost = `${median(costs[side]).toFixed(2)} ms of processor time per image`;
  console.log(`${side}: median ${median(all).toFixed(0)} images/s (${range}), ${cost}`);
}
const ratio = (a, b) => (median(a) / median(b)).toFixed(2);
console.log(`ratio of images/s: ${ratio(rates['@vgg/data'], rates.torchvision)}`);
console.log(`ratio of processor time: ${ratio(costs.torchvision, costs['@vgg/data'])}`);
