import { defineConfig } from 'tsup';

export default defineConfig([
  {
    entry: { cli: 'src/cli.ts', 'ui-worker': 'src/ui/worker.ts' },
    format: ['esm'],
    target: 'es2022',
    platform: 'node',
    clean: ['!page/**'],
    sourcemap: true,
  },
  // The report's page: one script and one style sheet, which the program puts into each report.
  {
    entry: { main: 'src/page/main.ts' },
    outDir: 'dist/page',
    format: ['iife'],
    outExtension: () => ({ js: '.js' }),
    target: 'es2022',
    platform: 'browser',
    noExternal: [/./],
    clean: true,
    minify: true,
  },
]);
