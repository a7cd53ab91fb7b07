/** Several processes of one job on a machine take its GPUs in turn. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { shareMachine, visibleGpu } from '../src/share-machine';

beforeEach(() => {
  vi.stubEnv('VGG_ONEDNN_THREADS', '3');
});
afterEach(() => vi.unstubAllEnvs());

describe('the GPU of a process', () => {
  const of = (processes: number, given: string | undefined, all: string[]) =>
    Array.from({ length: processes }, (_, localRank) => visibleGpu(localRank, given, all));

  it.each([
    ['as many GPUs as processes', 2, undefined, ['0', '1'], ['0', '1']],
    ['fewer, in turn', 5, undefined, ['0', '1'], ['0', '1', '0', '1', '0']],
    ['none', 2, undefined, [], [undefined, undefined]],
    ['those that all were given, by number or by name', 3, '3,GPU-1f', ['0', '1', '2', '3'], ['3', 'GPU-1f', '3']],
    ['the one that it was given', 2, '5', ['0', '1'], ['5', '5']],
    ['none if that was wanted', 2, '', ['0', '1'], ['', '']],
  ])('is one of %s', (_, processes, given, all, expected) => {
    expect(of(processes, given, all)).toEqual(expected);
  });

  it('is set before an engine starts, where several processes share the machine', async () => {
    vi.stubEnv('CUDA_VISIBLE_DEVICES', '4,6');
    await shareMachine({ localRank: 0, localSize: 1 });
    expect(process.env.CUDA_VISIBLE_DEVICES).toBe('4,6');
    await shareMachine({ localRank: 1, localSize: 2 });
    expect(process.env.CUDA_VISIBLE_DEVICES).toBe('6');
  });
});

describe('the threads of a process', () => {
  it('are those that the user has set', async () => {
    await shareMachine({ localRank: 1, localSize: 2 });
    expect(process.env.VGG_ONEDNN_THREADS).toBe('3');
  });
});
