/**
 * `pnpm check:packages` tests the packages as they are published. It packs every package, lints each tarball (publint,
 * arethetypeswrong), and installs all of them with npm, pnpm and yarn into empty folders. There it checks that TF.js is
 * installed once, loads every entry in both module systems, type-checks a program under each module resolution, and bundles
 * one with esbuild and Vite. In npm's folder it also trains from CommonJS and runs the examples of the READMEs; in several versions of
 * Node it loads every entry and, on lavapipe, trains on WebGPU. With the native
 * engine it also builds and asks a Next.js server (webpack and Turbopack) and a function for AWS Lambda (esbuild, in both module
 * systems), builds a page with webpack without a warning of a missing package, runs on Bun and Deno, and type-checks with
 * TypeScript 7.
 *
 * It needs a build and the npm registry, and takes about five minutes. If the native engine is built, the package of its
 * binary is included, and is removed at the end: the error without it is checked too.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blocksOf } from './examples.mjs';
import { provideLavapipe } from './lavapipe.mjs';
import { ROOT, say } from './setup.mjs';

const require = createRequire(import.meta.url);
const TSC = require.resolve('typescript/bin/tsc');
const PUBLINT = 'publint@0.3.25';
const ATTW = '@arethetypeswrong/cli@0.18.5';
const YARN = 'yarn@1.22.22';
/** Version of Vite's bundler. yarn 1 fails if a registry lacks one platform's package of a release, as it may for the newest. */
const ROLLUP = '4.60.0';
/** Versions of Node that are tried in addition to this one. */
const NODES = ['22', '24'];
/** Packages that users install in addition. */
const INSTALLED = {
  '@tensorflow/tfjs-core': '4.22.0',
  '@tensorflow/tfjs-backend-cpu': '4.22.0',
  '@tensorflow/tfjs-backend-wasm': '4.22.0',
  '@tensorflow/tfjs-backend-webgpu': '4.22.0',
  '@types/node': '20',
  esbuild: '0.27',
  vite: '7',
  webgpu: '0.6.2',
};
/** Bundlers and run times of servers, which are installed in a folder of their own. */
const SERVERS = {
  '@types/node': '20',
  '@types/react': '19',
  bun: '1',
  deno: '2',
  esbuild: '0.27',
  next: '16',
  react: '19',
  'react-dom': '19',
  typescript: '5.9',
  'typescript-7': 'npm:typescript@7',
  webpack: '5',
};
/** Packages that stay external when a server is bundled, as the READMEs say. */
const EXTERNAL = ['@vgg/backend-onednn', '@vgg/data', '@tensorflow/tfjs-core'];
/** Module resolutions of TypeScript. Under node16, `.mts` and `.cts` are the two module systems. */
const RESOLUTIONS = [
  ['node16', 'node16', ['types.mts', 'types.cts']],
  ['esnext', 'bundler', ['types.ts']],
  ['commonjs', 'node10', ['types.ts']],
];

const folder = mkdtempSync(join(tmpdir(), 'vgg-packages-'));
const tarballs = join(folder, 'tarballs');
const names = readdirSync(join(ROOT, 'packages')).filter((name) => {
  return !JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')).private;
});

const ONEDNN = join(ROOT, 'packages', 'backend-onednn');
const PLATFORM = `${process.platform}-${process.arch}`;
const BUILT = existsSync(join(ONEDNN, 'build', PLATFORM, 'onednn.node'));

/** Runs a program in the consumer's folder. If it fails, prints its output and ends. */
function run(title, program, args, cwd, environment = {}) {
  say(title);
  try {
    execFileSync(program, args, {
      cwd,
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...process.env, XDG_CACHE_HOME: folder, NEXT_TELEMETRY_DISABLED: '1', ...environment },
    });
  } catch ({ stdout, stderr }) {
    say(`${stdout}${stderr}\nerror: ${title}: see above; the folder is ${folder}`);
    process.exit(1);
  }
}

