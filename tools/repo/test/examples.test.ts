/**
 * Tests every example of every README as it is written. Code is type-checked and run with the builds; commands of the project
 * are run. A block or a command that this file does not know is a failure.
 */
import '@tensorflow/tfjs-backend-cpu';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createVgg } from '@vgg/models';
import { saveModel } from '@vgg/weights/node';
import { transform } from 'esbuild';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, readmes } from '../../../scripts/examples.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const TRAINER = join(ROOT, 'apps/trainer/dist/cli.js');
/** Folder of the examples, next to the dependencies of this package: they find the workspace's packages as installed ones. */
const FOLDER = fileURLToPath(new URL('../node_modules/.examples/', import.meta.url));
const NATIVE = existsSync(join(ROOT, `packages/backend-onednn/build/${process.platform}-${process.arch}/onednn.node`));

const run = promisify(execFile);
const manifest = (path: string) => JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8'));
const workspace = new Map<string, { scripts?: Record<string, string>; private?: boolean }>(
  ['packages', 'apps']
    .flatMap((group) => readdirSync(join(ROOT, group)).map((name) => `${group}/${name}`))
    .filter((path) => existsSync(join(ROOT, path, 'package.json')))
    .map((path) => [manifest(path).name, manifest(path)]),
);

/** Returns a README's own folder. Its examples run there one after the other: a later one may read what an earlier one wrote. */
const folderOf = (readme: string) => join(FOLDER, readme.replace(/\/?README\.md$/, '').replaceAll('/', '-') || 'root');

/** Smallest side of the images in each class folder that examples read. */
const SIDES = { photographs: 300, photos: 72 };

/** Draws class folders of images. */
async function drawImages(folder: string, name: keyof typeof SIDES, perClass: number): Promise<void> {
  for (const [label, green] of Object.entries({ cat: 200, dog: 30 })) {
    mkdirSync(join(folder, name, label), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const background = { r: 6 * i, g: green, b: 100 };
      const side = SIDES[name];
      await sharp({ create: { width: side + i, height: side, channels: 3, background } })
        .jpeg()
        .toFile(join(folder, name, label, `${i}.jpg`));
    }
  }
}

/** Writes a small net with random weights, its classes and its preprocessing. */
async function saveNet(path: string): Promise<void> {
  const model = createVgg({ configuration: 'A', classes: 2, inputSize: 32, width: 1 / 16, head: 'small' });
  await saveModel(path, model, { classes: ['cat', 'dog'], preprocessing: { mean: [124, 117, 104], scale: 40 } });
  model.dispose();
}

beforeAll(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  for (const readme of readmes()) mkdirSync(folderOf(readme), { recursive: true });
  await drawImages(folderOf('packages/data/README.md'), 'photographs', 20);
  await drawImages(folderOf('README.md'), 'photos', 12);
  await sharp({ create: { width: 80, height: 70, channels: 3, background: 'green' } })
    .jpeg()
    .toFile(join(folderOf('README.md'), 'photo.jpg'));
  await saveNet(join(folderOf('README.md'), 'model.safetensors'));
  const facade = folderOf('packages/vgg/README.md');
  await drawImages(facade, 'photographs', 12);
  cpSync(join(folderOf('README.md'), 'photo.jpg'), join(facade, 'photo.jpg'));
  await saveNet(join(facade, 'model.safetensors'));
  const described = folderOf('packages/transfer/README.md');
  await drawImages(described, 'photos', 12);
  cpSync(join(folderOf('README.md'), 'photo.jpg'), join(described, 'photo.jpg'));
  await saveNet(join(described, 'model.safetensors'));
});

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const code = readmes().map((readme) => [readme, blocksOf(readme).filter(({ language }) => language === 'ts')] as const);

it('all examples are in languages that are run', () => {
  const languages = readmes().flatMap((readme) => blocksOf(readme).map(({ language }) => language));
  expect(new Set(languages)).toEqual(new Set(['ts', 'sh']));
  expect(code.flatMap(([, examples]) => examples).length).toBeGreaterThan(10);
});

it('every package has an example in its README', () => {
  const without = code.filter(([readme, examples]) => readme.startsWith('packages/') && examples.length === 0);
  expect(without).toEqual([]);
});

describe('code', () => {
  it('type-checks under strict, as an installed program does', async () => {
    const files = code.flatMap(([readme, examples]) =>
      examples.map(({ source }, i) => {
        const file = join(folderOf(readme), `${i}.mts`);
        writeFileSync(file, source);
        return file;
      }),
    );
    const flags = [
      '--strict',
      '--noEmit',
      '--skipLibCheck',
      '--target',
      'es2022',
      '--module',
      'node16',
      '--types',
      'node',
    ];
    const { stdout } = await run(process.execPath, [TSC, ...flags, ...files], { cwd: FOLDER }).catch((error) => error);
    expect(stdout).toBe('');
  });

  const examples = code.flatMap(([readme, blocks]) => blocks.map(({ source }, i) => ({ readme, i, source })));
  it.each(examples)('of $readme runs: $i', async ({ readme, i, source }) => {
    if (source.includes("'@vgg/backend-onednn'") && !NATIVE) return expectNativeRefusal(source, readme);
    const file = join(folderOf(readme), `${i}.mjs`);
    writeFileSync(file, (await transform(source, { loader: 'ts' })).code);
    await run(process.execPath, [file], { cwd: folderOf(readme) });
  });
});

