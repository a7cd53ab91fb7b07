/** Options and the number of threads, without the addon. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type OnednnOptions, resolveOptions, setOptions } from '../src/options';
import { parseCpuList, physicalCores } from '../src/threads';

afterEach(() => {
  vi.unstubAllEnvs();
});

const PLAIN = { bf16: false };

describe('options', () => {
  it.each([
    [{ threads: 0 }, 'threads of onednn must be an integer from 1 to 1024, got 0'],
    [{ threads: 1.5 }, 'threads of onednn must be an integer from 1 to 1024, got 1.5'],
    [{ memoryLimit: 5 }, 'memoryLimit of onednn must be a number of bytes of at least 1 MiB, got 5'],
    [
      { precision: 'bfloat16-fast' },
      'the precision bfloat16-fast needs a processor with AVX512_BF16 or AMX: use float32',
    ],
    [{ thread: 2 }, 'unknown option "thread" of onednn (did you mean "threads"?)'],
  ])('%j is refused', (options, message) => {
    expect(() => setOptions(options as OnednnOptions, PLAIN)).toThrow(message);
  });

  it('come from the environment, unless a call sets them', () => {
    vi.stubEnv('VGG_ONEDNN_THREADS', '3');
    vi.stubEnv('VGG_ONEDNN_SYNCHRONOUS', '1');
    expect(resolveOptions(PLAIN)).toMatchObject({ threads: 3, synchronous: true, poison: false });
    setOptions({ threads: 2 }, PLAIN);
    expect(resolveOptions(PLAIN).threads).toBe(2);
    vi.stubEnv('VGG_ONEDNN_MEMORY', 'lots');
    expect(() => resolveOptions(PLAIN)).toThrow(
      'memoryLimit of onednn must be a number of bytes of at least 1 MiB, got NaN',
    );
  });
});

describe('an option that is undefined', () => {
  it('leaves the one of the environment, or of an earlier call, in force', () => {
    vi.stubEnv('VGG_ONEDNN_MEMORY', String(2 ** 21));
    setOptions({ threads: 5, memoryLimit: undefined }, PLAIN);
    setOptions({ threads: undefined }, PLAIN);
    expect(resolveOptions(PLAIN)).toMatchObject({ threads: 5, memoryLimit: 2 ** 21 });
  });
});

describe('a variable that is true or false', () => {
  it.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
    ['', false],
  ])('may be "%s"', (text, expected) => {
    vi.stubEnv('VGG_ONEDNN_SYNCHRONOUS', text);
    vi.stubEnv('VGG_ONEDNN_POISON', text);
    expect(resolveOptions(PLAIN)).toMatchObject({ synchronous: expected, poison: expected });
  });

  it.each(['yes', '2', 'False'])('may not be "%s"', (text) => {
    vi.stubEnv('VGG_ONEDNN_POISON', text);
    expect(() => resolveOptions(PLAIN)).toThrow(
      expect.objectContaining({
        code: 'VGG_ARGUMENT',
        message: `poison of onednn must be true or false, got ${text}`,
      }),
    );
  });
});

describe('precision', () => {
  it.each([true, false])('is float32 by default, whether the processor multiplies bfloat16 or not (%s)', (bf16) => {
    expect(resolveOptions({ bf16 }).precision).toBe('float32');
  });

  it('is the one asked for if the processor has it', () => {
    for (const precision of ['bfloat16', 'bfloat16-fast']) {
      vi.stubEnv('VGG_ONEDNN_PRECISION', precision);
      expect(resolveOptions({ bf16: true }).precision).toBe(precision);
      expect(() => resolveOptions(PLAIN)).toThrow(`${precision} needs a processor with AVX512_BF16 or AMX`);
    }
    vi.stubEnv('VGG_ONEDNN_PRECISION', 'half');
    expect(() => resolveOptions(PLAIN)).toThrow(
      'precision of onednn must be one of float32, bfloat16 and bfloat16-fast, got half',
    );
  });
});

describe('physical cores', () => {
  const files = (contents: Record<string, string>) => ({ read: (path: string) => contents[path] });
  const siblings = (cpu: number, list: string) => ({
    [`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`]: list,
  });
  const four = { ...siblings(0, '0,2'), ...siblings(1, '1,3'), ...siblings(2, '0,2'), ...siblings(3, '1,3') };

  it('counts two threads of one core once', () => {
    expect(physicalCores(files({ '/proc/self/status': 'Cpus_allowed_list:\t0-3', ...four }))).toBe(2);
  });

  it('counts only processors that the process may use', () => {
    expect(physicalCores(files({ '/proc/self/status': 'Cpus_allowed_list:\t0,2', ...four }))).toBe(1);
  });

  it.each([
    ['150000 100000', 1],
    ['50000 100000', 1],
    ['max 100000', 2],
  ])('respects a quota of %s', (quota, expected) => {
    const status = { '/proc/self/status': 'Cpus_allowed_list:\t0-3', '/sys/fs/cgroup/cpu.max': quota };
    expect(physicalCores(files({ ...status, ...four }))).toBe(expected);
  });

  it.each([
    ['the group itself', '0::/a/b', { '/sys/fs/cgroup/a/b/cpu.max': '100000 100000' }, 1],
    [
      'a group around it',
      '0::/a/b',
      { '/sys/fs/cgroup/a/cpu.max': '100000 100000', '/sys/fs/cgroup/a/b/cpu.max': 'max 100000' },
      1,
    ],
    [
      "a container's root, where the path is the host's",
      '0::/docker/1',
      { '/sys/fs/cgroup/cpu.max': '100000 100000' },
      1,
    ],
    [
      'version 1',
      '3:memory:/x\n2:cpu,cpuacct:/a',
      {
        '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '100000',
        '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000',
      },
      1,
    ],
    [
      'version 1 without a quota',
      '2:cpu,cpuacct:/',
      { '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1', '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000' },
      2,
    ],
    ['no group', '0::/', {}, 2],
  ])('respects the quota of %s', (_, groups, limits, expected) => {
    const status = { '/proc/self/status': 'Cpus_allowed_list:\t0-3', '/proc/self/cgroup': groups };
    expect(physicalCores(files({ ...status, ...limits, ...four }))).toBe(expected);
  });

  it.runIf(process.platform === 'linux')('are those that taskset leaves to the process', () => {
    const source = fileURLToPath(new URL('../src/threads.ts', import.meta.url));
    const { outputFiles } = buildSync({
      entryPoints: [source],
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
    });
    const program = `${outputFiles[0]!.text}; console.log(physicalCores());`;
    const first = String(
      parseCpuList(/^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!)[0],
    );
    const node = [process.execPath, '--input-type=module', '-e', program];
    expect(execFileSync('taskset', ['-c', first, ...node], { encoding: 'utf8' })).toBe('1\n');
  });

  it('reads lists of processors', () => {
    expect(parseCpuList('0-2,8,10-11')).toEqual([0, 1, 2, 8, 10, 11]);
  });
});
