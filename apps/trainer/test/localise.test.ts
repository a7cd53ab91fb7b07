/** `train --task localise` and `predict` with boxes, as a user would run them. */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDemoBoxes } from '@vgg/data/node';
import type { BoxRow } from '@vgg/localise/node';
import { beforeAll, expect, it } from 'vitest';
import { home, trainer } from './command-line';

const QUICK = ['--engine', 'wasm', '--workers', '0', '--quiet'];
const NET = ['--config', 'A', '--batch-norm', '--width', '0.03', '--input', '32', '--scale', '40', '--batch', '8'];

beforeAll(async () => {
  await makeDemoBoxes(join(home, 'shapes'), { train: 3, validation: 1, seed: 1 });
  const classifier = await trainer([
    'train',
    '--data',
    'shapes',
    ...NET,
    '--epochs',
    '1',
    '--out',
    'classifier',
    ...QUICK,
  ]);
  expect(classifier.stderr).toBe('');
});

it('trains boxes, continues them, prints the errors, and draws them', async () => {
  const options = ['--task', 'localise', '--data', 'shapes', '--weights', 'classifier', '--out', 'boxes'];
  const whole = await trainer(['train', ...options, '--epochs', '2', '--batch', '8', ...QUICK]);
  expect(whole.stderr).toBe('');
  expect(whole.stdout).toMatch(/\| windows +\| Q +\|.*mean IoU/);
  expect(whole.stdout).toMatch(/\| multi-crop \|/);
  expect(readFileSync(join(home, 'boxes', 'metrics.jsonl'), 'utf8').match(/"type":"epoch"/g)).toHaveLength(2);

  const longer = await trainer([
    'train',
    '--resume',
    'boxes',
    '--epochs',
    '3',
    '--json',
    '--engine',
    'wasm',
    '--quiet',
  ]);
  expect(JSON.parse(longer.stdout)).toMatchObject({ reason: 'complete', epoch: 3, rows: { length: 4 } });

  const image = 'shapes/val/star/0000.jpg';
  const predicted = await trainer([
    'predict',
    '--run',
    'boxes',
    image,
    '--boxes',
    'drawn',
    '--engine',
    'wasm',
    '--quiet',
  ]);
  expect(predicted.stdout).toMatch(/val\/star\/0000\.jpg\n/);
  expect(readdirSync(join(home, 'drawn'))).toEqual(['0000.png']);

  writeFileSync(join(home, 'broken.png'), 'not an image');
  const predict = ['predict', '--run', 'boxes', '--engine', 'wasm', '--quiet', '--json'];
  const partly = await trainer([...predict, 'broken.png', image]);
  expect(JSON.parse(partly.stdout)).toMatchObject([{ image, objects: expect.any(Array) }]);
  expect(partly.stderr).toMatch(/broken\.png.*\n.*1 of 2 images could not be read\n$/);
  expect(partly.code).toBe(2);
  const none = await trainer([...predict, 'broken.png']);
  expect(none.stderr.trim()).toMatch(/^.*broken\.png.*$/);
  expect(none.code).toBe(2);

  cpSync(join(home, 'boxes'), join(home, 'damaged'), { recursive: true });
  writeFileSync(join(home, 'damaged', 'localisation.json'), '{');
  const damaged = await trainer(['predict', '--run', 'damaged', image, '--engine', 'wasm', '--quiet']);
  expect(damaged.stderr.trim()).toMatch(/^.*localisation\.json is damaged: .*$/);
  expect(damaged.code).toBe(2);
});

it('trains boxes by a net of rectangles, and draws them', async () => {
  const net = ['--config', 'A', '--batch-norm', '--width', '0.03', '--input', '32x64', '--batch', '8', '--epochs', '1'];
  const classifier = await trainer(['train', '--data', 'shapes', ...net, '--out', 'wide', ...QUICK]);
  expect(classifier.stderr).toBe('');
  const options = ['--task', 'localise', '--data', 'shapes', '--weights', 'wide', '--batch', '8', '--epochs', '1'];
  const { stdout, code } = await trainer(['train', ...options, '--out', 'wide-boxes', '--json', ...QUICK]);
  expect(code).toBe(0);
  // S is 64 · 256 / 224 = 73, and a seventh of 64 is the step to the other scales.
  const { rows } = JSON.parse(stdout);
  expect(rows.map(({ protocol, scales }: BoxRow) => `${protocol} ${scales}`)).toEqual([
    'single 73',
    'dense 73',
    'multi-crop 73',
    'multi-crop 64,73,82',
  ]);
  const image = 'shapes/val/star/0000.jpg';
  const predict = ['predict', '--run', 'wide-boxes', image, '--boxes', 'drawn-wide', '--json'];
  const predicted = await trainer([...predict, '--engine', 'wasm', '--quiet']);
  expect(JSON.parse(predicted.stdout)[0]).toMatchObject({ image, objects: expect.any(Array) });
  expect(readdirSync(join(home, 'drawn-wide'))).toEqual(['0000.png']);
});

