#!/usr/bin/env node
/**
 * Shows that a run cannot be lost. A small run is killed at random times, interrupted, left without disk space or without its
 * images, or damaged. Each is resumed and must end with the same bits as the undisturbed run. Needs a build.
 *
 *     node tools/proofs/kill.mjs [--engine wasm] [--kills 50] [--seed 1] [--only PART,...] [--events PYTHON]
 *
 * The parts: kills, again, signals, disk, read-only, data, bit, torn. `--events` is a Python with tensorboard and
 * google-crc32c: with it, `events.py` reads the event files of every run. The parts disk and read-only mount a tmpfs, which
 * needs root; without root they are skipped, with a line that says so.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'wasm' },
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: 'kills,again,signals,disk,read-only,data,bit,torn' },
    events: { type: 'string' },
  },
});
const parts = new Set(values.only.split(','));
const CLI = fileURLToPath(new URL('../../apps/trainer/dist/cli.js', import.meta.url));
const EVENTS = fileURLToPath(new URL('events.py', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'vgg-proof-'));
process.on('exit', () => rmSync(home, { recursive: true, force: true }));
const data = join(home, 'images');

/** State of Mulberry32: the same seed gives the same times. */
let state = Number(values.seed) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/** Runs the trainer. `watch` gets the log so far and the process. */
function trainer(words, watch = () => {}) {
  const child = spawn(process.execPath, [CLI, 'train', ...words], {
    cwd: home,
    env: { ...process.env, XDG_CACHE_HOME: join(home, 'cache'), npm_lifecycle_event: '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text) => {
    log += text;
    watch(log, child);
  });
  watch(log, child);
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, log })));
}

// Batch norm, dropout, colour shifts, averaged weights and the patience of plateau: everything that a checkpoint must hold.
const RECIPE = [
  ...['--config', 'A', '--width', '0.0625', '--input', '32', '--batch-norm', '--batch', '8', '--micro-batch', '4'],
  ...['--epochs', '4', '--schedule', 'plateau', '--patience', '1', '--warm-up', '0.5', '--average-decay', '0.9'],
  ...['--clip-norm', '5', '--label-smoothing', '0.1', '--workers', '1', '--engine', values.engine],
];
const KEEP = ['--checkpoint-every', '1', '--keep', '3'];
const fresh = (run, from = data) => ['--data', from, ...RECIPE, ...KEEP, '--out', run];
const resume = (run) => ['--resume', run, ...KEEP];

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const checkpoints = (run) => {
  const folder = join(home, run, 'checkpoints');
  return existsSync(folder) ? readdirSync(folder).sort() : [];
};
/** Reads the metadata of a safetensors file. */
function metadataOf(path) {
  const file = readFileSync(path);
  return JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString()).__metadata__;
}
/** Fields of a metrics line that may differ: times. */
const TIMES = ['seconds', 'imagesPerSecond', 'waiting', 'saving', 'validating'];
function metricsOf(run) {
  return readFileSync(join(home, run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line, (key, value) => (TIMES.includes(key) ? undefined : value)));
}
/** Returns the result of a run, exact to the bit. */
function outcome(run) {
  const names = checkpoints(run);
  const last = metadataOf(join(home, run, 'checkpoints', names.at(-1)));
  return JSON.stringify({
    weights: sha256(readFileSync(join(home, run, 'model.safetensors'))),
    checkpoints: names,
    contents: names.map((name) => metadataOf(join(home, run, 'checkpoints', name)).sha256),
    // State of the schedule with its patience, place in the epoch, best result.
    state: last.state,
    metrics: metricsOf(run),
  });
}

let failures = 0;
function report(title, problems, detail = '') {
  failures += problems.length > 0;
  console.log(
    `${problems.length === 0 ? 'ok    ' : 'FAILED'} ${title}${detail && `: ${detail}`}${problems.map((text) => `\n       ${text}`).join('')}`,
  );
}
const lastLine = (log) => log.trimEnd().split('\n').at(-1);

