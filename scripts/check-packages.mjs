/**
 * `pnpm check:packages`: the tarballs are the product. Packs every package, lints each tarball (publint, arethetypeswrong),
 * installs all by npm into an empty folder, and there loads every entry in both module systems, trains by CommonJS,
 * type-checks a program and runs the examples of the READMEs. Needs a build and the npm registry; about a minute. Where the native
 * engine was built, its binary's package is one of them; at the end, and where it was not, the engine is seen to do without.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, say } from './setup.mjs';

const require = createRequire(import.meta.url);
const TSC = require.resolve('typescript/bin/tsc');
const PUBLINT = 'publint@0.3.25';
const ATTW = '@arethetypeswrong/cli@0.18.5';
const INSTALLED = [
  '@tensorflow/tfjs-core@4.22.0',
  '@tensorflow/tfjs-backend-cpu@4.22.0',
  '@tensorflow/tfjs-backend-wasm@4.22.0',
  '@types/node@20',
];
/** What people's TypeScript resolves modules by; `.mts` and `.cts` are the two module systems under node16. */
const RESOLUTIONS = [
  ['node16', 'node16', ['types.mts', 'types.cts']],
  ['esnext', 'bundler', ['types.ts']],
  ['commonjs', 'node10', ['types.ts']],
];

const folder = mkdtempSync(join(tmpdir(), 'vgg-packages-'));
const tarballs = join(folder, 'tarballs');
const consumer = join(folder, 'consumer');
const names = readdirSync(join(ROOT, 'packages')).filter((name) => {
  return !JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')).private;
});

const ONEDNN = join(ROOT, 'packages', 'backend-onednn');
const PLATFORM = `${process.platform}-${process.arch}`;
const BUILT = existsSync(join(ONEDNN, 'build', PLATFORM, 'onednn.node'));

/** Runs a program in the consumer's folder; when it fails, says what it wrote and ends. */
function run(title, program, args, cwd = consumer) {
  say(title);
  try {
    execFileSync(program, args, {
      cwd,
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...process.env, XDG_CACHE_HOME: folder },
    });
  } catch ({ stdout, stderr }) {
    say(`${stdout}${stderr}\nerror: ${title}: see above; the folder is ${folder}`);
    process.exit(1);
  }
}

for (const path of [tarballs, consumer]) mkdirSync(path);
function pack(name) {
  run(`packing ${name}`, 'pnpm', ['pack', '--pack-destination', tarballs], join(ROOT, 'packages', name));
}
for (const name of names) pack(name);
const libraries = readdirSync(tarballs);
if (BUILT) {
  run('assembling the binary', process.execPath, [join(ONEDNN, 'scripts', 'assemble-platform.mjs')]);
  pack(join('backend-onednn', 'npm', PLATFORM));
} else {
  say(`the native engine is not built for ${PLATFORM} here: its package and its examples are left out`);
}
const files = readdirSync(tarballs).map((file) => join(tarballs, file));
for (const file of files) run(`linting ${file}`, 'pnpm', ['dlx', PUBLINT, 'run', '--strict', file]);
// A package with nothing but a binary has no types.
for (const file of libraries) run(`reading the types of ${file}`, 'pnpm', ['dlx', ATTW, join(tarballs, file)]);

cpSync(join(ROOT, 'tools', 'repo', 'consumer'), consumer, { recursive: true });
for (const extension of ['mts', 'cts']) cpSync(join(consumer, 'types.ts'), join(consumer, `types.${extension}`));
writeFileSync(join(consumer, 'package.json'), '{ "name": "consumer", "private": true }');
run('installing', 'npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...files, ...INSTALLED]);

run('making photographs', process.execPath, ['photographs.mjs']);
run('loading every entry', process.execPath, ['entries.mjs', ...(BUILT ? [] : ['--without-onednn'])]);
if (BUILT) run('training on the native engine by CommonJS', process.execPath, ['onednn.cjs']);
run('training by CommonJS', process.execPath, ['train.cjs']);
for (const [module, resolution, programs] of RESOLUTIONS) {
  const flags = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--types', 'node'];
  const how = ['--module', module, '--moduleResolution', resolution];
  run(`type-checking under ${resolution}`, process.execPath, [TSC, ...flags, ...how, ...programs]);
}

const readmes = [['README', ROOT], ...names.map((name) => [name, join(ROOT, 'packages', name)])];
for (const [name, path] of readmes) {
  if (name === 'backend-onednn' && !BUILT) continue;
  const examples = [...readFileSync(join(path, 'README.md'), 'utf8').matchAll(/^```ts\n(.*?)^```/gms)];
  examples.forEach(([, source], i) => {
    const file = `${name}-${i}`;
    writeFileSync(join(consumer, `${file}.mts`), source);
    const flags = ['--noCheck', '--target', 'es2022', '--module', 'node16', '--skipLibCheck', `${file}.mts`];
    run(`compiling example ${i + 1} of ${name}`, process.execPath, [TSC, ...flags]);
    run(`running example ${i + 1} of ${name}`, process.execPath, [`${file}.mjs`]);
  });
}

rmSync(join(consumer, 'node_modules', '@vgg', `backend-onednn-${PLATFORM}`), { recursive: true, force: true });
run('doing without the binary', process.execPath, ['onednn.cjs', '--without']);
rmSync(folder, { recursive: true });
say('all packages install and work');
