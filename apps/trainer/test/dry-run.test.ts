/** Every recipe, made small, plans and takes its few steps. The small set stands for the recipe's own images. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDemoImages } from '@vgg/data/node';
import { readRecipe, recipeNames } from '@vgg/recipes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planAndMeasure } from '../src/commands/dry-run';
import { span } from '../src/run/introduction';
import { epochSeconds } from '../src/run/measure';
import { optionsOf, said, terminal } from './options';

const folder = mkdtempSync(join(tmpdir(), 'dry-run-'));
const images = join(folder, 'images');
const SMALL = ['--width', '0.0625', '--input', '32', '--batch', '4', '--workers', '0', '--engine', 'wasm'];

beforeAll(async () => {
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  await makeDemoImages(images, { train: 1, validation: 1, seed: 1 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('--dry-run', () => {
  it.each(recipeNames())('plans and measures the recipe %s', async (name) => {
    // The weights that fine-tuning starts from would be downloaded.
    const weights = name === 'fine-tune' ? ['--weights', 'none', '--config', 'D'] : [];
    const options = await optionsOf('--recipe', name, '--data', images, '--dry-run', ...SMALL, ...weights);
    const planned = await planAndMeasure(options, terminal, 0);
    const recipe = readRecipe(name);
    const { config = 'D', scale = 37 } = recipe;
    expect(planned.recipe).toMatchObject({ config, scale, input: 32, batch: 4 });
    expect(planned.recipe.batch % planned.recipe.microBatch).toBe(0);
    expect(planned.images).toEqual({ train: 10, validation: 10 });
    expect(planned.memory.computed).toBeGreaterThan(1e5);
    expect(planned.memory.measured).toBeGreaterThan(planned.memory.computed);
    expect(planned.seconds.epoch).toBeGreaterThan(0);
    expect(planned).toMatchObject({ epochs: recipe.epochs, steps: recipe.epochs! * 2 });
    expect(readdirSync(folder).sort()).toEqual(['cache', 'images']);
  });

  it('says which run must come first', async () => {
    const options = await optionsOf('--recipe', 'imagenet-b-256', '--data', images, '--dry-run', ...SMALL);
    await planAndMeasure(options, terminal, 0);
    expect(said.at(-2)).toMatch(/first run: pnpm --filter trainer start train --recipe imagenet-a-256 --data /);
  });

  it('multiplies what it measured', () => {
    // 100 images in 3 steps of 32: a step is 4 micro-batches of 2 s and an update of 1 s; 10 images validate in 5 s.
    const speed = { microBatch: 2, update: 1, validationImage: 0.5, measured: 3 };
    const images = { train: 100, validation: 10 };
    expect(epochSeconds({ batch: 32, microBatch: 8 }, images, speed)).toEqual({ step: 9, training: 27, validation: 5 });
  });

  it('prints times with two digits', () => {
    expect([0.512, 59, 130, 7300, 200_000, 86_400 * 40].map(span)).toEqual([
      ...['0.5 s', '59 s', '2.2 min', '2.0 h', '2.3 days', '40 days'],
    ]);
  });
});
