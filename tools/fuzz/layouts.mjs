/**
 * Opens random trees of folders and files as data sets. Fails if an error is not a VggError of one line, or a file is neither used
 * nor counted as unused.
 *
 *   node tools/fuzz/layouts.mjs [TREES] [SEED]    (default 100,000 trees; after pnpm build)
 */
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = new URL('../../packages/data/', import.meta.url);
const require = createRequire(new URL('package.json', here));
const { build } = require('esbuild');
const trees = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);

const bundle = fileURLToPath(new URL('node_modules/.random-tree.mjs', here));
await build({
  entryPoints: [fileURLToPath(new URL('test/random-tree.ts', here))],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  external: ['@vgg/core'],
  logLevel: 'error',
});
const { randomTree, tryTree } = await import(bundle);
const { randomStream } = await import(require.resolve('@vgg/core').replace(/\.cjs$/, '.js'));
const { LAYOUTS, openSource } = await import(new URL('dist/node.js', here).href);

const counts = new Map();
const started = Date.now();
for (let i = 0; i < trees; i++) {
  const random = randomStream(seed, 'layouts', i);
  const path = randomTree(random);
  const layout = random.uniform() < 0.8 ? 'auto' : LAYOUTS[random.integer(LAYOUTS.length)];
  const kept = (reason) => {
    console.error(`tree ${i} of seed ${seed}, layout ${layout}: ${reason}; it is kept in ${path}`);
    process.exit(1);
  };
  const { result, accounted, missing } = await tryTree(path, layout, openSource).catch((error) => kept(error.stack));
  if (!accounted) kept(`files are not accounted for: ${missing}`);
  counts.set(result, (counts.get(result) ?? 0) + 1);
  rmSync(path, { recursive: true });
  if ((i + 1) % 10_000 === 0) console.log(`${i + 1} trees, ${((Date.now() - started) / 1000).toFixed(0)} s`);
}
console.log(`${trees} trees: ${[...counts].map(([result, count]) => `${count} ${result}`).join(', ')}`);
