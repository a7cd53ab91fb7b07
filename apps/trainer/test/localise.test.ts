/** `train --task localise` and `predict` with boxes, as a user would run them. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDemoBoxes } from '@vgg/data/node';
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
  writeFileSync(join(home, 'wrong.csv'), 'image,class,left,top,width,height\nshapes/val/star/0000.jpg,stra,1,1,5,5\n');
  await refused(
    [...task, '--data', 'wrong.csv', '--weights', 'classifier'],
    /wrong\.csv, line 2: unknown class "stra"/,
  );
  expect(existsSync(join(home, 'none'))).toBe(false);
  const { stderr } = await trainer(['evaluate', '--run', 'boxes', '--data', 'shapes', '--engine', 'wasm', '--quiet']);
  expect(stderr).toMatch(/boxes predicts boxes, not classes/);
});
