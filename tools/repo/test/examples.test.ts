/**
 * Every example of every README, as it stands: code is type-checked and run against the builds, commands are run where they
 * are the project's own. A block or a command that this file does not know is a failure, never left out.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, readmes } from '../../../scripts/examples.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const TRAINER = join(ROOT, 'apps/trainer/dist/cli.js');
/** Beside the dependencies of this package, so that examples find the workspace's packages as installed ones. */
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

/** A README's own folder, where its examples run one after the other: a later one may read what an earlier one wrote. */
const folderOf = (readme: string) => join(FOLDER, readme.replace(/\/?README\.md$/, '').replaceAll('/', '-') || 'root');

const PICTURES = { photographs: 300, photos: 72 };

/** What examples read: class folders of drawn pictures. */
async function makePictures(folder: string, name: keyof typeof PICTURES, perClass: number): Promise<void> {
  for (const [label, green] of Object.entries({ cat: 200, dog: 30 })) {
    mkdirSync(join(folder, name, label), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const background = { r: 6 * i, g: green, b: 100 };
      const side = PICTURES[name];
      await sharp({ create: { width: side + i, height: side, channels: 3, background } })
        .jpeg()
        .toFile(join(folder, name, label, `${i}.jpg`));
    }
  }
}

beforeAll(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  for (const readme of readmes()) mkdirSync(folderOf(readme), { recursive: true });
  await makePictures(folderOf('packages/data/README.md'), 'photographs', 20);
  await makePictures(folderOf('README.md'), 'photos', 12);
  await sharp({ create: { width: 80, height: 70, channels: 3, background: 'green' } })
    .jpeg()
    .toFile(join(folderOf('README.md'), 'picture.jpg'));
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

/** Where the native engine is not built, its example must say so in one line, and nothing else may go wrong. */
async function expectNativeRefusal(source: string, readme: string): Promise<void> {
  const file = join(folderOf(readme), 'refused.mjs');
  writeFileSync(file, (await transform(source, { loader: 'ts' })).code);
  await expect(run(process.execPath, [file], { cwd: folderOf(readme) })).rejects.toThrow(/VGG_BACKEND/);
}

/** The commands of a README's shell blocks: a line's comment off, lines joined by `&&` apart. */
function commandsOf(readme: string): string[] {
  return blocksOf(readme)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ source }) => source.split(/\n|&&/))
    .map((line) => line.replace(/\s+# .*$/, '').trim())
    .filter((line) => line !== '');
}

/** What an npm install line must bring: all that the README's code imports, and what that has as peers. */
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

/** `RUN`, `[options]`, `IMAGE…`: a line that shows what a command takes, not one to type. */
const isSynopsis = (words: readonly string[]) => words.some((word) => /^\[|^[A-Z]{3,}…?$/.test(word));

/** A command of the trainer: run as it stands, `…` being the run that an earlier one made; of a synopsis, its help. */
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

/** What only a person runs, on a machine of their own: other people's packages. */
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
  expect(workspace.has(name), name).toBe(true);
  if (name === 'trainer' && script === 'start') return checkTrainer(readme, rest);
  if (script !== 'exec') expect(workspace.get(name)!.scripts).toHaveProperty([script]);
}

describe('commands', () => {
  const commands = readmes().flatMap((readme) => commandsOf(readme).map((command) => ({ readme, command })));
  it.each(commands)('of $readme work: $command', ({ readme, command }) => check(readme, command));
});