console.log(`engine ${values.engine}, seed ${values.seed}; Node ${process.version}`);
// The demo draws its images and is then stopped. The first eight of each class are enough.
await trainer(['--out', 'demo'], (log, child) => {
  if (/drew the demo's images/.test(log)) child.kill('SIGKILL');
});
for (const part of ['train', 'val']) {
  for (const name of readdirSync(join(home, 'runs/demo-images', part))) {
    mkdirSync(join(data, part, name), { recursive: true });
    const files = readdirSync(join(home, 'runs/demo-images', part, name))
      .sort()
      .slice(0, part === 'train' ? 8 : 2);
    for (const file of files) cpSync(join(home, 'runs/demo-images', part, name, file), join(data, part, name, file));
  }
}
await trainer(fresh('warm'));
const began = performance.now();
const undisturbed = await trainer(fresh('whole'));
/** Duration of a run, in milliseconds. It is measured again when the machine is faster. */
let length = performance.now() - began;
if (undisturbed.code !== 0) throw new Error(undisturbed.log);
const expected = outcome('whole');
console.log(
  `an undisturbed run takes ${(length / 1000).toFixed(1)} s and ${metricsOf('whole').length} lines of metrics`,
);
const same = (run) => (outcome(run) === expected ? [] : ['its weights, checkpoints, state or metrics differ']);

/** Resumes a run, or starts it if it has no checkpoint. */
async function finish(run) {
  const { code, log } = await trainer(existsSync(join(home, run, 'run.json')) ? resume(run) : fresh(run));
  const ignored = log.match(/ignored .*checkpoints.*/g) ?? [];
  return { code, log, ignored, problems: code === 0 ? same(run) : [`exit code ${code}: ${lastLine(log)}`] };
}

const events = [];
const kills = parts.has('kills') ? Number(values.kills) : 0;
const tally = { 'before the first checkpoint': 0, 'with checkpoints': 0, 'with a half checkpoint': 0 };
let bad = 0;
let late = 0;
for (let i = 0; i < kills && late < 2 * kills; i++) {
  const run = `kill-${i}`;
  const after = random() * length;
  const start = performance.now();
  const { signal } = await trainer(fresh(run), (log, child) => {
    if (log === '' && !child.armed) child.armed = setTimeout(() => child.kill('SIGKILL'), after);
  });
  if (signal === null) {
    // The run ended before the kill: try another time.
    length = performance.now() - start;
    late += 1;
    i -= 1;
    rmSync(join(home, run), { recursive: true });
    continue;
  }
  const half = checkpoints(run).some((name) => name.endsWith('.tmp'));
  const place = half
    ? 'with a half checkpoint'
    : checkpoints(run).length > 0
      ? 'with checkpoints'
      : 'before the first checkpoint';
  tally[place] += 1;
  const { problems, ignored } = await finish(run);
  // A kill leaves no half file: everything that has the name of a checkpoint is complete.
  problems.push(...ignored);
  problems.push(
    ...readdirSync(join(home, run))
      .filter((name) => /part|tmp|lock/.test(name))
      .map((name) => `${name} is left`),
  );
  if (problems.length > 0) report(`kill -9 number ${i} after ${after.toFixed(0)} ms, ${place}`, problems);
  bad += problems.length > 0;
  if (values.events) events.push(run);
  else rmSync(join(home, run), { recursive: true });
}
if (kills > 0) {
  const seen = Object.values(tally).reduce((sum, count) => sum + count, 0);
  const problems = bad ? [`${bad} runs differ`] : [];
  if (seen < kills) problems.push(`only ${seen} kills came before the run's end`);
  report(`kill -9 at ${kills} random instants`, problems, JSON.stringify(tally));
}

// One run is killed again and again, and is at last left to end.
if (parts.has('again')) {
  let again = 0;
  for (let done = false; !done && again < 20; again++) {
    const words = existsSync(join(home, 'again', 'run.json')) ? resume('again') : fresh('again');
    const { signal } = await trainer(words, (log, child) => {
      if (!child.armed && /training A/.test(log))
        child.armed = setTimeout(() => child.kill('SIGKILL'), length * (0.05 + 0.2 * random()));
    });
    done = signal === null;
  }
  const ended = existsSync(join(home, 'again', 'model.safetensors'));
  const problems =
    again > 1 ? (ended ? same('again') : (await finish('again')).problems) : ['it ended before the first kill'];
  report('one run killed whenever it had begun', problems, `${again - (ended ? 1 : 0)} kills`);
  events.push('again');
}

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
];
for (const [signal, code] of parts.has('signals') ? SIGNALS : []) {
  const first = await trainer(fresh(signal), (log, child) => {
    if (!child.signalled && /epoch 2\/4/.test(log)) child.signalled = child.kill(signal);
  });
  const { problems } = await finish(signal);
  if (first.code !== code) problems.push(`exit code ${first.code}, not ${code}`);
  if (!/saved after step \d+; .*--resume/.test(first.log)) problems.push('it does not say how to resume');
  report(signal, problems, first.log.match(/saved after step \d+/)?.[0]);
  events.push(signal);
}

if (parts.has('signals')) {
  const first = await trainer(fresh('twice'), (log, child) => {
    if (!child.signalled && /epoch 2\/4/.test(log)) {
      child.signalled = child.kill('SIGINT');
      child.kill('SIGTERM');
    }
  });
  report('a second signal at once after the first', (await finish('twice')).problems, `exit code ${first.code}`);
}

/** Runs `work`, as root, with a file system mounted at `path`. */
async function mounted(part, path, options, what, work) {
  if (!parts.has(part)) return;
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', [...options, path], { stdio: 'ignore' });
  } catch {
    console.log(`skipped ${what}: a file system cannot be mounted here`);
    return;
  }
  try {
    await work();
  } finally {
    execFileSync('umount', [path]);
  }
}

