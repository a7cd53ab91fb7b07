/**
 * Trains the nets by which the findings of the paper's section 4 can be shown on photographs, several random seeds of each,
 * evaluates them, and prints one table for each finding: errors with standard errors, and paired tests. Finished steps are
 * kept in the output folder, so that the command continues where it was interrupted.
 *
 *   node tools/proofs/findings.mjs --data DIR [--out runs/findings] [--seeds 3] [--only depth,scales] [--rows B,D]
 *
 * DIR holds a folder of images for each class; a tenth of each class is held out. The settings below fit small photographs
 * such as CIFAR-10's: crops of 32 pixels, an eighth of the filters.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compareErrors, errorOf } from '../../packages/eval/dist/index.js';

const CLI = new URL('../../apps/trainer/dist/cli.js', import.meta.url).pathname;

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string', default: 'runs/findings' },
    seeds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    rows: { type: 'string', default: '' },
    epochs: { type: 'string', default: '6' },
    width: { type: 'string', default: '0.125' },
    engine: { type: 'string', default: 'auto' },
  },
});
function refuse(message) {
  console.error(`error: ${message}`);
  process.exit(2);
}
if (values.data === undefined) refuse('expected --data, the folder of the images, got none: add --data DIR');
if (!/^[1-9]\d*$/.test(values.seeds)) refuse(`expected --seeds as a number of 1 or more, got ${values.seeds}`);
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
mkdirSync(values.out, { recursive: true });

/** Settings of every net. The paper has no batch norm and no Muon: without them deep nets learn little in few epochs. */
const COMMON = [
  ...['--data', resolve(values.data), '--val-fraction', '0.1', '--width', values.width, '--input', '32'],
  ...['--head', 'linear', '--dropout', '0', '--init', 'he', '--batch', '256', '--micro-batch', '128'],
  ...['--epochs', values.epochs, '--validate-every', '2', '--warm-up', '0.5', '--schedule', 'cosine'],
  '--no-colour-shift',
  ...['--engine', values.engine],
];
const common = JSON.stringify(COMMON);
const kept = join(values.out, 'settings.json');
if (!existsSync(kept)) writeFileSync(kept, common);
if (readFileSync(kept, 'utf8') !== common) refuse(`${values.out} has runs of other settings: choose another --out`);

const MUON = ['--optimiser', 'muon', '--rate', '0.06'];
const NORM = ['--batch-norm'];

const net = (config, scale, ...more) => ['--config', config, '--scale', scale, ...more];
/** Options of each net, by its name. */
const NETS = {
  A: net('A', '36', ...NORM, ...MUON),
  'A-LRN': net('A-LRN', '36', ...NORM, ...MUON),
  B: net('B', '36', ...NORM, ...MUON),
  C: net('C', '36', ...NORM, ...MUON),
  D: net('D', '36', ...NORM, ...MUON),
  E: net('E', '36', ...NORM, ...MUON),
  'D at S 48': net('D', '48', ...NORM, ...MUON),
  'D at S 36 to 48': net('D', '36:48', ...NORM, ...MUON),
  'D plain': net('D', '36', '--rate', '0.02', '--clip-norm', '1'),
  'D plain, from A': net('D', '36', '--rate', '0.02', '--clip-norm', '1'),
  'D, batch norm, SGD': net('D', '36', ...NORM, '--rate', '0.1'),
  'A plain': net('A', '36', '--rate', '0.02', '--clip-norm', '1'),
};
/** Nets whose first layers come from another net (section 3.1). */
const PRE_INITIALISED = { 'D plain, from A': 'A plain' };

const of = (name, protocol = 'single', scales = '36', limit) => ({ nets: [name], protocol, scales, limit });
const fused = (names, protocol, scales, limit) => ({ nets: names, protocol, scales, limit });
const FEW = 1000;

