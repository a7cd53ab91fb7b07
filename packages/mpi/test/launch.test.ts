/** Programs started on several ranks. The faults of machines and daemons are those of `tools/proofs/mpi.mjs`. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { builtLibraries, launch, relaunch } from '../src/index';
import { LAUNCHERS, reason } from './mpi';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'launch-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

const node = (source: string) => [process.execPath, '-e', source, home];

describe('launch without MPI', () => {
  it('says in one line what to install', async () => {
    vi.stubEnv('VGG_MPI_BUILD', home);
    await expect(launch(node(''), { ranks: 2 })).rejects.toThrow(
      /^starting ranks needs MPI, for which @vgg\/mpi is not built: apt-get install openmpi-bin .+$/,
    );
  });
});

describe.skipIf(LAUNCHERS.length === 0)(`launch${reason}`, () => {
  it.each(LAUNCHERS)('runs a program on every rank and returns its exit code: %s', async (_, mpirun) => {
    const write = "require('fs').writeFileSync(require('path').join(process.argv[1], String(process.pid)), '')";
    expect(await launch(node(write), { ranks: 2, mpirun })).toBe(0);
    expect(readdirSync(home)).toHaveLength(2);
  });

  /** Runs a program on some ranks and returns its exit code and what `launch` wrote. */
  const writtenBy = async (program: string[], mpirun: string, { saves = true, ranks = 1 } = {}) => {
    const texts = { stdout: '', stderr: '' };
    const spies = (['stdout', 'stderr'] as const).map((name) =>
      vi.spyOn(process[name], 'write').mockImplementation((text) => {
        texts[name] += text;
        return true;
      }),
    );
    try {
      return { code: await launch(program, { ranks, mpirun, saves }), ...texts };
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  };
  const written = (source: string, mpirun: string, options = {}) => writtenBy(node(source), mpirun, options);

  it.each(LAUNCHERS)('passes output whose last line does not end: %s', async (_, mpirun) => {
    expect(await written("process.stdout.write('first\\nlast')", mpirun)).toEqual({
      code: 0,
      stdout: 'first\nlast',
      stderr: '',
    });
    const failing = "process.stderr.write('error: the disk is full'); process.exitCode = 3";
    const { code, stderr } = await written(failing, mpirun);
    expect({ code, line: stderr.split('\n')[0] }).toEqual({ code: 3, line: 'error: the disk is full' });
  });

  it.each(LAUNCHERS)('names the rank that has died, and by what: %s', async (_, mpirun) => {
    const rank = 'process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK';
    const source = (end: string) => `(${rank}) === '1' ? ${end} : setInterval(() => {}, 1000)`;
    const killed = await written(source("process.kill(process.pid, 'SIGABRT')"), mpirun, { ranks: 3 });
    expect(killed.code).not.toBe(0);
    expect(killed.stderr).toMatch(/^error: rank 1 \(.+\) was ended by SIGABRT\n$/);
    const ended = await written(source('process.exit(3)'), mpirun, { ranks: 3 });
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toMatch(/^error: rank 1 \(.+\) ended with exit code 3\n$/);
  });

  it.each(LAUNCHERS)('names the rank that dies in its first moments: %s', async (_, mpirun) => {
    const dies = '[ "$OMPI_COMM_WORLD_RANK$PMI_RANK" = 0 ] && kill -ABRT $$; sleep 2';
    const { code, stderr } = await writtenBy(['sh', '-c', dies], mpirun, { ranks: 4 });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^error: rank 0 \(.+\) was ended by SIGABRT\n$/);
  });

  it.each(LAUNCHERS)('passes characters that come in two parts: %s', async (_, mpirun) => {
    const write = (name: string) => `
      process.${name}.write(Buffer.from('  caf\u00e9', 'utf8').subarray(0, -1));
      setTimeout(() => process.${name}.write(Buffer.of(0xa9, 0x0a)), 300);`;
    expect(await written(write('stdout') + write('stderr'), mpirun)).toEqual({
      code: 0,
      stdout: '  café\n',
      stderr: '  café\n',
    });
  });

  it.each(LAUNCHERS)('ends a program without anything to save at the first signal: %s', async (_, mpirun) => {
    const wait =
      "require('fs').writeFileSync(require('path').join(process.argv[1], 'begun'), ''); setInterval(() => {}, 1000)";
    const ended = launch(node(wait), { ranks: 2, mpirun, saves: false });
    await vi.waitUntil(() => readdirSync(home).length > 0, { timeout: 20_000 });
    process.kill(process.pid, 'SIGTERM');
    expect(await ended).toBe(143);
  });

  it.each(LAUNCHERS)('says nothing of ranks that find others gone after that signal: %s', async (_, mpirun) => {
    const failing = `
      process.on('SIGTERM', () => {
        require('fs').writeSync(2, 'error: rank 1 is gone\\n');
        process.exit(1);
      });
      require('fs').writeFileSync(require('path').join(process.argv[1], 'begun'), '');
      setInterval(() => {}, 1000);`;
    const ended = written(failing, mpirun, { saves: false });
    await vi.waitUntil(() => readdirSync(home).length > 0, { timeout: 20_000 });
    process.kill(process.pid, 'SIGINT');
    expect(await ended).toEqual({ code: 130, stdout: '', stderr: '' });
  });

  it.each(LAUNCHERS)('runs this program again without the options that start ranks: %s', async (_, mpirun) => {
    const script = join(home, 'program.cjs');
    const write =
      "require('fs').writeFileSync(require('path').join(__dirname, 'words'), process.argv.slice(2).join(' '))";
    writeFileSync(script, write);
    const { argv, execArgv } = process;
    const words = ['--ranks', '2', 'evaluate', '--mpirun=x', 'run', '--hosts', 'a:2', '--json'];
    Object.assign(process, { argv: [process.execPath, script, ...words], execArgv: [] });
    try {
      expect(await relaunch({ ranks: 1, mpirun })).toBe(0);
    } finally {
      Object.assign(process, { argv, execArgv });
    }
    expect(readFileSync(join(home, 'words'), 'utf8')).toBe('evaluate run --json');
  });

  /** A program in place of Open MPI's mpirun. */
  const standIn = (source: string) => {
    const file = join(home, 'mpirun');
    writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && echo 'mpirun (Open MPI)' && exit\n${source}\n`, {
      mode: 0o755,
    });
    return file;
  };

  describe.skipIf(!builtLibraries().includes('openmpi'))('by Open MPI', () => {
    it.each([
      [
        'There are not enough slots available in the system',
        /^ {2}result\nerror: the hosts have fewer slots than ranks: raise .+\n$/,
      ],
      [
        'Conflicting directives for mapping policy',
        /^ {2}result\nerror: a setting of mpirun forbids more ranks than slots: unset .+\n$/,
      ],
    ])('says in one line what to do: %s', async (words, line) => {
      const ruler = '-'.repeat(74);
      const mpirun = standIn(`printf '%s\\n' '  result' '${ruler}' '${words}' '' '  1. more' '${ruler}' >&2; exit 1`);
      expect(await written('', mpirun)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(line) });
    });

    it.each([
      [0, true],
      [1000, false],
    ])('asks to be root only as root: user %i', async (user, asks) => {
      vi.spyOn(process, 'getuid').mockReturnValue(user);
      const { stdout } = await written('', standIn('echo "$@"'), { ranks: 5 });
      const words = stdout.split(' ');
      expect(words.includes('--allow-run-as-root')).toBe(asks);
      // More ranks than cores, by intent.
      expect(words).toEqual(expect.arrayContaining(['--oversubscribe', '--bind-to', 'none', '-n', '5']));
    });
  });

  it.each(LAUNCHERS)('starts more ranks than a host has slots: %s', async (_, mpirun) => {
    const write = "require('fs').writeFileSync(require('path').join(process.argv[1], String(process.pid)), '')";
    expect(await launch(node(write), { ranks: 3, hosts: 'localhost:1', mpirun })).toBe(0);
    expect(readdirSync(home)).toHaveLength(3);
  });

  it('leaves no listener for signals', async () => {
    const [[, mpirun]] = LAUNCHERS as [(typeof LAUNCHERS)[number]];
    const before = process.listenerCount('SIGINT');
    await launch(node(''), { ranks: 1, mpirun });
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  it('refuses a launcher that is not there', async () => {
    await expect(launch(node(''), { ranks: 2, mpirun: './mpirun' })).rejects.toThrow(
      /^starting ranks needs an mpirun of .*found no mpirun in \.\/mpirun/,
    );
  });
});