await mounted('disk', join(home, 'small'), ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs'], 'disk full', async () => {
  // Other files fill the disk. It has room for the first checkpoints of the run.
  let filled = false;
  const first = await trainer(fresh('small/run'), (log) => {
    if (filled || !/epoch 2\/4/.test(log)) return;
    filled = true;
    for (let size = 2 ** 20; size >= 64; size /= 2) {
      for (let n = 0; n < 3; n++) {
        try {
          writeFileSync(join(home, 'small', `other-${size}-${n}`), Buffer.alloc(size));
        } catch {}
      }
    }
  });
  const problems = [];
  if (first.code !== 1) problems.push(`exit code ${first.code}, not 1`);
  if (
    !/error: cannot write .*: the disk is full \(.* MiB free of the .* MiB that hold .*\): make room there$/.test(
      lastLine(first.log),
    )
  )
    problems.push(`its last line is: ${lastLine(first.log)}`);
  if (!/the run is kept up to step \d+; .*--resume/.test(first.log)) problems.push('it does not say how to resume');
  for (const name of readdirSync(join(home, 'small'))) if (name.startsWith('other')) rmSync(join(home, 'small', name));
  execFileSync('mount', ['-o', 'remount,size=64m', join(home, 'small')]);
  problems.push(...(await finish('small/run')).problems);
  report('disk full', problems, lastLine(first.log));
});

await mounted(
  'read-only',
  join(home, 'read-only'),
  ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs'],
  'read-only',
  async () => {
    const remount = (mode) => execFileSync('mount', ['-o', `remount,${mode}`, join(home, 'read-only')]);
    let signalled = false;
    const first = await trainer(fresh('read-only/run'), (log, child) => {
      if (signalled || !/epoch 2\/4/.test(log)) return;
      signalled = true;
      child.kill('SIGINT');
    });
    remount('ro');
    const refused = await trainer(resume('read-only/run'));
    const another = await trainer(fresh('read-only/other'));
    remount('rw');
    const problems = [];
    for (const { code, log } of [refused, another]) {
      if (code !== 2 || !/error: cannot write the run folder .*: the file system is read-only/.test(lastLine(log)))
        problems.push(`exit code ${code}, last line: ${lastLine(log)}`);
    }
    if (first.code !== 130) problems.push(`exit code ${first.code}, not 130`);
    problems.push(...(await finish('read-only/run')).problems);
    report('read-only out folder', problems, lastLine(refused.log));
  },
);

if (parts.has('data')) {
  const away = join(home, 'away');
  const copy = join(home, 'movable');
  cpSync(data, copy, { recursive: true });
  let moved = false;
  const first = await trainer(fresh('lost', copy), (log) => {
    if (moved || !/epoch 2\/4/.test(log)) return;
    moved = true;
    renameSync(copy, away);
  });
  const gone = await trainer(resume('lost'));
  renameSync(away, copy);
  const { problems } = await finish('lost');
  if (first.code !== 1 || !/error: .* is gone: .* bring it back$/.test(lastLine(first.log)))
    problems.push(`exit code ${first.code}, last line: ${lastLine(first.log)}`);
  if (gone.code !== 2) problems.push(`resumed without its data: exit code ${gone.code}: ${lastLine(gone.log)}`);
  report('data folder lost', problems, `${lastLine(first.log)} | ${lastLine(gone.log)}`);
}

if (parts.has('bit')) {
  const run = 'flipped';
  await trainer(fresh(run), (log, child) => {
    if (!child.signalled && /epoch 3\/4/.test(log)) child.signalled = child.kill('SIGINT');
  });
  const newest = join(home, run, 'checkpoints', checkpoints(run).at(-1));
  const bytes = readFileSync(newest);
  const bit = Math.floor(random() * bytes.length * 8);
  bytes[bit >> 3] ^= 1 << (bit & 7);
  writeFileSync(newest, bytes);
  const { problems, ignored } = await finish(run);
  if (ignored.length !== 1 || !ignored[0].includes(basename(newest))) problems.push(`it says: ${ignored}`);
  report(`one flipped bit, number ${bit} of a checkpoint`, problems, ignored[0]);
}

if (parts.has('torn')) {
  const run = 'torn';
  await trainer(fresh(run), (log, child) => {
    if (!child.signalled && /epoch 3\/4/.test(log)) child.signalled = child.kill('SIGKILL');
  });
  writeFileSync(join(home, run, 'metrics.jsonl'), '{"type":"step","epoch":2,"st', { flag: 'a' });
  const file = join(home, run, 'events.out.tfevents.0000000001.vgg');
  writeFileSync(file, readFileSync(file).subarray(0, -7));
  report('metrics.jsonl and event file with a torn end', (await finish(run)).problems);
  events.push(run);
}

if (values.events) {
  try {
    const lines = execFileSync(values.events, [EVENTS, ...['whole', ...events].map((run) => join(home, run))], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const runs = lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const files = runs.reduce((sum, one) => sum + one.files, 0);
    const records = runs.reduce((sum, one) => sum + one.records, 0);
    report(
      'event files by TensorBoard and an independent parser',
      [],
      `${runs.length} runs, ${files} files, ${records} records`,
    );
  } catch (error) {
    report('event files by TensorBoard and an independent parser', String(error.stderr).trim().split('\n').slice(-5));
  }
}

console.log(failures === 0 ? 'all parts passed' : `${failures} FAILED`);
process.exitCode = failures === 0 ? 0 : 1;
