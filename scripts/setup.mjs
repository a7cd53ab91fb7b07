/**
 * Set-up of this checkout on a machine that has only Node and npm: the pinned pnpm, the dependencies, the build. Steps that
 * are already done are skipped, so a second run takes about a second.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideMpi, provideToolchain, thisMachine } from './toolchain.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(ROOT, '.cache');
const STAMP = join(CACHE, 'installed.json');
const OLDEST_NODE = [20, 19];

/** Environment in which turbo, and everything that it starts, makes no network request. */
export const QUIET_ENVIRONMENT = {
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  DO_NOT_TRACK: '1',
  VITE_CONFIG_NATIVE_IGNORE_WARNING: 'true',
};

/** Prints a line for people, to stderr: stdout belongs to results. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  say(`error: ${line}`);
  process.exit(1);
}

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', ...options });
}

function lastLine(text) {
  return text.trim().split('\n').at(-1) ?? '';
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    fail(`Node ${OLDEST_NODE.join('.')} or newer is needed, this is ${process.versions.node}: install a newer Node`);
  }
}

/** True if a pnpm of at least 9.7 is installed: from then on it switches to the version that package.json pins. */
function usablePnpm() {
  const probe = run('pnpm', ['--version'], { cwd: dirname(ROOT) });
  if (probe.status !== 0) return false;
  const [major, minor] = probe.stdout.trim().split('.').map(Number);
  return major > 9 || (major === 9 && minor >= 7);
}

/** Puts the pinned pnpm on the PATH: the installed one, or else a global install, or else a copy inside the checkout. */
function providePnpm() {
  if (usablePnpm()) return;
  const local = join(CACHE, 'pnpm');
  const bin = join(local, 'node_modules', '.bin');
  if (!existsSync(join(bin, 'pnpm'))) {
    const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    say(`installing ${packageManager}, the pinned package manager`);
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
    const globally = run('npm', ['install', '--global', ...quiet, packageManager], { cwd: dirname(ROOT) });
    if (globally.status === 0 && usablePnpm()) return;
    mkdirSync(local, { recursive: true });
    const copied = run('npm', ['install', '--prefix', local, ...quiet, packageManager], { cwd: local });
    if (copied.status !== 0) fail(`npm could not install ${packageManager}: ${lastLine(copied.stderr)}`);
    say(`npm's global folder is not writable, so pnpm is in ${bin}: put that on the PATH to call pnpm yourself`);
  }
  process.env.PATH = bin + delimiter + process.env.PATH;
}

/** Hashes everything that an install depends on. While the hash is the same, node_modules is kept. */
function installKey() {
  const hash = createHash('sha256').update(`${process.versions.modules} ${process.platform} ${process.arch}`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json']) {
    hash.update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}

function installedKey() {
  if (!existsSync(join(ROOT, 'node_modules')) || !existsSync(STAMP)) return undefined;
  return readFileSync(STAMP, 'utf8');
}

/** Installs the dependencies if they changed. Returns true if it did. */
function install() {
  const key = installKey();
  if (installedKey() === key) return false;
  say('installing dependencies (once)');
  const installed = run('pnpm', ['install', '--frozen-lockfile', '--reporter=append-only'], {
    env: { ...process.env, CI: 'true' },
  });
  if (installed.status !== 0) {
    say(installed.stdout + installed.stderr);
    fail('pnpm could not install the dependencies: see its messages above');
  }
  fetchTensorflowForGpu();
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(STAMP, key);
  return true;
}

function hasNvidiaGpu() {
  return existsSync('/proc/driver/nvidia/version') || run('nvidia-smi', ['-L']).status === 0;
}

/** Fetches libtensorflow, some 400 MB from outside the registry, only if there is an NVIDIA GPU that uses it. */
function fetchTensorflowForGpu() {
  if (!hasNvidiaGpu()) return;
  const engine = createRequire(join(ROOT, 'packages', 'engine', 'package.json'));
  let folder;
  try {
    folder = dirname(engine.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  } catch {
    return;
  }
  if (existsSync(join(folder, 'deps', 'lib'))) return;
  say('found an NVIDIA GPU: fetching libtensorflow for the tensorflow engine');
  const fetched = run('npm', ['run', 'install', '--silent'], { cwd: folder });
  if (fetched.status !== 0) say('libtensorflow could not be fetched: nets run on another engine');
}

function build() {
  const started = Date.now();
  const built = run('pnpm', ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--no-color'], {
    env: { ...process.env, ...QUIET_ENVIRONMENT },
  });
  if (built.status !== 0) {
    say(built.stdout + built.stderr);
    fail('the build failed: see its messages above');
  }
  const seconds = (Date.now() - started) / 1000;
  if (seconds > 5) say(`built in ${seconds.toFixed(0)} s`);
}

/** Builds the addon of a package if what it needs is installed. */
function buildNative(name, installed) {
  const built = run('node', [join(ROOT, 'packages', name, 'scripts', 'build-native.mjs'), '--if-possible']);
  const output = (built.stdout + built.stderr).trim();
  if (output !== '' && (installed || built.status !== 0 || output.includes(': built '))) say(output);
}

/** Sets up everything that `npm start` and `npm test` need. `mpi`: 'run' or 'test' if several processes are requested. */
export function setUp({ mpi } = {}) {
  checkNode();
  providePnpm();
  const installed = install();
  build();
  const machine = thisMachine(CACHE);
  if (provideToolchain(machine, say, installed)) buildNative('backend-onednn', installed);
  if (mpi !== undefined && provideMpi(machine, say, installed, mpi === 'test')) buildNative('mpi', installed);
}
