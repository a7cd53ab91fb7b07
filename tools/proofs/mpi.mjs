#!/usr/bin/env node
/**
 * Shows that a run on many ranks is that of one, and that no fault of a rank hangs it or loses it. Needs a build, the addon of
 * `@vgg/mpi`, and for two machines root.
 *
 *     node tools/proofs/mpi.mjs [--engine onednn-float32] [--faults 100] [--seed 1] [--only PART,...] [--mpirun a,b]
 *
 * The parts: bits, evaluate, resume, signals, faults, random, machines. `--mpirun` names the launchers of each MPI to prove it for.
 * Two machines are two network namespaces of this one, joined by a virtual cable.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES, RECIPE } from './mpi-cases.mjs';
import { empty, FAULTS, fill, mountDisk, prepareFaults, processOf, unmountDisk } from './mpi-faults.mjs';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'onednn-float32' },
    faults: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: 'bits,evaluate,resume,signals,faults,random,machines' },
    mpirun: { type: 'string', default: 'mpirun.openmpi,mpirun.mpich' },
  },
});
const parts = new Set(values.only.split(','));
const launchers = values.mpirun.split(',');
const CLI = fileURLToPath(new URL('../../apps/trainer/dist/cli.js', import.meta.url));
const FIT = fileURLToPath(new URL('mpi-fit.mjs', import.meta.url));
/** Numbers of ranks whose bytes are compared with those of one. */
const RANKS = [2, 3, 4, 6, 8];
const home = mkdtempSync(join(tmpdir(), 'vgg-mpi-'));
process.on('exit', () => rmSync(home, { recursive: true, force: true }));

/** Mulberry32: the faults are the same for the same seed. */
let state = Number(values.seed) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Images of noise in three classes. */
async function makeImages(folder, images, validation) {
  const sharp = createRequire(new URL('../../apps/trainer/package.json', import.meta.url))('sharp');
  for (const [split, count] of [
    ['train', images],
    ['val', validation],
  ]) {
    for (const [c, name] of ['a', 'b', 'c'].entries()) {
      mkdirSync(join(folder, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const pixels = Buffer.from(
          Array.from({ length: 40 * 44 * 3 }, (_, k) => 120 * random() + (c === 0 ? 100 : c * (k % 3) * 25)),
        );
        const file = join(folder, split, name, `${i}.jpg`);
        await sharp(pixels, { raw: { width: 40, height: 44, channels: 3 } })
          .jpeg()
          .toFile(file);
      }
    }
  }
}

const fresh = (out, more = [], data = join(home, 'data')) => [
  ...['--data', data, ...RECIPE, '--checkpoint-every', '1', '--keep', '9', '--engine', values.engine],
  ...['--out', join(home, out), ...more],
];
const resume = (out) => ['--resume', join(home, out), '--checkpoint-every', '1', '--keep', '9'];

/** Runs a command; `watch` sees the log so far and the process. Ends it after five minutes, which is a failure. */
function trainer(words, { watch = () => {}, prefix = [], environment = {}, script = CLI } = {}) {
  const began = performance.now();
  const [command, ...rest] = [...prefix, process.execPath, script, ...words];
  const child = spawn(command, rest, {
    cwd: home,
    env: {
      ...process.env,
      XDG_CACHE_HOME: join(home, 'cache'),
      VGG_ONEDNN_THREADS: '1',
      npm_lifecycle_event: '',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 300_000);
  child.stderr.on('data', (text) => {
    log += text;
    watch(log, child);
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, log, output, ended: performance.now(), seconds: (performance.now() - began) / 1000 });
    });
  });
}
const train = (words, options) => trainer(['train', ...words], options);

