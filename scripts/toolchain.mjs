/**
 * The native engine's compiler and library: installed by apt where this may be done (root or passwordless sudo on Debian or
 * Ubuntu), never asking and never waiting without a limit. VGG_SYSTEM_PACKAGES=0 leaves the system as it is.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEBIAN_PACKAGES, probeToolchain } from '../packages/backend-onednn/scripts/probe.mjs';

const NAMES = DEBIAN_PACKAGES.join(' and ');

const BY_HAND = `with it the nets train several times faster than on WebAssembly: apt-get install ${DEBIAN_PACKAGES.join(' ')}`;

/** For apt and what it starts: nothing may ask. */
const NEVER_ASK = ['DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=a', 'LC_ALL=C.UTF-8'];

const APT_OPTIONS = ['DPkg::Lock::Timeout=60', 'Acquire::http::Timeout=20', 'Acquire::Retries=1'].flatMap((option) => [
  '-o',
  option,
]);

/** Each with the seconds it may take. What is downloaded first can be cut off at any instant, unlike an installation. */
const STEPS = [
  { limit: 120, mayFail: true, args: ['update'] },
  { limit: 300, args: ['install', '--download-only', '-y', '--no-install-recommends', ...DEBIAN_PACKAGES] },
  { limit: 300, args: ['install', '-y', '--no-install-recommends', ...DEBIAN_PACKAGES] },
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
function installByApt({ folder, isRoot, environment, patience }) {
  const log = join(folder, 'apt.log');
  // To a file: a pipe would be waited for as long as anything that apt leaves behind holds it.
  const output = openSync(log, 'w');
  try {
    for (const { limit, mayFail, args } of STEPS) {
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
 * Brings compiler and library where they are missing and may be installed. Says one line when it does, and one when it
 * cannot, once: what was decided holds until dependencies are installed anew (`again`).
 * @returns whether both are there.
 */
export function provideToolchain(machine, say, again) {
  const { missing } = probeToolchain();
  if (missing === undefined) return true;
  // Elsewhere the build itself says what there is not.
  if (!machine.platform.startsWith('linux-')) return true;
  const decided = join(machine.folder, 'toolchain.txt');
  if (!again && existsSync(decided)) return false;
  mkdirSync(machine.folder, { recursive: true });
  let reason = forbidden(machine);
  if (reason === undefined) {
    say(`installing ${NAMES} by apt-get for the native engine (VGG_SYSTEM_PACKAGES=0 leaves the system as it is)`);
    reason = installByApt(machine) ?? probeToolchain().missing;
  }
  if (reason === undefined) return true;
  writeFileSync(decided, `${reason}\n`);
  say(`going on without the native engine (${missing}; ${reason}); ${BY_HAND}`);
  return false;
}
