/** Installation of the native engine's compiler and library by `npm start` and `npm test`, with stubs for apt-get and sudo. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = new URL('../../../scripts/toolchain.mjs', import.meta.url);

/** Result of `provideToolchain`, and the lines that it printed. */
interface Outcome {
  there: boolean;
  lines: string[];
}

let folder: string;
let bin: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'toolchain-'));
  bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const tool of ['env', 'timeout', 'sh', 'cat', 'chmod', 'sleep', 'id']) {
    symlinkSync(spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim(), join(bin, tool));
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function stub(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

const COMPILER = 'cat > /dev/null; echo vgg_version 2 6';

/** Records its arguments and environment; installing brings a compiler. */
function stubAptGet(onInstall = ''): void {
  stub(
    'apt-get',
    `echo "$DEBIAN_FRONTEND $*" >> ${folder}/calls
case "$*" in
*--download-only*|*update*|--version) ;;
*install*) ${onInstall}
printf '#!/bin/sh\\n${COMPILER}\\n' > ${bin}/g++; chmod +x ${bin}/g++ ;;
esac`,
  );
}

function calls(): string[] {
  const file = join(folder, 'calls');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

const MACHINE = { platform: 'linux-x64', isRoot: true, osRelease: 'ID=ubuntu\nID_LIKE=debian\n' };

function provide(
  machine: Partial<typeof MACHINE & { patience: number; again: boolean; mpi: 'run' | 'test' }> = {},
  environment: Record<string, string> = {},
): Outcome {
  const { again, mpi, ...description } = { ...MACHINE, ...machine };
  const program = `
    import { provideMpi, provideToolchain, thisMachine } from ${JSON.stringify(SCRIPT.href)};
    const lines = [];
    const machine = { ...thisMachine(${JSON.stringify(folder)}), ...${JSON.stringify(description)} };
    const say = (line) => lines.push(line);
    const there = ${mpi === undefined ? `provideToolchain(machine, say, ${again ?? false})` : `provideMpi(machine, say, ${again ?? false}, ${mpi === 'test'})`};
    console.log(JSON.stringify({ there, lines }));`;
  const { CXX, ONEDNN_ROOT, VGG_SYSTEM_PACKAGES, ...inherited } = process.env;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...inherited, PATH: bin, ...environment },
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Outcome;
}

const INSTALLING =
  'installing g++ and libdnnl-dev by apt-get for the native engine (VGG_SYSTEM_PACKAGES=0 leaves the system as it is)';

function continuing(reason: string): string[] {
  return [
    `continuing without the native engine (no C++ compiler (g++); ${reason}); with it the nets train several times faster than on WebAssembly: apt-get install g++ libdnnl-dev`,
  ];
}

describe('the native toolchain', () => {
  it('is kept if it is installed', () => {
    stub('g++', COMPILER);
    stubAptGet();
    expect(provide()).toEqual({ there: true, lines: [] });
    expect(calls()).toEqual([]);
  });

  it('is installed by root, with one line and without a question', () => {
    stubAptGet();
    expect(provide()).toEqual({ there: true, lines: [INSTALLING] });
    const [, ...steps] = calls();
    expect(steps.map((step) => step.replace(/-o \S+ /g, ''))).toEqual([
      'noninteractive update',
      'noninteractive install --download-only -y --no-install-recommends g++ libdnnl-dev',
      'noninteractive install -y --no-install-recommends g++ libdnnl-dev',
    ]);
    expect(steps.every((step) => step.includes('DPkg::Lock::Timeout=60'))).toBe(true);
  });

  it('is installed by sudo if that asks for no password', () => {
    stubAptGet();
    stub('sudo', `echo "sudo $*" >> ${folder}/sudo; [ "$1" = -n ] && shift && exec "$@"`);
    stub('true', '');
    expect(provide({ isRoot: false })).toEqual({ there: true, lines: [INSTALLING] });
    expect(readFileSync(join(folder, 'sudo'), 'utf8').split('\n')[1]).toMatch(/^sudo -n timeout -k 10 120 env DEBIAN/);
  });

  it.each([
    ['sudo asks for a password', { isRoot: false }, {}, 'this user is not root and has no sudo without a password'],
    ['the system is another', { osRelease: 'ID=fedora\n' }, {}, 'this system is not Debian or Ubuntu'],
    ['an installation is forbidden', {}, { VGG_SYSTEM_PACKAGES: '0' }, 'VGG_SYSTEM_PACKAGES is 0'],
  ])('is not installed if %s, and one line says so', (_, machine, environment, reason) => {
    stubAptGet();
    stub('sudo', 'echo "a password is required" >&2; exit 1');
    expect(provide(machine, environment)).toEqual({ there: false, lines: continuing(reason) });
    expect(calls().filter((call) => !call.includes('--version'))).toEqual([]);
  });

  it('is not installed if another compiler is named that is missing', () => {
    stubAptGet();
    const { there, lines } = provide({}, { CXX: 'clang++' });
    expect(there).toBe(false);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('(no C++ compiler (clang++); CXX or ONEDNN_ROOT names another one)');
  });

  it("shows apt's reason when it fails, and tries again only when dependencies are installed again", () => {
    stubAptGet("echo 'E: Unable to locate package libdnnl-dev'; exit 100;");
    const reason = 'apt-get failed (Unable to locate package libdnnl-dev)';
    expect(provide()).toEqual({ there: false, lines: [INSTALLING, ...continuing(reason)] });
    const before = calls().length;
    expect(provide()).toEqual({ there: false, lines: [] });
    expect(calls()).toHaveLength(before);
    expect(provide({ again: true }).lines).toHaveLength(2);
  });

  it('continues without new package lists, and reports that apt installed nothing', () => {
    stub('apt-get', 'case "$*" in *update*) exit 100;; esac');
    expect(provide()).toEqual({ there: false, lines: [INSTALLING, ...continuing('no C++ compiler (g++)')] });
  });

  it('has a time limit, even if a process of apt remains', () => {
    stub('apt-get', '[ "$1" = --version ] && exit 0; trap "" TERM; sleep 90 & sleep 90');
    const start = performance.now();
    const { lines } = provide({ patience: 0.001 });
    expect(lines).toEqual([INSTALLING, ...continuing('apt-get took more than 0.3 s')]);
    expect(performance.now() - start).toBeLessThan(45_000);
  });

  it('includes MPI on request, and a second one for tests', () => {
    stub('g++', 'cat > /dev/null; exit 1');
    stubAptGet();
    const reason = 'no MPI is installed';
    expect(provide({ mpi: 'run' }).lines).toEqual([
      'installing openmpi-bin and libopenmpi-dev by apt-get for runs on several processes (VGG_SYSTEM_PACKAGES=0 leaves the system as it is)',
      `continuing without runs on several processes (${reason}; ${reason}); with it one run trains on many processes and machines: apt-get install openmpi-bin libopenmpi-dev`,
    ]);
    expect(provide({ mpi: 'test' }).lines).toEqual([]);
    expect(provide({ mpi: 'test', again: true }).lines[0]).toContain(
      'installing openmpi-bin, libopenmpi-dev, mpich and libmpich-dev by apt-get',
    );
  });

  it('is left to the build on other systems, which prints what is missing', () => {
    expect(provide({ platform: 'darwin-arm64' })).toEqual({ there: true, lines: [] });
  });
});