mkdirSync(tarballs);
function pack(name, group = 'packages') {
  run(`packing ${name}`, 'pnpm', ['pack', '--pack-destination', tarballs], join(ROOT, group, name));
}
for (const name of names) pack(name);
const libraries = readdirSync(tarballs);
pack('trainer', 'apps');
if (BUILT) {
  run('assembling the binary', process.execPath, [join(ONEDNN, 'scripts', 'assemble-platform.mjs')]);
  pack(join('backend-onednn', 'npm', PLATFORM));
} else {
  say(`the native engine is not built for ${PLATFORM}: its package and its examples are skipped`);
}
const files = readdirSync(tarballs).map((file) => join(tarballs, file));
for (const file of files) run(`linting ${file}`, 'pnpm', ['dlx', PUBLINT, 'run', '--strict', file], folder);
// A package that holds only a binary or a program has no types.
for (const file of libraries) run(`reading the types of ${file}`, 'pnpm', ['dlx', ATTW, join(tarballs, file)], folder);

/** Tarballs by package name. They depend on each other in versions that are not published yet. */
const packed = Object.fromEntries(
  files.map((file) => {
    const manifest = execFileSync('tar', ['-xzOf', file, 'package/package.json'], { encoding: 'utf8' });
    return [JSON.parse(manifest).name, `file:${file}`];
  }),
);

/** Name of the binary's package. npm and pnpm skip an optional package that is not published yet; yarn gets an empty one. */
const BINARY = `@vgg/backend-onednn-${PLATFORM}`;
const placeholder = join(folder, 'placeholder');
mkdirSync(placeholder);
writeFileSync(join(placeholder, 'package.json'), JSON.stringify({ name: BINARY, version: '0.0.0' }));

