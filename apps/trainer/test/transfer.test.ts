/** `transfer`: a classifier on descriptors, its predictor in `predict`, the search for similar images, bad input. */
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { home, images, type Outcome, trainer } from './command-line';

const PTH = fileURLToPath(new URL('../../../packages/weights/test/fixtures/pytorch/vgg11.pth', import.meta.url));

const run = (...words: string[]) =>
  trainer(['transfer', '--weights', PTH, '--scales', '64', '--engine', 'wasm', ...words]);
let folder: string;
let image: string;
let trained: Outcome;

function refusal({ code, stdout, stderr }: Outcome): string {
  const lines = stderr.trimEnd().split('\n');
  expect({ code, stdout, error: lines.at(-1)!.startsWith('error: ') }).toEqual({ code: 2, stdout: '', error: true });
  return lines.at(-1)!;
}

beforeAll(async () => {
  folder = await images(6, 3);
  const [name] = readdirSync(join(folder, 'val'));
  image = join(folder, 'val', name!, readdirSync(join(folder, 'val', name!))[0]!);
  trained = await run('--data', folder, '--cost', '1,100', '--out', 'shapes.safetensors', '--json');
});

describe('transfer', () => {
  it('measures the classifier on the validation part, and writes a predictor for predict in any folder', async () => {
    expect(trained.code).toBe(0);
    const { classes, images: count, study, predictor } = JSON.parse(trained.stdout);
    expect(study.splits).toMatchObject([{ train: 6 * classes.length, test: 3 * classes.length }]);
    expect(count).toBe(9 * classes.length);
    expect(predictor).toBeUndefined();
    expect(trained.stderr).toMatch(
      /\(0 kept from before\).*\n.*predict --weights shapes\.safetensors uses the predictor/,
    );
    mkdirSync(join(home, 'elsewhere'));
    cpSync(join(home, 'shapes.safetensors'), join(home, 'elsewhere', 'own.safetensors'));
    const words = ['predict', image, '--weights', 'elsewhere/own.safetensors', '--engine', 'wasm', '--json', '--quiet'];
    const { code, stdout } = await trainer(words);
    expect(code).toBe(0);
    const [{ classes: guesses }] = JSON.parse(stdout);
    for (const { name } of guesses) expect(classes).toContain(name);
  });

  it('does not compute a descriptor twice, and prints a row for each split and their mean', async () => {
    const { code, stdout, stderr } = await run(
      '--data',
      join(folder, 'train'),
      '--cost',
      '10',
      '--per-class',
      '4',
      '--splits',
      '2',
    );
    expect(code).toBe(0);
    const [, all, kept] = /(\d+) descriptors .*\((\d+) kept/.exec(stderr)!;
    expect(kept).toBe(all);
    expect(stdout).toMatch(/\| 1 +\|.*\n\| 2 +\|.*\n\| mean ± standard error \|/);
  });

  it('finds the image itself first, among those of a folder', async () => {
    const { code, stdout } = await run('--data', join(folder, 'val'), '--nearest', image, '--neighbours', '3');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toBe(`0.0000  ${image}`);
  });

  it('keeps the descriptors when it is interrupted', async () => {
    const words = ['--data', folder, '--cache', 'new', '--tap', 'relu7'];
    const { code, stderr } = await trainer(
      ['transfer', '--weights', PTH, '--scales', '64', '--engine', 'wasm', ...words],
      (text, kill) => text.includes('describing') && kill('SIGINT'),
    );
    expect(code).toBe(130);
    expect(stderr).not.toMatch(/error:/);
  });
});

describe('bad input is one line and exit code 2', () => {
  beforeAll(() => {
    mkdirSync(join(home, 'one', 'a'), { recursive: true });
    cpSync(image, join(home, 'one', 'a', '1.png'));
    cpSync(image, join(home, 'one', 'a', '2.png'));
    mkdirSync(join(home, 'single', 'a'), { recursive: true });
    mkdirSync(join(home, 'single', 'b'));
    for (const path of ['a/1.png', 'a/2.png', 'b/1.png']) cpSync(image, join(home, 'single', path));
    writeFileSync(join(home, 'text.png'), 'text');
  });

  it.concurrent.each([
    [['--data', 'one'], /two classes or more, got 1/],
    [['--data', 'single'], /class b has one image: expected two or more/],
    [['--data', 'nowhere'], /nowhere/],
    [['--data', 'single', '--nearest', 'text.png'], /text\.png/],
    [['--data', 'single', '--cost', '0,1'], /Expected numbers above 0/],
    [
      ['--data', 'images/train', '--per-class', '1'],
      /class \S+ has 1 example for training.* pass one value of C \(--cost\)/,
    ],
    [['--data', 'single', '--out', 'no/p.safetensors'], /cannot write --out no\/p\.safetensors: there is no folder no/],
  ] as const)('%j', async (words, line) => {
    expect(refusal(await run(...words))).toMatch(line);
  });

  it('predict says that a predictor has fixed scales and no heat map', async () => {
    const predict = (...words: string[]) =>
      trainer(['predict', image, '--weights', 'shapes.safetensors', '--engine', 'wasm', ...words]);
    expect(refusal(await predict('--scales', '64'))).toMatch(/its scales are fixed, leave out --scales/);
  });

  it('evaluate says that a predictor has classes of its own', async () => {
    const words = ['evaluate', '--weights', 'shapes.safetensors', '--data', folder, '--engine', 'wasm'];
    expect(refusal(await trainer(words))).toMatch(/is a predictor of transfer: use predict/);
  });
});
