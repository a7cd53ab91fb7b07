/** Bad input: one helpful line, exit code 2. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLI, home, images, type Outcome, TINY, trainer } from './command-line';

let good: string;

/** A copy of the images' training part, changed. */
function changed(name: string, change: (folder: string) => void): string {
  const folder = join(home, name);
  cpSync(join(good, 'train'), folder, { recursive: true });
  change(folder);
  return folder;
}

const training = ['--epochs', '1', '--batch', '8', '--micro-batch', '4'];
const train = (data: string, ...words: string[]) => trainer(['train', '--data', data, ...TINY, ...training, ...words]);

function refusal({ code, stdout, stderr }: Outcome): string {
  const lines = stderr.trimEnd().split('\n');
  const errors = lines.filter((line) => line.startsWith('error: '));
  expect({ code, stdout, errors: errors.length, last: lines.at(-1) }).toEqual({
    ...{ code: 2, stdout: '', errors: 1 },
    last: errors[0],
  });
  return errors[0]!;
}

beforeAll(async () => {
  good = await images();
  mkdirSync(join(home, 'folder'));
  await sharp({ create: { width: 30_000, height: 40, channels: 3, background: 'red' } })
    .jpeg()
    .toFile(join(home, 'wide.jpg'));
  await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
    .png()
    .toFile(join(home, 'tiny.png'));
});

describe('a data set that cannot be used is refused', () => {
  it.each([
    ['a missing folder', () => join(home, 'nowhere'), /nowhere: there is no such folder/],
    ['a public data set misspelt', () => 'cifar-10', /no folder cifar-10 \(did you mean "cifar10"\?\)/],
    ['a folder without classes', () => join(home, 'folder'), /holds no data set: expected class folders/],
    ['an empty class', () => changed('empty', (folder) => mkdirSync(join(folder, 'zebra'))), /zebra holds no images/],
  ])('%s', async (_, folder, expected) => {
    expect(refusal(await train(folder()))).toMatch(expected);
  });
});

it.each([
  ['the folder itself', '.', 'train'],
  ['a folder in it', 'runs/a', 'train'],
  ['a folder in it, named by a link', 'runs/a', 'alias'],
])('a run among the images is refused: %s', async (_, out, named) => {
  const data = join(good, 'train');
  if (named === 'alias') symlinkSync(data, join(good, named));
  expect(refusal(await train(join(good, named), '--out', join(data, out)))).toMatch(
    /the run folder .* lies in the folder of the images, .*: choose --out in another folder$/,
  );
});

it.skipIf(!existsSync('/dev/full'))('results that cannot be written are an error of one line', async () => {
  const words = [CLI, 'runs', '.', '--json'];
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: home, stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  expect([status, String(stderr)]).toEqual([1, 'error: cannot write the results: the disk is full\n']);
});

describe('one bad file among many is skipped and named, or fatal with --strict', () => {
  it.each([
    [
      'a truncated JPEG',
      'bad.jpg',
      () => readFileSync(join(good, 'train', 'star', '0000.jpg')).subarray(0, 900),
      /truncated/,
    ],
    ['a text file', 'bad.jpg', () => Buffer.from('hello'), /unsupported image format/],
    ['a file of zero bytes', 'bad.jpg', () => Buffer.alloc(0), /the file is empty/],
    ['an image of 1×1', 'bad.png', () => readFileSync(join(home, 'tiny.png')), /1x1 is too small/],
    ['an image of 30,000 pixels width', 'bad.jpg', () => readFileSync(join(home, 'wide.jpg')), /30000x40 is too large/],
  ])('%s', async (_, name, bytes, expected) => {
    const folder = changed('bad', (copy) => writeFileSync(join(copy, 'star', name), bytes()));
    const skipped = await train(folder, '--json', '--out', 'skipped');
    expect(skipped.code).toBe(0);
    expect(skipped.stderr).toMatch(new RegExp(`warning: skipped star/${name}: .*${expected.source}`));
    expect(JSON.parse(skipped.stdout).skipped).toHaveLength(1);
    expect(refusal(await train(folder, '--strict', '--out', 'strict'))).toMatch(expected);
    for (const made of [folder, join(home, 'skipped'), join(home, 'strict')])
      rmSync(made, { recursive: true, force: true });
  });
});

describe('options and runs that cannot be used are refused', () => {
  it.each([
    ['a scale below the crop', ['--scale', '16'], /--scale 16 is below the crop, --input 32/],
    [
      'a batch that the micro-batch does not divide',
      ['--batch', '9'],
      /--batch 9 is not a multiple of --micro-batch 4/,
    ],
    ['a layer to freeze that there is not', ['--freeze', 'stage1,conv6_1'], /got "conv6_1" \(did you mean/],
    ['a warm-up longer than the run', ['--warm-up', '1'], /--warm-up 1 takes all of --epochs 1/],
    ['an unknown configuration', ['--config', 'F'], /one of A, A-LRN, B, C, D, E/],
    ['an unknown option', ['--epocs', '3'], /--epocs.*--epochs/],
    ['unknown first weights', ['--init', 'hee'], /--init hee: expected glorot, he or normal/],
    ['a net that the engine cannot hold', ['--width', '2', '--input', '224'], /takes [\d.]+ GiB.*lower --width/],
    ['an out folder under a file', ['--out', 'wide.jpg/x'], /cannot write the run folder .*part of the path is a file/],
    [
      'an out folder that the system refuses',
      ['--out', '/proc/vgg/run'],
      /cannot write the run folder \/proc\/vgg\/run/,
    ],
    [
      'a recipe whose predecessor is missing',
      ['--recipe', 'imagenet-d-384'],
      /first run: .* --recipe imagenet-d-256 --data /,
    ],
    ['an unknown recipe', ['--recipe', 'imagenet-d-348'], /did you mean "imagenet-d-384"/],
    ['a run to start from that is none', ['--weights', 'folder'], /folder is a folder without weights: expected a run/],
  ])('%s', async (_, words, expected) => {
    expect(refusal(await train(good, ...words))).toMatch(expected);
  });

  it.each([
    ['a recipe without images', ['train', '--recipe', 'imagenet-a-256'], /imagenet-a-256 needs images: add --data DIR/],
    ['an unknown command', ['trian'], /unknown command "trian" \(did you mean "train"\?\)/],
    ['a run folder that is not one', ['evaluate', '--run', 'folder'], /folder is not a run folder: expected run.json/],
    ['a missing run folder', ['predict', '--run', 'nowhere', 'wide.jpg'], /nowhere is not a run folder/],
    ['a run to resume that is none', ['train', '--resume', 'folder'], /folder is not a run folder/],
  ])('%s', async (_, words, expected) => {
    expect(refusal(await trainer(words))).toMatch(expected);
  });

  it('a data set whose classes are not the run’s', async () => {
    expect(await train(good, '--out', 'run')).toMatchObject({ code: 0 });
    const other = changed('other', (folder) => renameSync(join(folder, 'star'), join(folder, 'stars')));
    const outcome = await trainer(['evaluate', '--run', 'run', '--data', other]);
    expect(refusal(outcome)).toMatch(
      /1 of the 10 classes of the data set are not among the 10 classes of .*run: stars \(did you mean "star"\?\)/,
    );
    expect(refusal(await train(good, '--out', 'run'))).toMatch(/already holds a run.*--resume/);
    const unwritable = await trainer(['evaluate', '--run', 'run', '--predictions', 'nowhere/p', '--engine', 'wasm']);
    expect(refusal(unwritable)).toMatch(/cannot write --predictions nowhere\/p: there is no such file or folder/);
  });
});