/** Findings: a title, evaluations by label, and the pairs whose difference is tested. */
const FINDINGS = {
  depth: {
    title: 'Depth: A, B, D, E (Table 3)',
    rows: { A: of('A'), B: of('B'), D: of('D'), E: of('E') },
    pairs: [
      ['A', 'B'],
      ['B', 'D'],
      ['A', 'D'],
      ['D', 'E'],
    ],
  },
  lrn: {
    title: 'Local response normalisation: A and A-LRN (Table 3)',
    rows: { A: of('A'), 'A-LRN': of('A-LRN') },
    pairs: [['A', 'A-LRN']],
  },
  filters: {
    title: 'Filters of 1×1 and 3×3: B, C, D (Table 3)',
    rows: { B: of('B'), C: of('C'), D: of('D') },
    pairs: [
      ['B', 'C'],
      ['C', 'D'],
    ],
  },
  jitter: {
    title: 'Scale jitter in training: D at one scale (Table 3)',
    rows: {
      'S 36, Q 36': of('D'),
      'S 48, Q 48': of('D at S 48', 'dense', '48'),
      'S 36 to 48, Q 42': of('D at S 36 to 48', 'dense', '42'),
      'S 36, Q 36, dense': of('D', 'dense', '36'),
    },
    pairs: [
      ['S 36, Q 36, dense', 'S 36 to 48, Q 42'],
      ['S 48, Q 48', 'S 36 to 48, Q 42'],
    ],
  },
  scales: {
    title: 'Several test scales, dense (Table 4)',
    rows: {
      'S 36, Q 36': of('D', 'dense', '36'),
      'S 36, Q 32, 36, 40': of('D', 'dense', '32,36,40'),
      'S 48, Q 48': of('D at S 48', 'dense', '48'),
      'S 48, Q 44, 48, 52': of('D at S 48', 'dense', '44,48,52'),
      'S 36 to 48, Q 42': of('D at S 36 to 48', 'dense', '42'),
      'S 36 to 48, Q 36, 42, 48': of('D at S 36 to 48', 'dense', '36,42,48'),
    },
    pairs: [
      ['S 36, Q 36', 'S 36, Q 32, 36, 40'],
      ['S 48, Q 48', 'S 48, Q 44, 48, 52'],
      ['S 36 to 48, Q 42', 'S 36 to 48, Q 36, 42, 48'],
    ],
  },
  protocols: {
    title: `Dense evaluation, multi-crop, both: D trained at S 36 to 48, Q 36, 42, 48, ${FEW} images (Table 5)`,
    rows: {
      dense: of('D at S 36 to 48', 'dense', '36,42,48', FEW),
      'multi-crop': of('D at S 36 to 48', 'multi-crop', '36,42,48', FEW),
      both: of('D at S 36 to 48', 'both', '36,42,48', FEW),
    },
    pairs: [
      ['dense', 'both'],
      ['multi-crop', 'both'],
      ['dense', 'multi-crop'],
    ],
  },
  fusion: {
    title: 'Fusion of nets, dense (Table 6)',
    rows: {
      'D at S 36 to 48': of('D at S 36 to 48', 'dense', '36,42,48'),
      'D at S 48': of('D at S 48', 'dense', '36,42,48'),
      E: of('E', 'dense', '36,42,48'),
      'D at S 36 to 48 + D at S 48': fused(['D at S 36 to 48', 'D at S 48'], 'dense', '36,42,48'),
      'all three': fused(['D at S 36 to 48', 'D at S 48', 'E'], 'dense', '36,42,48'),
    },
    pairs: [
      ['D at S 36 to 48', 'D at S 36 to 48 + D at S 48'],
      ['D at S 36 to 48', 'all three'],
    ],
  },
  settings: {
    title: 'Settings by which the deep net learns in so few epochs',
    rows: Object.fromEntries(
      Object.keys(NETS)
        .filter((name) => name.startsWith('D plain') || name === 'D, batch norm, SGD')
        .concat('D')
        .map((name) => [name === 'D' ? 'D, batch norm, Muon' : name, of(name)]),
    ),
    pairs: [],
    seeds: 1,
  },
};

const only = values.only === '' ? Object.keys(FINDINGS) : values.only.split(',');
const unknown = only.find((name) => FINDINGS[name] === undefined);
if (unknown !== undefined) refuse(`--only: expected ${Object.keys(FINDINGS).join(', ')}, got ${unknown}`);

if (values.rows !== '') {
  const wanted = values.rows.split(',');
  for (const name of only) {
    const { rows, pairs } = FINDINGS[name];
    const missing = wanted.find((row) => rows[row] === undefined);
    if (missing !== undefined) refuse(`--rows: expected ${Object.keys(rows).join(', ')} of ${name}, got ${missing}`);
    FINDINGS[name].rows = Object.fromEntries(wanted.map((row) => [row, rows[row]]));
    FINDINGS[name].pairs = pairs.filter((pair) => pair.every((row) => wanted.includes(row)));
  }
}

