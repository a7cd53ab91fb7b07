/** Options and the number of threads, without the addon. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { configure, type OnednnOptions, resolveOptions } from '../src/options';
import { parseCpuList, physicalCores } from '../src/threads';

afterEach(() => {
  vi.unstubAllEnvs();
});

const PLAIN = { bf16: false, amx: false };

describe('options', () => {
  it.each([
    [{ threads: 0 }, 'threads of onednn must be an integer from 1 to 1024, got 0'],
    [{ threads: 1.5 }, 'threads of onednn must be an integer from 1 to 1024, got 1.5'],
    [{ memoryLimit: 5 }, 'memoryLimit of onednn must be a number of bytes from 1 MiB on, got 5'],
    [{ thread: 2 }, 'unknown option "thread" of onednn (did you mean "threads"?)'],
  ])('%j is refused', (options, message) => {
    expect(() => configure(options as OnednnOptions)).toThrow(message);
  });

  it('come from the environment, and a call comes first', () => {
    vi.stubEnv('VGG_ONEDNN_THREADS', '3');
    vi.stubEnv('VGG_ONEDNN_SYNCHRONOUS', '1');
    expect(resolveOptions(PLAIN)).toMatchObject({ threads: 3, synchronous: true, poison: false });
    configure({ threads: 2 });
    expect(resolveOptions(PLAIN).threads).toBe(2);
    vi.stubEnv('VGG_ONEDNN_MEMORY', 'lots');
    expect(() => resolveOptions(PLAIN)).toThrow(
      'memoryLimit of onednn must be a number of bytes from 1 MiB on, got NaN',
    );
  });
});

describe('precision', () => {
  it.each([
    [{ bf16: false, amx: false }, false],
    [{ bf16: true, amx: false }, false],
    [{ bf16: true, amx: true }, true],
  ])('on a processor with %j is bfloat16: %s', (processor, expected) => {
    expect(resolveOptions(processor).bf16).toBe(expected);
  });

  it('is as asked for, where the processor has it', () => {
    vi.stubEnv('VGG_ONEDNN_PRECISION', 'bfloat16');
    expect(resolveOptions({ bf16: true, amx: false }).bf16).toBe(true);
    expect(() => resolveOptions(PLAIN)).toThrow('bfloat16 needs a processor with AVX512_BF16 or AMX');
    vi.stubEnv('VGG_ONEDNN_PRECISION', 'half');
    expect(() => resolveOptions(PLAIN)).toThrow('precision of onednn must be "float32" or "bfloat16", got half');
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

  it('reads lists of processors', () => {
    expect(parseCpuList('0-2,8,10-11')).toEqual([0, 1, 2, 8, 10, 11]);
  });
});
