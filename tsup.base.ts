/** Common build configuration: ESM and CommonJS, types for both, source maps. */
import { defineConfig, type Options } from 'tsup';

export function library(entry: Record<string, string>, overrides: Options = {}) {
  return defineConfig({
    entry,
    format: ['esm', 'cjs'],
    target: 'es2022',
    platform: 'neutral',
    dts: true,
    clean: true,
    sourcemap: true,
    treeshake: true,
    splitting: true,
    // The packages ship their sources, to which the maps refer.
    esbuildOptions: (options) => {
      options.sourcesContent = false;
    },
    ...overrides,
  });
}
