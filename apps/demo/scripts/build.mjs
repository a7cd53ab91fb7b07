/**
 * Builds the pages into `dist/` from the packages as they are published: each is packed, unpacked into `.packed/` and resolved
 * from there, never from the workspace. `--model FOLDER` holds the net and the example images. Default `model/`, which
 * `scripts/model.mjs` makes.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { extract } from 'tar';
import { build } from 'vite';

const execute = promisify(execFile);

const HERE = fileURLToPath(new URL('..', import.meta.url));
const PACKAGES = join(HERE, '..', '..', 'packages');
const PACKED = join(HERE, '.packed');
const USED = ['core', 'data', 'eval', 'models', 'optim', 'train', 'weights', 'backend-wasm', 'backend-webgpu'];

const PAGES = ['index.html', 'train.html'];

/** Packs a package and unpacks it: its files are then as npm installs them. */
async function unpackTarball(name) {
  const folder = join(PACKED, name);
  mkdirSync(folder, { recursive: true });
  await execute('pnpm', ['pack', '--pack-destination', folder], { cwd: join(PACKAGES, name) });
  const [tarball] = readdirSync(folder);
  await extract({ file: join(folder, tarball), cwd: folder, strip: 1 });
}

/** Resolves our packages to the unpacked ones, and their dependencies to those installed in this workspace. */
function packed() {
  return {
    name: 'packed',
    enforce: 'pre',
    async resolveId(source, importer) {
      const [, own, entry = ''] = /^@vgg\/([\w-]+)(\/.*)?$/.exec(source) ?? [];
      if (own !== undefined) {
        const { exports } = JSON.parse(readFileSync(join(PACKED, own, 'package.json'), 'utf8'));
        return join(PACKED, own, exports[`.${entry}`].import.default);
      }
      const [, asking] = importer?.startsWith(PACKED) ? importer.slice(PACKED.length).split(/[\\/]/) : [];
      if (asking === undefined || /^[./\0]/.test(source)) return null;
      return (
        (await this.resolve(source, join(HERE, 'package.json'))) ??
        this.resolve(source, join(PACKAGES, asking, 'package.json'))
      );
    },
  };
}

const { values } = parseArgs({ options: { model: { type: 'string' }, out: { type: 'string' } } });
const model = resolve(values.model ?? join(HERE, 'model'));
const outDir = resolve(values.out ?? join(HERE, 'dist'));
if (!existsSync(join(model, 'model.safetensors'))) {
  process.stderr.write(`error: expected a net in ${model}, found none: make one with \`pnpm --filter demo model\`\n`);
  process.exit(2);
}
rmSync(PACKED, { recursive: true, force: true });
await Promise.all(USED.map(unpackTarball));
await build({
  root: HERE,
  base: './',
  configFile: false,
  logLevel: 'warn',
  plugins: [packed()],
  resolve: { dedupe: ['@tensorflow/tfjs-core'] },
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2022',
    // libhdf5, which is loaded for .h5 files only, is 4.8 MB.
    chunkSizeWarningLimit: 5000,
    rolldownOptions: { input: PAGES.map((name) => join(HERE, name)) },
  },
});
cpSync(model, join(outDir, 'model'), { recursive: true });
process.stderr.write(`the pages are in ${outDir}\n`);
