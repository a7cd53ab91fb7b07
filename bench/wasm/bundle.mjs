/**
 * Bundles a script of this folder with tfjs-core, its backends and @vgg/backend-wasm, as that package resolves them.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PACKAGE = fileURLToPath(new URL('../../packages/backend-wasm/', import.meta.url));
const require = createRequire(`${PACKAGE}package.json`);
const { build } = require('esbuild');

/** CommonJS globals that bundled modules use. */
const COMMONJS_GLOBALS =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); " +
  'const __filename = import.meta.filename; const __dirname = import.meta.dirname;';

/** Folder of the stock backend's .wasm files. */
export const STOCK_FILES = `${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`;

/**
 * Builds `script` (a file name of this folder); `variant` is the source of the module 'variant' that it imports, `alias` has files
 * of further modules by name.
 */
export async function bundle(script, outfile, platform, variant, alias = {}) {
  const node = platform === 'node';
  await build({
    entryPoints: [fileURLToPath(new URL(script, import.meta.url))],
    outfile,
    bundle: true,
    platform,
    format: 'esm',
    mainFields: ['module', 'main'],
    alias: { '@vgg/backend-wasm': `${PACKAGE}dist/index.js`, ...alias },
    nodePaths: [`${PACKAGE}node_modules`],
    ignoreAnnotations: true,
    logLevel: 'error',
    external: node ? [] : ['fs', 'path', 'os', 'crypto', 'worker_threads', 'perf_hooks', 'util', 'string_decoder'],
    banner: node ? { js: COMMONJS_GLOBALS } : {},
    plugins: [
      {
        name: 'variant',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^variant$/ }, () => ({ path: 'variant', namespace: 'variant' }));
          onLoad({ filter: /.*/, namespace: 'variant' }, () => ({ contents: variant, resolveDir: PACKAGE }));
        },
      },
    ],
  });
}
