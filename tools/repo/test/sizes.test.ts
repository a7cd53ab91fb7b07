/** Size that a package adds to a page: its root entry, minified and compressed, without TF.js and other packages. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Largest size in bytes, about a tenth above the present one, so that growth is intended. Code that is fetched on use counts. */
const BUDGETS = {
  core: 4_000,
  models: 10_100,
  data: 10_300,
  optim: 17_400,
  weights: 48_000,
  train: 11_000,
  eval: 17_500,
  transfer: 6_800,
  perceptual: 1_900,
  'backend-wasm': 33_600,
  vgg: 1_000,
};

it.each(Object.entries(BUDGETS))('@vgg/%s keeps within %i bytes', async (name, budget) => {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '@vgg/${name}';`, resolveDir: HERE },
    plugins: [
      {
        name: 'neighbours',
        setup({ onResolve }) {
          const own = new RegExp(`^@vgg/${name}$`);
          onResolve({ filter: /^[^./]/ }, ({ path }) => (own.test(path) ? null : { path, external: true }));
        },
      },
    ],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'error',
  });
  const bytes = gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
  expect(bytes).toBeGreaterThan(300);
  expect(bytes).toBeLessThanOrEqual(budget);
});