/** Install command of each package manager, and the fields of package.json by which it takes our packages from tarballs. */
const MANAGERS = {
  npm: { install: ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'], extra: { overrides: packed } },
  pnpm: { install: ['pnpm', 'install', '--ignore-scripts'], extra: { pnpm: { overrides: packed } } },
  yarn: {
    install: ['npx', '--yes', YARN, 'install', '--ignore-scripts'],
    extra: { resolutions: { rollup: ROLLUP, [BINARY]: `file:${placeholder}`, ...packed } },
  },
};

function check(manager) {
  const consumer = join(folder, manager);
  const by = (title) => `${title}, installed by ${manager}`;
  const node = (title, ...args) => run(by(title), process.execPath, args, consumer);
  cpSync(join(ROOT, 'tools', 'repo', 'consumer'), consumer, { recursive: true });
  for (const extension of ['mts', 'cts']) cpSync(join(consumer, 'types.ts'), join(consumer, `types.${extension}`));
  const { install, extra } = MANAGERS[manager];
  const manifest = { name: 'consumer', private: true, dependencies: { ...packed, ...INSTALLED }, ...extra };
  writeFileSync(join(consumer, 'package.json'), JSON.stringify(manifest));
  run(by('installing'), install[0], install.slice(1), consumer);

  node('looking for one TF.js', 'one-engine.mjs');
  node('loading every entry', 'entries.mjs', ...(BUILT ? [] : ['--without-onednn']));
  for (const [module, resolution, programs] of RESOLUTIONS) {
    const flags = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--types', 'node'];
    const how = ['--module', module, '--moduleResolution', resolution];
    node(`type-checking under ${resolution}`, TSC, ...flags, ...how, ...programs);
  }
  node('bundling', 'bundle.mjs');
  return consumer;
}

const [consumer] = Object.keys(MANAGERS).map(check);
const node = (title, ...args) => run(title, process.execPath, args, consumer);

node('making images and a net', 'photographs.mjs');
run('training by the command line', 'npx', ['vgg', 'train', '--smoke'], consumer);
if (BUILT) node('training on the native engine by CommonJS', 'onednn.cjs');
node('training by CommonJS', 'train.cjs');
checkNodes();

/** Loads every entry and trains on WebGPU, if there is lavapipe, in this and in other versions of Node. */
function checkNodes() {
  const { environment, reason } = provideLavapipe();
  if (reason !== undefined) say(`WebGPU is not tried: ${reason}`);
  const programs = NODES.map((version) => {
    const [name, home] = [`node-${PLATFORM}`, join(folder, `node-${version}`)];
    mkdirSync(home);
    const install = ['install', '--no-audit', '--no-fund', '--prefix', home, `${name}@${version}`];
    run(`installing Node ${version}`, 'npm', install, folder);
    return [version, join(home, 'node_modules', name, 'bin', 'node')];
  });
  const entries = ['entries.mjs', ...(BUILT ? [] : ['--without-onednn'])];
  for (const [version, program] of programs) run(`loading every entry in Node ${version}`, program, entries, consumer);
  if (reason !== undefined) return;
  for (const [version, program] of [[process.versions.node, process.execPath], ...programs]) {
    run(`training on WebGPU in Node ${version}`, program, ['webgpu.mjs'], consumer, environment);
  }
}

for (const [name, path] of [['README', 'README.md'], ...names.map((name) => [name, `packages/${name}/README.md`])]) {
  if (name === 'backend-onednn' && !BUILT) continue;
  const examples = blocksOf(path).filter(({ language }) => language === 'ts');
  examples.forEach(({ source }, i) => {
    const file = `${name}-${i}`;
    writeFileSync(join(consumer, `${file}.mts`), source);
    const flags = ['--noCheck', '--target', 'es2022', '--module', 'node16', '--skipLibCheck', `${file}.mts`];
    node(`compiling example ${i + 1} of ${name}`, TSC, ...flags);
    node(`running example ${i + 1} of ${name}`, `${file}.mjs`);
  });
}

if (BUILT) checkServers();

/** Bundles and runs the programs of `tools/repo/servers`. */
function checkServers() {
  const servers = join(folder, 'servers');
  cpSync(join(ROOT, 'tools', 'repo', 'servers'), servers, { recursive: true });
  for (const name of ['photo.jpg', 'model.safetensors']) cpSync(join(consumer, name), join(servers, name));
  const manifest = {
    name: 'servers',
    private: true,
    dependencies: { ...packed, ...INSTALLED, ...SERVERS },
    overrides: packed,
  };
  writeFileSync(join(servers, 'package.json'), JSON.stringify(manifest));
  const [npm, ...install] = MANAGERS.npm.install;
  // Bun's binary is unpacked by its install script.
  run(
    'installing what servers use',
    npm,
    install.filter((option) => option !== '--ignore-scripts'),
    servers,
  );
  const bin = (title, name, ...args) => run(title, join(servers, 'node_modules', '.bin', name), args, servers);
  const onNode = (title, ...args) => run(title, process.execPath, args, servers);

  const external = EXTERNAL.map((name) => `--external:${name}`);
  for (const [format, extension] of [
    ['esm', 'mjs'],
    ['cjs', 'cjs'],
  ]) {
    const file = `bundled/handler.${extension}`;
    const flags = ['--bundle', '--platform=node', `--format=${format}`, ...external, `--outfile=${file}`];
    bin(`bundling a function with esbuild (${format})`, 'esbuild', 'handler.mjs', ...flags);
    onNode(`calling the bundled function (${format})`, 'call.mjs', `./${file}`);
  }
  bin('calling the function by Bun', 'bun', 'call.mjs', './handler.mjs');
  bin('calling the function by Deno', 'deno', 'run', '-A', 'call.mjs', './handler.mjs');
  onNode('bundling a page with webpack', 'webpack.mjs');
  for (const bundler of ['webpack', 'turbopack']) {
    bin(`building a Next.js server with ${bundler}`, 'next', 'build', `--${bundler}`);
    onNode(`asking the server that ${bundler} built`, 'call-server.mjs');
  }
  for (const [module, resolution, programs] of RESOLUTIONS.slice(0, 2)) {
    const flags = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--types', 'node'];
    const tsc = join(servers, 'node_modules', 'typescript-7', 'bin', 'tsc');
    const how = ['--module', module, '--moduleResolution', resolution];
    node(`type-checking by TypeScript 7 under ${resolution}`, tsc, ...flags, ...how, ...programs);
  }
}

rmSync(join(consumer, 'node_modules', '@vgg', `backend-onednn-${PLATFORM}`), { recursive: true, force: true });
node('doing without the binary', 'onednn.cjs', '--without');
rmSync(folder, { recursive: true });
say('all packages install and work');
