/**
 * Installation by apt of the native engine's compiler and library, and of MPI on request, on Debian and Ubuntu, as root or by sudo without a
 * password. It asks no question, and every step has a time limit. VGG_SYSTEM_PACKAGES=0 prevents it.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEBIAN_PACKAGES, probeToolchain } from '../packages/backend-onednn/scripts/probe.mjs';
import { probeMpi } from '../packages/mpi/scripts/probe.mjs';

/** What may be installed: why, its packages, and a probe that returns what is missing. */
const NATIVE_ENGINE = {
  file: 'toolchain.txt',
  packages: DEBIAN_PACKAGES,
  purpose: 'the native engine',
  gain: 'with it the nets train several times faster than on WebAssembly',
  missing: () => probeToolchain().missing,
};

/** Open MPI, and for tests MPICH too. */
const mpi = (forTests) => ({
  file: 'mpi.txt',
  packages: ['openmpi-bin', 'libopenmpi-dev', ...(forTests ? ['mpich', 'libmpich-dev'] : [])],
  purpose: 'runs on several processes',
  gain: 'with it one run trains on many processes and machines',
  missing: () => (probeMpi().length < (forTests ? 2 : 1) ? 'no MPI is installed' : undefined),
});

/** Environment of apt and of everything that it starts, so that none of them asks a question. */
const NEVER_ASK = ['DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=a', 'LC_ALL=C.UTF-8'];

const APT_OPTIONS = ['DPkg::Lock::Timeout=60', 'Acquire::http::Timeout=20', 'Acquire::Retries=1'].flatMap((option) => [
  '-o',
  option,
]);

/** Steps with their time limits in seconds. The download comes first, because it can be stopped at any time without harm. */
const stepsFor = (packages) => [
  { limit: 120, mayFail: true, args: ['update'] },
  { limit: 300, args: ['install', '--download-only', '-y', '--no-install-recommends', ...packages] },
  { limit: 300, args: ['install', '-y', '--no-install-recommends', ...packages] },
];

/** Describes this machine; tests describe another. `folder` gets apt's log and the result, `patience` scales the limits. */
export function thisMachine(folder) {
  return {
    folder,
    platform: `${process.platform}-${process.arch}`,
    isRoot: process.getuid?.() === 0,
    osRelease: existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '',
    environment: process.env,
    patience: 1,
  };
}

function isDebian(osRelease) {
  const fields = [...osRelease.matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)].flatMap(([, value]) => value.split(' '));
  return fields.includes('debian') || fields.includes('ubuntu');
}

function runs(command, args, environment) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 10_000, env: environment }).status === 0;
}

/** Installs by apt. Returns the reason of a failure, a clause, or `undefined`. */
function installByApt({ folder, isRoot, environment, patience }, packages) {
  const log = join(folder, 'apt.log');
  // A file, not a pipe: a process that apt leaves running would keep a pipe open.
  const output = openSync(log, 'w');
  try {
    for (const { limit, mayFail, args } of stepsFor(packages)) {
      const grace = String(10 * patience);
      const seconds = String(limit * patience);
      const limited = ['timeout', '-k', grace, seconds, 'env', ...NEVER_ASK, 'apt-get', ...APT_OPTIONS, ...args];
      const [command, ...rest] = [...(isRoot ? [] : ['sudo', '-n']), ...limited];
      const { status, signal } = spawnSync(command, rest, { stdio: ['ignore', output, output], env: environment });
      if (status === 0 || mayFail) continue;
      if (status === 124 || status === 137 || signal !== null) return `apt-get took more than ${seconds} s`;
      const errors = [...readFileSync(log, 'utf8').matchAll(/^E: (.+)$/gm)].map(([, message]) => message);
      return `apt-get failed (${errors.at(-1) ?? `see ${log}`})`;
    }
  } finally {
    closeSync(output);
  }
  return undefined;
}

/** Returns the reason that forbids an installation, a clause, or `undefined`. */
function forbidden({ isRoot, osRelease, environment }) {
  if (environment.VGG_SYSTEM_PACKAGES === '0') return 'VGG_SYSTEM_PACKAGES is 0';
  if (environment.CXX || environment.ONEDNN_ROOT) return 'CXX or ONEDNN_ROOT names another one';
  if (!isDebian(osRelease) || !runs('apt-get', ['--version'], environment))
    return 'this system is not Debian or Ubuntu';
  if (!isRoot && !runs('sudo', ['-n', 'true'], environment))
    return 'this user is not root and has no sudo without a password';
  return undefined;
}

/**
 * Installs packages if something is missing and the system allows it. Prints one line when it installs. When it cannot, it
 * prints one line once: the result is kept until dependencies are installed again (`again`).
 * @returns true if nothing is missing.
 */
function provide(machine, say, again, { file, packages, purpose, gain, missing }) {
  const lacking = missing();
  if (lacking === undefined) return true;
  // On other systems the build prints what is missing.
  if (!machine.platform.startsWith('linux-')) return true;
  const result = join(machine.folder, file);
  if (!again && existsSync(result)) return false;
  mkdirSync(machine.folder, { recursive: true });
  let reason = forbidden(machine);
  if (reason === undefined) {
    const names = [packages.slice(0, -1).join(', '), packages.at(-1)].join(' and ');
    say(`installing ${names} by apt-get for ${purpose} (VGG_SYSTEM_PACKAGES=0 leaves the system as it is)`);
    reason = installByApt(machine, packages) ?? missing();
  }
  if (reason === undefined) return true;
  writeFileSync(result, `${reason}\n`);
  say(`continuing without ${purpose} (${lacking}; ${reason}); ${gain}: apt-get install ${packages.join(' ')}`);
  return false;
}

/** Installs the native engine's compiler and library. */
export function provideToolchain(machine, say, again) {
  return provide(machine, say, again, NATIVE_ENGINE);
}

/** Installs MPI. It is called only on request: for `--ranks`, and for the tests, which use two kinds of MPI. */
export function provideMpi(machine, say, again, forTests) {
  return provide(machine, say, again, mpi(forTests));
}
