import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { cacheFolder } from '../src/node';

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  homedir: () => {
    throw new Error('A system error occurred: uv_os_homedir returned ENOENT (no such file or directory)');
  },
}));

afterEach(() => vi.unstubAllEnvs());

it('the cache of a user without a home is a folder that nothing can be written to', () => {
  vi.stubEnv('XDG_CACHE_HOME', '');
  expect(cacheFolder('data')).toBe(join('/nonexistent', '.cache', 'vgg', 'data'));
  vi.stubEnv('XDG_CACHE_HOME', '/somewhere');
  expect(cacheFolder('data')).toBe(join('/somewhere', 'vgg', 'data'));
});
