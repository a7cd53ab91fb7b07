/** The step that `--dry-run` measures and `--find-rate` tries is the step of the run. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDemoImages } from '@vgg/data/node';
import type { FindRateOptions, FitOptions, ImageBatch } from '@vgg/train';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runTrain } from '../src/commands/train';
import { optionsOf, terminal } from './options';

/** Options on which the result of a step depends, and the classes of the images of the first batch. */
interface Step {
  trained: string[];
  classWeights: readonly number[] | undefined;
  labels: number[];
  extras: unknown;
}

const steps: Step[] = [];

/** Records the step of a training, and ends it. */
async function record(options: FitOptions | FindRateOptions): Promise<never> {
  const { model, classWeights, labelSmoothing, cutMix, mixUp, clipNorm, microBatch, seed } = options;
  for await (const batch of options.batches(0, 0) as AsyncIterable<ImageBatch>) {
    const extras = { labelSmoothing, cutMix, mixUp, clipNorm, microBatch, seed };
    steps.push({ trained: [...model.trainable.keys()], classWeights, labels: [...batch.labels!], extras });
    break;
  }
  throw new Error('the step is known');
}

vi.mock('@vgg/train', async (original) => ({
  ...(await original<typeof import('@vgg/train')>()),
  fit: (options: FitOptions) => record(options),
  findRate: (options: FindRateOptions) => record(options),
}));

const folder = mkdtempSync(join(tmpdir(), 'step-'));
const images = join(folder, 'images');
beforeAll(async () => {
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  await makeDemoImages(images, { train: 3, validation: 1, seed: 1 });
  // One class has fewer images.
  const rare = join(images, 'train', readdirSync(join(images, 'train'))[0]!);
  for (const file of readdirSync(rare).slice(1)) rmSync(join(rare, file));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NET = ['--config', 'A', '--width', '0.0625', '--input', '32', '--batch', '20', '--micro-batch', '20'];
const STEP = [
  ...['--freeze', 'features', '--class-weights', 'balanced', '--sampling', 'balanced'],
  ...['--label-smoothing', '0.1', '--cut-mix', '0.5', '--mix-up', '0.5', '--clip-norm', '1'],
];

it('is the same', async () => {
  const words = ['--data', images, ...NET, ...STEP, '--engine', 'wasm', '--workers', '0'];
  for (const command of [['--out', join(folder, 'run')], ['--dry-run'], ['--find-rate']]) {
    await expect(runTrain(await optionsOf(...words, ...command), terminal)).rejects.toThrow('the step is known');
  }
  const [run, dryRun, findRate] = steps;
  expect(run!.trained).toEqual(['fc6.weight', 'fc6.bias', 'fc8.weight', 'fc8.bias']);
  expect(run!.classWeights).toHaveLength(10);
  expect(Math.max(...run!.classWeights!)).toBe(2.8);
  expect(dryRun).toEqual(run);
  expect(findRate).toEqual(run);
});