it('names images that cannot be used, and stops at them in a strict run', async () => {
  cpSync(join(home, 'shapes'), join(home, 'partly'), { recursive: true });
  writeFileSync(join(home, 'partly/train/star/0001.jpg'), 'not an image');
  const train = ['train', '--task', 'localise', '--data', 'partly', '--weights', 'classifier', '--epochs', '1'];
  const partly = await trainer([...train, '--out', 'partly-run', '--batch', '8', '--json', ...QUICK]);
  expect(partly.stderr).toMatch(/^.*skipped .*train\/star\/0001\.jpg.*\n$/);
  expect(JSON.parse(partly.stdout).skipped).toMatchObject([{ key: 'train/star/0001.jpg' }]);
  const strict = await trainer([...train, '--out', 'strict', '--batch', '8', '--strict', ...QUICK]);
  expect(strict.stderr.trim()).toMatch(/^.*train\/star\/0001\.jpg.*$/);
  expect(strict.code).toBe(2);
  expect(existsSync(join(home, 'strict'))).toBe(false);
});

it('refuses what does not go together, in one line', async () => {
  const refused = async (words: readonly string[], line: RegExp) => {
    const { code, stderr } = await trainer([...words, ...QUICK]);
    expect(stderr.trim()).toMatch(line);
    expect(code).toBe(2);
  };
  const task = ['train', '--task', 'localise', '--data', 'shapes', '--out', 'none'];
  await refused(task, /add --weights RUN/);
  await refused([...task, '--weights', 'classifier', '--cut-mix', '0.5'], /cutMix does not apply to --task localise/);
  await refused([...task, '--weights', 'classifier', '--init', 'he'], /init does not apply to --task localise/);
  const input = /^.*takes the net of --weights classifier, whose input is 32, got 32x64: leave it out$/;
  await refused([...task, '--weights', 'classifier', '--input', '32x64'], input);
  await refused([...task, '--weights', 'classifier', '--check-duplicates'], /checkDuplicates does not apply/);
  await refused([...task, '--weights', 'classifier', '--warm-up', '12'], /--warm-up 12 takes all of --epochs 12/);
  await refused([...task, '--weights', 'classifier', '--layer-rates', 'fc9=2'], /fc9/);
  await refused([...task, '--weights', 'classifier', '--freeze', 'fc9'], /fc9/);
  writeFileSync(join(home, 'wrong.csv'), 'image,class,left,top,width,height\nshapes/val/star/0000.jpg,stra,1,1,5,5\n');
  await refused(
    [...task.map((word) => (word === 'shapes' ? 'wrong.csv' : word)), '--weights', 'classifier'],
    /wrong\.csv, line 2: unknown class "stra"/,
  );
  expect(existsSync(join(home, 'none'))).toBe(false);
  const predict = async (options: readonly string[], line: RegExp) => {
    const { code, stderr } = await trainer(['predict', 'shapes', ...options, '--engine', 'wasm', '--quiet']);
    expect(stderr.trim()).toMatch(line);
    expect(code).toBe(2);
  };
  await predict(['--run', 'boxes', '--heat-map', 'maps'], /^.*--heat-map does not apply to a run of boxes.*$/);
  await predict(['--run', 'boxes', '--class', 'star'], /^.*--class does not apply to a run of boxes.*$/);
  await predict(['--run', 'boxes', '--heat-map-method', 'occlusion'], /^.*--heat-map-method does not apply/);
  await predict(['--run', 'classifier', '--boxes', 'drawn'], /^.*--boxes needs a run of train --task localise.*$/);
  const { stderr } = await trainer(['evaluate', '--run', 'boxes', '--data', 'shapes', '--engine', 'wasm', '--quiet']);
  expect(stderr).toMatch(/boxes predicts boxes, not classes/);
});
