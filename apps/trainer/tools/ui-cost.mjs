/**
 * Measures the cost of `--ui`: trains the same small run without it and with it, with a page open, in turns, and compares
 * processor time and the time of the steps.
 *
 *   node apps/trainer/tools/ui-cost.mjs DATA-FOLDER [pairs, default 4] [options of train ...]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [data, pairs = '4', ...options] = process.argv.slice(2);
if (data === undefined) throw new Error('expected a folder of images');
const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ui-cost-'));

/** Reads all events, as the page does. */
async function follow(url) {
  let bytes = 0;
  try {
    const response = await fetch(`${url}events`);
    for await (const part of response.body) bytes += part.length;
  } catch {
    // The connection ends with the run.
  }
  return bytes;
}

async function train(name, ui) {
  const out = join(folder, name);
  const words = ['train', '--data', data, '--recipe', 'demo', '--out', out, ...options, ...(ui ? ['--ui'] : [])];
  // The shell measures the processor time of its children.
  const child = spawn('bash', ['-c', 'TIMEFORMAT="%U %S"; time node "$@"', 'bash', cli, ...words]);
  let text = '';
  let bytes = Promise.resolve(0);
  child.stderr.on('data', (part) => {
    const had = text.includes('http:');
    text += part;
    const [url] = /http:\S+/.exec(text) ?? [];
    if (!had && url !== undefined) bytes = follow(url);
  });
  await new Promise((done) => child.on('close', done));
  const [user, system] = text.trim().split('\n').at(-1).split(' ').map(Number);
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n').map(JSON.parse);
  const steps = lines.filter(({ type }) => type === 'step').map(({ seconds }) => seconds);
  return { cpu: user + system, steps: steps.reduce((a, b) => a + b, 0), bytes: await bytes };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const ratios = { cpu: [], steps: [] };
try {
  for (let pair = 0; pair < Number(pairs); pair++) {
    // The order alternates, so that neither always comes second.
    const order = pair % 2 === 0 ? [false, true] : [true, false];
    const runs = {};
    for (const ui of order) runs[ui] = await train(`${pair}-${ui}`, ui);
    for (const measure of ['cpu', 'steps']) ratios[measure].push(runs.true[measure] / runs.false[measure]);
    console.log(
      `pair ${pair + 1}: processor ${runs.false.cpu.toFixed(1)} s, with --ui ${runs.true.cpu.toFixed(1)} s; steps ` +
        `${runs.false.steps.toFixed(1)} s, with --ui ${runs.true.steps.toFixed(1)} s; the page read ${runs.true.bytes} bytes`,
    );
  }
  console.log(`median ratios: processor ${median(ratios.cpu).toFixed(3)}, steps ${median(ratios.steps).toFixed(3)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
