/** Bundles `browser.ts` with esbuild and with Vite: no module of Node, one copy of TF.js, and the bundle computes. */
import { readdirSync, writeFileSync } from 'node:fs';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';

const { metafile } = await esbuild({
  entryPoints: ['browser.ts'],
  outfile: 'bundled/esbuild.mjs',
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  metafile: true,
  logLevel: 'error',
});
checkOneEngine('esbuild', Object.keys(metafile.inputs));

const modules = [];
await vite({
  logLevel: 'error',
  configFile: false,
  plugins: [{ name: 'modules', moduleParsed: ({ id }) => void modules.push(id) }],
  build: {
    target: 'es2022',
    outDir: 'bundled/vite',
    lib: { entry: 'browser.ts', formats: ['es'], fileName: 'vite' },
  },
});
checkOneEngine('vite', modules);
const [chunk] = readdirSync('bundled/vite').filter((name) => /\.m?js$/.test(name));
writeFileSync('bundled/vite/package.json', '{ "type": "module" }');

// Globals by which TF.js recognises a browser.
Object.assign(globalThis, { process: undefined, window: Object.assign(globalThis, { document: {} }) });
await import('./bundled/esbuild.mjs');
await import(`./bundled/vite/${chunk}`);

function checkOneEngine(bundler, files) {
  const folders = files.map((file) => /^(.*node_modules\/@tensorflow\/tfjs-core)\/dist/.exec(file)?.[1]);
  const copies = new Set(folders.filter((folder) => folder !== undefined));
  if (copies.size !== 1) throw new Error(`${bundler} took tfjs-core from ${[...copies].join(', ') || 'nowhere'}`);
}