/** Expects the example of the native engine, which is not built here, to say so in one line and to fail in no other way. */
async function expectNativeRefusal(source: string, readme: string): Promise<void> {
  const file = join(folderOf(readme), 'refused.mjs');
  writeFileSync(file, (await transform(source, { loader: 'ts' })).code);
  await expect(run(process.execPath, [file], { cwd: folderOf(readme) })).rejects.toThrow(/VGG_BACKEND/);
}

/** Returns the commands of a README's shell blocks, without comments; commands joined by `&&` are separated. */
function commandsOf(readme: string): string[] {
  return blocksOf(readme)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ source }) => source.split(/\n|&&/))
    .map((line) => line.replace(/\s+# .*$/, '').trim())
    .filter((line) => line !== '');
}

/** Expects an npm install line to name everything that the README's code imports, and the peers of that. */
function checkInstall(readme: string, names: readonly string[]): void {
  for (const name of names.filter((name) => name.startsWith('@vgg/'))) {
    expect(workspace.get(name)?.private, name).not.toBe(true);
    expect(workspace.has(name), name).toBe(true);
  }
  const imported = blocksOf(readme)
    .filter(({ language }) => language === 'ts')
    .flatMap(({ source }) => [...source.matchAll(/(?:from|import) '(@[\w-]+\/[\w-]+)/g)].map(([, name]) => name!));
  expect(imported.filter((name) => !names.includes(name))).toEqual([]);
}

/** True for a line that shows what a command takes and is not one to type: it has `RUN`, `[options]` or `IMAGE…`. */
const isSynopsis = (words: readonly string[]) => words.some((word) => /^\[|^[A-Z]{3,}…?$/.test(word));

/** Runs a command of the trainer as it stands, where `…` stands for the run that an earlier one made; the help of a synopsis. */
async function checkTrainer(readme: string, words: readonly string[]): Promise<void> {
  const cwd = folderOf(readme);
  if (words.length === 0 || isSynopsis(words)) {
    const { stdout } = await run(process.execPath, [TRAINER, ...words.slice(0, 1), '--help'], { cwd });
    for (const option of words.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option);
    return;
  }
  const made = words.map((word) => {
    if (!word.endsWith('…')) return word;
    const [parent, prefix] = word.slice(0, -1).split('/') as [string, string];
    return join(parent, readdirSync(join(cwd, parent)).find((name) => name.startsWith(prefix)) ?? word);
  });
  await run(process.execPath, [TRAINER, ...made], { cwd, env: { ...process.env, INIT_CWD: cwd } });
}

/** Commands that only a person runs: they install other people's packages on the machine. */
const OF_THE_SYSTEM = /^(apt-get|npm) install (?!.*@vgg)[\w+. -]+$/;

async function check(readme: string, command: string): Promise<void> {
  const [program, ...words] = command.split(/\s+/);
  if (OF_THE_SYSTEM.test(command)) return;
  const scripts = manifest('.').scripts;
  if (program === 'npm' && /^(i|install)$/.test(words[0]!)) return checkInstall(readme, words.slice(1));
  if (program === 'npm') return void expect({ test: scripts.test, start: scripts.start }).toHaveProperty(words[0]!);
  if (program === 'node')
    return void expect(existsSync(join(ROOT, words[0]!.replace(/^node_modules\/@vgg/, 'packages')))).toBe(true);
  expect(program).toBe('pnpm');
  if (words[0] !== '--filter') {
    const local = words[0] === 'exec' ? expect(existsSync(join(ROOT, 'node_modules/.bin', words[1]!))) : undefined;
    return local ? local.toBe(true) : void expect(scripts).toHaveProperty([words[0]!]);
  }
  const [, name, script, ...rest] = words as [string, string, string, ...string[]];
  // pnpm finds a package without its scope if no other one has the same name.
  const [found, ...others] = [...workspace.keys()].filter((key) => key === name || key.endsWith(`/${name}`));
  expect({ name, found: found !== undefined, others }).toEqual({ name, found: true, others: [] });
  if (name === 'trainer' && script === 'start') return checkTrainer(readme, rest);
  if (script !== 'exec') expect(workspace.get(found!)!.scripts).toHaveProperty([script]);
}

describe('commands', () => {
  const commands = readmes().flatMap((readme) => commandsOf(readme).map((command) => ({ readme, command })));
  it.each(commands)('of $readme work: $command', ({ readme, command }) => check(readme, command));
});
