/**
 * The page (one script and one style sheet, embedded in each report) and the thread of the live page's server. Both are
 * self-contained, so that tests which run the sources can use them too.
 */
import { defineConfig } from 'tsup';

export default defineConfig([
  {
    entry: { main: 'src/page/main.ts' },
    outDir: 'dist/page',
    format: ['iife'],
    outExtension: () => ({ js: '.js' }),
    target: 'es2022',
    platform: 'browser',
    noExternal: [/./],
    clean: false,
    minify: true,
    banner: { js: '/*! uPlot, copyright (c) Leon Sorokin, MIT licence */' },
    silent: true,
    esbuildOptions: (options) => {
      options.conditions = ['@vgg/source'];
    },
  },
  {
    entry: { worker: 'src/live/worker.ts' },
    format: ['esm'],
    target: 'es2022',
    platform: 'node',
    clean: false,
    splitting: false,
    removeNodeProtocol: false,
    noExternal: ['@vgg/core'],
    silent: true,
    esbuildOptions: (options) => {
      options.conditions = ['@vgg/source'];
    },
  },
]);
