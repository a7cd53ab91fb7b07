/**
 * The native engine's compiler and library, and MPI where it is asked for: installed by apt where this may be done (root or passwordless sudo on Debian or
 * Ubuntu), never asking and never waiting without a limit. VGG_SYSTEM_PACKAGES=0 leaves the system as it is.
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

/** For apt and what it starts: nothing may ask. */
const NEVER_ASK = ['DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=a', 'LC_ALL=C.UTF-8'];

const APT_OPTIONS = ['DPkg::Lock::Timeout=60', 'Acquire::http::Timeout=20', 'Acquire::Retries=1'].flatMap((option) => [
  '-o',
  option,
]);

/** Each with the seconds it may take. What is downloaded first can be cut off at any instant, unlike an installation. */
const stepsFor = (packages) => [
  { limit: 120, mayFail: true, args: ['update'] },
  { limit: 300, args: ['install', '--download-only', '-y', '--no-install-recommends', ...packages] },
  { limit: 300, args: ['install', '-y', '--no-install-recommends', ...packages] },
];

/** Tests give another. `folder` takes apt's log and what was decided; `patience` scales the limits. */
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

/** Installs by apt. Returns why it could not, a clause, or nothing. */
function installByApt({ folder, isRoot, environment, patience }, packages) {
  const log = join(folder, 'apt.log');
  // To a file: a pipe would be waited for as long as anything that apt leaves behind holds it.
  const output = openSync(log, 'w');
  try {
    for (const { limit, mayFail, args } of stepsFor(packages)) {
      const [grace, seconds] = [10, limit].map((value) => String(value * patience));
      const limited = ['timeout', '-k', grace, seconds, 'env', ...NEVER_ASK, 'apt-get', ...APT_OPTIONS, ...args];
      const [command, ...rest] = [...(isRoot ? [] : ['sudo', '-n']), ...limited];
      const { status, signal } = spawnSync(command, rest, { stdio: ['ignore', output, output], env: environment });
      if (status === 0 || mayFail) continue;
      if (status === 124 || status === 137 || signal !== null) return `apt-get took more than ${seconds} s`;
      const errors = [...readFileSync(log, 'utf8').matchAll(/^E: (.+)$/gm)].map(([, words]) => words);
      return `apt-get failed (${errors.at(-1) ?? `see ${log}`})`;
    }
  } finally {
    closeSync(output);
  }
  return undefined;
}

/** Why nothing is installed here, a clause, or nothing. */
function forbidden({ isRoot, osRelease, environment }) {
  if (environment.VGG_SYSTEM_PACKAGES === '0') return 'VGG_SYSTEM_PACKAGES is 0';
  if (environment.CXX || environment.ONEDNN_ROOT) return 'CXX or ONEDNN_ROOT names others';
  if (!isDebian(osRelease) || !runs('apt-get', ['--version'], environment)) return 'this is no Debian or Ubuntu';
  if (!isRoot && !runs('sudo', ['-n', 'true'], environment))
    return 'this user is neither root nor has sudo without password';
  return undefined;
}

/**
 * Brings packages that are missing and may be installed. Says one line when it does, and one when it cannot, once: what was
 * decided holds until dependencies are installed again (`again`).
 * @returns true if nothing is missing.
 */
function provide(machine, say, again, { file, packages, purpose, gain, missing }) {
  const lacking = missing();
  if (lacking === undefined) return true;
  // Elsewhere the build itself says what is missing.
  if (!machine.platform.startsWith('linux-')) return true;
  const decided = join(machine.folder, file);
  if (!again && existsSync(decided)) return false;
  mkdirSync(machine.folder, { recursive: true });
  let reason = forbidden(machine);
  if (reason === undefined) {
    const names = [packages.slice(0, -1).join(', '), packages.at(-1)].join(' and ');
    say(`installing ${names} by apt-get for ${purpose} (VGG_SYSTEM_PACKAGES=0 leaves the system as it is)`);
    reason = installByApt(machine, packages) ?? missing();
  }
  if (reason === undefined) return true;
  writeFileSync(decided, `${reason}\n`);
  say(`going on without ${purpose} (${lacking}; ${reason}); ${gain}: apt-get install ${packages.join(' ')}`);
  return false;
}

/** Brings the native engine's compiler and library. */
export function provideToolchain(machine, say, again) {
  return provide(machine, say, again, NATIVE_ENGINE);
}

/** Brings MPI, which is installed only when it is asked for: by `--ranks`, and by the tests, which take two of them. */
export function provideMpi(machine, say, again, forTests) {
  return provide(machine, say, again, mpi(forTests));
}
