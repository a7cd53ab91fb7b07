/** Common test configuration: neighbours resolve to their sources, output is silent, totals are machine-readable. */
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

type TestOptions = NonNullable<ViteUserConfig['test']>;

export function tests(options: TestOptions = {}) {
  return defineConfig({
    resolve: { conditions: ['@vgg/source', 'module', 'node', 'import', 'default'] },
    ssr: { resolve: { conditions: ['@vgg/source', 'module', 'node', 'import', 'default'] } },
    test: {
      include: ['test/**/*.test.ts'],
      setupFiles: [fileURLToPath(new URL('./tools/testing/src/setup.ts', import.meta.url))],
      reporters: ['default', ['json', { outputFile: 'test-results.json' }]],
      // Only a test that hangs takes so long: a slow or busy machine must not fail the tests.
      testTimeout: 900_000,
      hookTimeout: 900_000,
      ...options,
    },
  });
}