/** Returns an mpirun by hand, as it is written before a program. */
function byHand(mpirun, ranks, command = mpirun) {
  const open = ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'];
  return [command, ...(/openmpi/.test(mpirun) ? open : []), '-n', String(ranks)];
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const TIMES = ['seconds', 'imagesPerSecond', 'waiting', 'saving', 'validating', 'peers'];
/** Weights, checkpoint files and metrics without times. */
function outcome(run) {
  const folder = join(home, run, 'checkpoints');
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const metrics = readFileSync(join(home, run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  return JSON.stringify({
    weights: sha256(readFileSync(join(home, run, 'model.safetensors'))),
    last: sha256(readFileSync(join(folder, names.at(-1)))),
    metrics: metrics.map((line) => JSON.parse(line, (key, value) => (TIMES.includes(key) ? undefined : value))),
  });
}

/** Processes of the ranks of a run, by its folder in their command lines. */
function ranksOf(run) {
  const { stdout } = spawnSync('pgrep', ['-af', `${join(home, run)}(\\s|$)`], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => /^\d+ \S*node /.test(line) && !line.includes('--ranks'))
    .map((line) => Number(line.split(' ')[0]));
}

const isRunning = (pid) => existsSync(`/proc/${pid}`);

let failures = 0;
function report(what, problems, detail = '') {
  failures += problems.length > 0;
  const lines = problems.map((text) => `\n       ${text}`).join('');
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${what}${detail && `: ${detail}`}${lines}`);
}
const lastLine = (log) => log.trimEnd().split('\n').at(-1);
const errorLines = (log) => log.split('\n').filter((line) => line.startsWith('error: '));

/** Returns the problems after a fault: it must end with an exit code and one line, in time, and leave no process. */
async function faultProblems(run, { code, log, ended }, since, limit = 10) {
  const problems = [];
  const after = (ended - since) / 1000;
  if (code === 0) problems.push('exit code 0');
  if (errorLines(log).length !== 1) problems.push(`${errorLines(log).length} error lines: ${lastLine(log)}`);
  if (after > limit) problems.push(`ended only after ${after.toFixed(1)} s`);
  for (let i = 0; i < 20 && ranksOf(run).length > 0; i++) await sleep(100);
  const left = ranksOf(run);
  if (left.length > 0) problems.push(`processes ${left} are left`);
  return { problems, after };
}

console.log(`engine ${values.engine}, seed ${values.seed}; Node ${process.version}`);
await makeImages(join(home, 'data'), 24, 9);
/** Result of the undisturbed run of one rank. */
let expected;
const same = (run, as = expected) => (outcome(run) === as ? [] : ['its weights, checkpoint or metrics differ']);
if (['bits', 'evaluate', 'resume', 'signals', 'faults', 'machines'].some((part) => parts.has(part))) {
  const alone = await train(fresh('alone'));
  if (alone.code !== 0) throw new Error(alone.log);
  expected = outcome('alone');
  console.log(`an undisturbed run of one rank takes ${alone.seconds.toFixed(1)} s`);
}

/** Trains a case on some ranks, and returns what comes of it. */
async function outcomeOfCase({ words = [], environment, engine = values.engine, fit = false }, mpirun, ranks) {
  const run = `case-${mpirun ?? 'alone'}-${ranks}`;
  const own = mpirun === undefined ? {} : { environment };
  const { code, log } = fit
    ? await trainer([join(home, run), engine], {
        ...own,
        script: FIT,
        prefix: mpirun === undefined ? [] : byHand(mpirun, ranks),
      })
    : await train(
        [
          ...fresh(run, [...words, '--engine', engine]),
          ...(mpirun === undefined ? [] : ['--ranks', String(ranks), '--mpirun', mpirun]),
        ],
        own,
      );
  const result = code === 0 ? outcome(run) : `exit code ${code}: ${lastLine(log)}`;
  rmSync(join(home, run), { recursive: true, force: true });
  return { code, result };
}

for (const [name, one] of parts.has('bits') ? Object.entries(CASES) : []) {
  const alone = await outcomeOfCase(one);
  if (alone.code !== 0) {
    report(`${name}, one rank`, [alone.result]);
    continue;
  }
  for (const mpirun of launchers) {
    const problems = [];
    for (const ranks of RANKS) {
      const { code, result } = await outcomeOfCase(one, mpirun, ranks);
      if (code !== 0) problems.push(`${ranks} ranks: ${result}`);
      else if (result !== alone.result) problems.push(`${ranks} ranks: its weights, checkpoint or metrics differ`);
    }
    report(`${mpirun}, ${name}, ${RANKS.join(', ')} ranks: the bytes of one`, problems);
  }
}
for (const mpirun of parts.has('bits') ? launchers : []) {
  const run = `direct-${mpirun}`;
  const { code, log } = await train(fresh(run), { prefix: byHand(mpirun, 3) });
  report(`started by ${mpirun} itself: the bytes of one`, code === 0 ? same(run) : [lastLine(log)]);
}

if (parts.has('evaluate')) {
  // All images, to have several blocks, by two nets that differ, fused.
  const second = await train(fresh('second', ['--seed', '2']));
  if (second.code !== 0) throw new Error(second.log);
  const nets = ['--run', join(home, 'alone'), '--run', join(home, 'second')];
  const evaluate = async (file, more = [], options = {}) => {
    const predictions = join(home, file);
    const words = ['evaluate', ...nets, '--split', 'all', '--protocol', 'all', '--engine', values.engine, '--json'];
    const { code, log, output } = await trainer([...words, '--predictions', predictions, ...more], options);
    return code === 0 ? { output, predictions: readFileSync(predictions, 'utf8') } : { problem: lastLine(log) };
  };
  const one = await evaluate('evaluate-1');
  const images = one.problem ?? `${JSON.parse(one.output).images} images`;
  const differences = ({ problem, output, predictions }) => [
    ...(problem === undefined ? [] : [problem]),
    ...(output === one.output ? [] : ['--json differs']),
    ...(predictions === one.predictions ? [] : ['--predictions differs']),
  ];
  report('evaluate, two nets fused, all protocols, one process', differences(one), images);
  const twoThreads = await evaluate('evaluate-threads', [], { environment: { VGG_ONEDNN_THREADS: '2' } });
  report('evaluate by one process of two threads: the bytes of one thread', differences(twoThreads));
  for (const mpirun of launchers) {
    for (const ranks of [2, 3, 4]) {
      const more = ['--ranks', String(ranks), '--mpirun', mpirun];
      report(
        `${mpirun}, evaluate by ${ranks} ranks: the bytes of one`,
        differences(await evaluate(`evaluate-${mpirun}-${ranks}`, more)),
      );
    }
  }
}

/** Begins a run on two ranks and continues it on four, three and one, each interrupted by Ctrl-C after its first epoch. */
async function resumeBy(mpirun, what, words, undisturbed) {
  const run = `resume-${mpirun}-${words.length}`;
  const problems = [];
  for (const [i, ranks] of [2, 4, 3, 1].entries()) {
    const more = ranks === 1 ? [] : ['--ranks', String(ranks), '--mpirun', mpirun];
    // Ctrl-C in epochs 1, 2 and 3.
    const { code, log } = await train([...(i === 0 ? fresh(run, words) : resume(run)), ...more], {
      watch: (text, child) => {
        if (i < 3 && !child.asked && new RegExp(i === 0 ? 'training on 2 ranks' : `epoch ${i}/3`).test(text)) {
          child.asked = true;
          child.kill('SIGINT');
        }
      },
    });
    if (i < 3 ? code !== 130 : code !== 0) problems.push(`${ranks} ranks: exit code ${code}: ${lastLine(log)}`);
  }
  report(
    `${mpirun}, ${what}: begun by 2 ranks, continued by 4, 3 and 1`,
    problems.length === 0 ? same(run, undisturbed) : problems,
  );
}

if (parts.has('resume')) {
  const muon = ['--config', 'D', '--optimiser', 'muon', '--rate', '0.02'];
  const alone = await train(fresh('muon', muon));
  if (alone.code !== 0) throw new Error(alone.log);
  for (const mpirun of launchers) {
    await resumeBy(mpirun, 'A, averages', [], expected);
    await resumeBy(mpirun, 'D, averages, Muon', muon, outcome('muon'));
  }
}

for (const mpirun of parts.has('signals') ? launchers : []) {
  for (const [signal, expectedCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    const run = `${signal}-${mpirun}`;
    const { code, log } = await train([...fresh(run), '--ranks', '3', '--mpirun', mpirun], {
      watch: (text, child) => {
        if (!child.asked && /epoch 1\/3/.test(text)) child.asked = child.kill(signal);
      },
    });
    const problems = [];
    if (code !== expectedCode) problems.push(`exit code ${code}: ${lastLine(log)}`);
    if (!/saved after step \d+/.test(log)) problems.push('it does not say that it is saved');
    if (ranksOf(run).length > 0) problems.push('processes are left');
    const rest = await train([...resume(run), '--ranks', '2', '--mpirun', mpirun]);
    problems.push(...(rest.code === 0 ? same(run) : [lastLine(rest.log)]));
    report(`${mpirun}: ${signal}, then resumed`, problems, log.match(/saved after step \d+/)?.[0]);
  }
}

/** Starts a run, lets `act` do harm once training has begun, and reports what comes of it. */
async function fault(what, run, words, act, { limit = 10, line, more = {} } = {}) {
  let since = 0;
  const result = await train(words, {
    ...more,
    watch: (log, child) => {
      if (child.harmed || !/epoch 1\/3/.test(log)) return;
      child.harmed = true;
      since = performance.now();
      act(child);
    },
  });
  if (since === 0) since = result.ended;
  const { problems, after } = await faultProblems(run, result, since, limit);
  const [error] = errorLines(result.log);
  if (line !== undefined && !line.test(error ?? '')) problems.push(`the line is: ${error}`);
  report(what, problems, `${after.toFixed(1)} s, ${error}`);
  return problems.length === 0;
}

/** Starts ranks where there are fewer slots than ranks, as root and as another user, and reports what the user sees. */
async function starting(mpirun) {
  const isOpen = /openmpi/.test(mpirun);
  const started = async (what, run, { code, log }) =>
    report(`${mpirun}: ${what}: the bytes of one`, code === 0 ? same(run) : [`exit code ${code}: ${lastLine(log)}`]);
  /** `pattern` is what the first of `lines` must say, of which there must be one if they are ours. */
  const refused = (what, { code, log, seconds }, pattern, lines = errorLines(log)) => {
    const problems = code === 1 ? [] : [`exit code ${code}`];
    if (errorLines(log).length > 1 || !lines.some((line) => pattern.test(line)))
      problems.push(`it says: ${lines.join(' | ') || lastLine(log)}`);
    report(`${mpirun}: ${what}`, problems, `${seconds.toFixed(1)} s, ${lines.find((line) => pattern.test(line))}`);
  };

  const hosts = ['--ranks', '3', '--hosts', 'localhost:1', '--mpirun'];
  const more = `slots-${mpirun}`;
  await started('3 ranks on a host with one slot', more, await train([...fresh(more), ...hosts, mpirun]));
  if (isOpen) {
    const wrapper = join(home, 'no-oversubscribe.sh');
    writeFileSync(
      wrapper,
      `#!/bin/bash\nwords=()\nfor word; do [ "$word" = --oversubscribe ] || words+=("$word"); done\nexec ${mpirun} "\${words[@]}"\n`,
    );
    chmodSync(wrapper, 0o755);
    refused(
      'not enough slots, where more ranks are not allowed',
      await train([...fresh('slots'), ...hosts, wrapper]),
      /fewer slots than ranks: raise the slots/,
    );
    refused(
      'not enough slots, by a setting of Open MPI',
      await train([...fresh('slots'), ...hosts, mpirun], {
        environment: { OMPI_MCA_rmaps_base_no_oversubscribe: '1' },
      }),
      /forbids more ranks than slots: unset/,
    );
  }

  // An mpirun by hand: Open MPI's own words come before any rank.
  const began = performance.now();
  const ranks = String(cpus().length + 1);
  const words = [...(process.getuid() === 0 && isOpen ? ['--allow-run-as-root'] : []), '-n', ranks, 'true'];
  const { status, stderr } = spawnSync(mpirun, words, { encoding: 'utf8' });
  const byItself = { code: status, log: stderr, seconds: (performance.now() - began) / 1000 };
  if (isOpen)
    refused(`${ranks} ranks by hand, one more than cores`, byItself, /--oversubscribe option/, stderr.split('\n'));
  else
    report(
      `${mpirun}: ${ranks} ranks by hand, one more than cores, are started`,
      status === 0 ? [] : [lastLine(stderr)],
    );

  if (process.getuid() !== 0) return;
  const asRoot = `root-${mpirun}`;
  const root = await train(fresh(asRoot), { prefix: [mpirun, '-n', '2'] });
  if (isOpen) refused('by hand as root', root, /--allow-run-as-root option/, root.log.split('\n'));
  else await started('by hand as root', asRoot, root);
  // A user without a home.
  const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
  if (spawnSync(user[0], [...user.slice(1), 'test', '-r', CLI]).status !== 0) {
    console.log('left out another user, who cannot read this checkout');
    return;
  }
  const folder = `user-${mpirun}`;
  chmodSync(home, 0o711);
  mkdirSync(join(home, folder));
  chownSync(join(home, folder), 65534, 65534);
  const environment = { HOME: join(home, folder), XDG_CACHE_HOME: join(home, folder, 'cache') };
  const run = join(folder, 'run');
  await started(
    'another user than root',
    run,
    await train([...fresh(run), '--ranks', '2', '--mpirun', mpirun], { prefix: user, environment }),
  );
}

const HARM = {
  'kill -9': (pid) => process.kill(pid, 'SIGKILL'),
  SIGSTOP: (pid) => process.kill(pid, 'SIGSTOP'),
  SIGSEGV: (pid) => process.kill(pid, 'SIGSEGV'),
  SIGABRT: (pid) => process.kill(pid, 'SIGABRT'),
};

for (const mpirun of parts.has('faults') ? launchers : []) {
  const start = (run, ranks = 3) => [...fresh(run), '--ranks', String(ranks), '--mpirun', mpirun];
  for (const [name, harm] of Object.entries(HARM)) {
    for (const rank of [0, 1]) {
      const run = `fault-${mpirun}-${name}-${rank}`.replaceAll(' ', '');
      await fault(`${mpirun}: ${name}, a rank of 3`, run, start(run), () => harm(ranksOf(run).at(rank - 1)));
    }
  }
  {
    const copy = join(home, 'gone');
    cpSync(join(home, 'data'), copy, { recursive: true });
    const run = `data-${mpirun}`;
    const words = start(run).map((word) => (word === join(home, 'data') ? copy : word));
    await fault(`${mpirun}: the images disappear`, run, words, () => rmSync(join(copy, 'train'), { recursive: true }));
    rmSync(copy, { recursive: true, force: true });
  }
  const refused = async (what, words, pattern, more = {}) => {
    const { code, log, seconds } = await train(words, more);
    const problems = [];
    if (code === 0) problems.push('exit code 0');
    if (errorLines(log).length !== 1 || !pattern.test(errorLines(log)[0]))
      problems.push(`it says: ${errorLines(log).join(' | ') || lastLine(log)}`);
    report(`${mpirun}: ${what}`, problems, `${seconds.toFixed(1)} s, ${errorLines(log)[0]}`);
  };
  await refused(
    'no such mpirun',
    [...fresh('none'), '--ranks', '2', '--mpirun', './no-mpirun'],
    /starting ranks needs an mpirun/,
  );
  await refused('an unknown option', [...start('option'), '--depth', '3'], /unknown option/);
  await refused(
    'no such images',
    [...start('nowhere').map((word) => (word === join(home, 'data') ? '/nowhere' : word))],
    /nowhere/,
  );
  await starting(mpirun);
  if (spawnSync('mount', ['--version']).status === 0 && process.getuid() === 0) {
    const small = join(home, `small-${mpirun}`);
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', small]);
    const run = `small-${mpirun}/run`;
    await fault(`${mpirun}: the disk is full`, run, start(run), () => fill(small), { line: /disk is full/ });
    execFileSync('umount', ['-l', small]);
  }
}

/** Disks of the fault at hand. */
const mounted = new Set();

/** A run of six steps, of six micro-batches each: most of a fault's time is the start of the ranks. */
const SMALL = join(home, 'small-data');
const small = (run) => fresh(run, ['--width', '0.0625', '--batch', '12', '--micro-batch', '2', '--epochs', '2'], SMALL);

/**
 * One random fault of a rank: of any kind, on any rank, at any time. It must end the run with one line that names rank and cause, leave
 * no process, and what is saved must be continued by another number of ranks to the same bytes.
 *
 * @returns undefined if the run had ended before the fault.
 */
async function randomFault(i, folder, undisturbed) {
  const mpirun = launchers[i % launchers.length];
  const ranks = 2 + Math.floor(random() * 3);
  const others = [1, 2, 3, 4].filter((count) => count !== ranks);
  const next = others[Math.floor(random() * others.length)];
  const names = Object.keys(FAULTS);
  const name = names[Math.floor(random() * names.length)];
  const { act, environment = {}, first = false, joined = false, used = false, line } = FAULTS[name];
  const starts = act === undefined;
  const victim = first ? 0 : starts ? 1 + Math.floor(random() * (ranks - 1)) : Math.floor(random() * ranks);
  const inTraining = joined || random() < 0.75;
  const wait = random() * (inTraining ? 1000 * undisturbed.seconds : 3000);
  const notes = join(home, `random-${i}`);
  const disk = first ? join(notes, 'disk') : undefined;
  const run = `random-${i}/${first ? 'disk/' : ''}run`;
  mkdirSync(notes);
  if (disk !== undefined) {
    mountDisk(disk);
    mounted.add(disk);
  }
  const harm = {
    FAULT_FOLDER: folder,
    FAULT_RUN: notes,
    FAULT_NODE: process.execPath,
    FAULT_MPIRUN: mpirun,
    FAULT_DATA: SMALL,
    FAULT_RANK: String(victim),
    ...environment,
  };
  let since = starts ? performance.now() : 0;
  const strike = () => {
    const pid = processOf(notes, victim);
    if (pid === undefined) return setTimeout(strike, 20);
    if (!isRunning(pid)) return undefined;
    since = performance.now();
    try {
      act({ pid, disk, notes, data: SMALL });
    } catch {
      // It has just ended.
    }
  };
  let armed = starts;
  let noticed = 0;
  if (!armed && !inTraining) {
    armed = true;
    setTimeout(strike, wait);
  }
  const stand = ['--ranks', String(ranks), '--mpirun', join(folder, 'mpirun.sh')];
  // Options that differ can be given by hand alone: --ranks gives all ranks the same.
  const direct = name === 'another recipe on one rank';
  const result = await train([...small(run), ...(direct ? [] : stand)], {
    ...(direct && { prefix: byHand(mpirun, ranks, join(folder, 'mpirun.sh')) }),
    environment: harm,
    watch: (log) => {
      if (noticed === 0 && /^error: /m.test(log)) noticed = performance.now();
      if (armed || !/training on/.test(log)) return;
      armed = true;
      setTimeout(strike, wait);
    },
  });
  const complete = result.code === 0 && existsSync(join(home, run, 'model.safetensors'));
  const outcomeOf = { name, ranks, next, mpirun, wait, victim, inTraining, error: errorLines(result.log)[0] };
  if (starts && complete) return { ...outcomeOf, problems: ['no rank noticed it'] };
  if (since === 0 || complete) return { ...outcomeOf, late: true, problems: [] };
  const { problems, after } = await faultProblems(run, result, used || starts ? noticed : since);
  const named = errorLines(result.log)[0] ?? '';
  if (!line.test(named)) problems.push(`the line does not say why: ${named}`);
  if (!new RegExp(`rank ${victim}\\b`).test(named)) problems.push(`the line does not name rank ${victim}: ${named}`);
  if (disk !== undefined) empty(disk);
  const resumed = existsSync(join(home, run, 'run.json'));
  if (resumed) {
    const more = next === 1 ? [] : ['--ranks', String(next), '--mpirun', mpirun];
    const rest = await train([...resume(run), ...more]);
    problems.push(
      ...(rest.code === 0 ? same(run, undisturbed.outcome) : [`not resumed by ${next} ranks: ${lastLine(rest.log)}`]),
    );
  }
  return { ...outcomeOf, problems, after, resumed };
}

if (parts.has('random')) {
  const folder = prepareFaults(home, CLI);
  await makeImages(SMALL, 12, 3);
  let began = 0;
  const one = await train(small('small'), {
    watch: (log) => {
      if (began === 0 && / images of /.test(log)) began = performance.now();
    },
  });
  if (one.code !== 0) throw new Error(one.log);
  const undisturbed = { outcome: outcome('small'), seconds: (one.ended - began) / 1000 };
  const tally = {};
  let bad = 0;
  let late = 0;
  let resumed = 0;
  let longest = 0;
  let i = 0;
  for (; i - late < Number(values.faults); i++) {
    const {
      name,
      ranks,
      next,
      mpirun,
      wait,
      victim,
      inTraining,
      problems,
      after = 0,
      ...rest
    } = await randomFault(i, folder, undisturbed);
    for (const disk of mounted) unmountDisk(disk);
    mounted.clear();
    rmSync(join(home, `random-${i}`), { recursive: true, force: true });
    if (rest.late) {
      late += 1;
      continue;
    }
    tally[name] = (tally[name] ?? 0) + 1;
    if (rest.resumed) resumed += 1;
    longest = Math.max(longest, after);
    bad += problems.length > 0;
    const when = `${wait.toFixed(0)} ms after ${inTraining ? 'training began' : 'the start'}`;
    report(
      `fault ${i}, ${name}, rank ${victim} of ${ranks}, ${mpirun}, ${when}${rest.resumed ? `, continued by ${next}` : ''}`,
      problems,
      `${after.toFixed(1)} s, ${rest.error}`,
    );
  }
  report(
    `${i - late} random faults`,
    bad > 0 ? [`${bad} went wrong`] : [],
    `${JSON.stringify(tally)}, ${resumed} continued by another number of ranks, longest ${longest.toFixed(1)} s; ` +
      `${late} came after the end of the run`,
  );
}

/** Two machines: namespaces a and b, and a program that stands in for ssh. */
function joinMachines() {
  const ip = (...words) => execFileSync('ip', words);
  for (const name of ['a', 'b']) spawnSync('ip', ['netns', 'del', `vgg-${name}`]);
  for (const name of ['a', 'b']) ip('netns', 'add', `vgg-${name}`);
  ip('link', 'add', 'vgg-va', 'type', 'veth', 'peer', 'name', 'vgg-vb');
  for (const [i, name] of ['a', 'b'].entries()) {
    ip('link', 'set', `vgg-v${name}`, 'netns', `vgg-${name}`);
    ip('-n', `vgg-${name}`, 'addr', 'add', `10.77.0.${i + 1}/24`, 'dev', `vgg-v${name}`);
    ip('-n', `vgg-${name}`, 'link', 'set', 'lo', 'up');
    ip('-n', `vgg-${name}`, 'link', 'set', `vgg-v${name}`, 'up');
  }
  const shell = join(home, 'shell.sh');
  writeFileSync(
    shell,
    `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
case $1 in 10.77.0.1) ns=vgg-a; name=hosta;; *) ns=vgg-b; name=hostb;; esac
shift
exec ip netns exec $ns unshare --uts sh -c 'hostname "$0"; exec sh -c "$*"' $name "$@"
`,
  );
  chmodSync(shell, 0o755);
  return shell;
}

if (parts.has('machines')) {
  if (process.getuid() !== 0) console.log('left out two machines: only root can make them');
  else {
    const shell = joinMachines();
    const cable = (up) => execFileSync('ip', ['-n', 'vgg-b', 'link', 'set', 'vgg-vb', up ? 'up' : 'down']);
    const open = /openmpi/;
    for (const mpirun of launchers) {
      const two = {
        prefix: ['ip', 'netns', 'exec', 'vgg-a', 'unshare', '--uts', 'sh', '-c', 'hostname hosta; exec "$@"', 'sh'],
        environment: open.test(mpirun)
          ? { OMPI_MCA_plm_rsh_agent: shell }
          : { HYDRA_LAUNCHER: 'rsh', HYDRA_LAUNCHER_EXEC: shell, UCX_TLS: 'tcp,self' },
      };
      const start = (run) => [...fresh(run), '--ranks', '4', '--hosts', '10.77.0.1:2,10.77.0.2:2', '--mpirun', mpirun];
      const run = `two-${mpirun}`;
      const { code, log } = await train(start(run), two);
      report(
        `${mpirun}: two machines, 2 ranks on each: the bytes of one`,
        code === 0 ? same(run) : errorLines(log),
        log.match(/training on \d.*/)?.[0],
      );
      await fault(`${mpirun}: the cable is cut`, `cut-${mpirun}`, start(`cut-${mpirun}`), () => cable(false), {
        limit: 15,
        more: two,
      });
      cable(true);
      const gone = `gone-${mpirun}`;
      await fault(
        `${mpirun}: a machine is gone`,
        gone,
        start(gone),
        () => {
          const pids = execFileSync('ip', ['netns', 'pids', 'vgg-b'], { encoding: 'utf8' })
            .split(/\s+/)
            .filter(Boolean);
          for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
        },
        { more: two },
      );
    }
    for (const name of ['a', 'b']) spawnSync('ip', ['netns', 'del', `vgg-${name}`]);
  }
}

console.log(failures === 0 ? 'all as it must be' : `${failures} FAILED`);
process.exitCode = failures === 0 ? 0 : 1;