function trainer(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) {
    console.error(`error: ${args.join(' ')}\n${stderr}`);
    process.exit(1);
  }
  return stdout;
}

const runOf = (name, seed) => join(values.out, `${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${seed}`);

/** Returns the runs in the output folder that trained to their end; an interrupted one has an evaluation, too. */
function complete() {
  const runs = JSON.parse(trainer('runs', 'list', values.out, '--json'));
  return new Set(runs.filter(({ state }) => state === 'complete').map(({ path }) => path));
}

/** Trains a net once, or continues its interrupted run. */
function train(name, seed) {
  const run = runOf(name, seed);
  if (complete().has(run)) return;
  const first = PRE_INITIALISED[name];
  if (first !== undefined) train(first, seed);
  const from = first === undefined ? [] : ['--pre-init', runOf(first, seed)];
  console.error(`training ${name}, seed ${seed}`);
  if (existsSync(join(run, 'checkpoints'))) trainer('train', '--resume', run, '--quiet');
  else trainer('train', ...COMMON, ...NETS[name], ...from, '--seed', String(seed), '--out', run, '--quiet');
}

/** Returns the outcomes of an evaluation: 1 for each image whose first class is wrong, in the order of the images' names. */
function outcomesOf({ nets, protocol, scales, limit }, seed) {
  for (const name of nets) train(name, seed);
  const key = [...nets, protocol, scales, limit ?? 'all', seed].join('-').replaceAll(/[^A-Za-z0-9]+/g, '-');
  const file = join(values.out, `${key}.jsonl`);
  if (!existsSync(file)) {
    console.error(`evaluating ${nets.join(' + ')}, ${protocol} at ${scales}, seed ${seed}`);
    const runs = nets.flatMap((name) => ['--run', runOf(name, seed)]);
    const limits = limit === undefined ? [] : ['--limit', String(limit)];
    const options = ['--protocol', protocol, '--scales', scales, ...limits, '--engine', values.engine, '--quiet'];
    trainer('evaluate', ...runs, ...options, '--predictions', `${file}.part`);
    renameSync(`${file}.part`, file);
  }
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const images = lines.map((line) => JSON.parse(line)).sort((a, b) => (a.key < b.key ? -1 : 1));
  return Uint8Array.from(images, ({ label, classes }) => Number(label !== classes[0]));
}

/** Prints the table of a finding, and its differences as `compareErrors` of @vgg/eval tests them: paired by image and by seed. */
function show({ title, rows, pairs, seeds: most = seeds.length }) {
  const some = seeds.slice(0, most);
  const outcomes = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [name, some.map((seed) => outcomesOf(row, seed))]),
  );
  console.log(`\n### ${title}\n\n| net | top-1 error of each seed, % | mean ± standard error |\n| --- | --- | --- |`);
  for (const [name, runs] of Object.entries(outcomes)) {
    const each = runs.map((run) => errorOf([run]).error.toFixed(2)).join('; ');
    const { error, standardError } = errorOf(runs);
    console.log(`| ${name} | ${each} | ${error.toFixed(2)} ± ${standardError.toFixed(2)} |`);
  }
  if (pairs.length === 0) return;
  console.log('\n| from, to | change of the error, points | p | seeds with a lower error |\n| --- | --- | --- | --- |');
  for (const [from, to] of pairs) {
    const { difference, standardError, p } = compareErrors(outcomes[from], outcomes[to]);
    const lower = some.filter((_, i) => errorOf([outcomes[to][i]]).error < errorOf([outcomes[from][i]]).error).length;
    const change = `${difference.toFixed(2)} ± ${standardError.toFixed(2)}`;
    console.log(`| ${from} → ${to} | ${change} | ${p < 0.001 ? '< 0.001' : p.toFixed(3)} | ${lower} of ${most} |`);
  }
}

// Seed by seed, so that an interrupted study has all nets of its first seeds.
for (const seed of seeds) {
  for (const name of only) {
    const { rows, seeds: most = seeds.length } = FINDINGS[name];
    if (seed <= most) for (const row of Object.values(rows)) outcomesOf(row, seed);
  }
}
for (const name of only) show(FINDINGS[name]);
