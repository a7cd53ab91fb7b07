import { describe, expect, it } from 'vitest';
import { readRecipe, recipeNames } from '../src/file';
import { resolveRecipe } from '../src/recipe';
import { withDefaults } from '../src/settings';
import { smokeSettings } from '../src/smoke';

describe('smokeSettings', () => {
  it.each(recipeNames())('gives two whole batches of the recipe %s', (name) => {
    const settings = withDefaults(readRecipe(name));
    const { trainImages, ...smoke } = smokeSettings(settings);
    const recipe = resolveRecipe({ ...settings, ...smoke, trainImages }, '/data', trainImages);
    expect(Math.floor(trainImages / recipe.batch)).toBeGreaterThanOrEqual(settings.batch === undefined ? 1 : 2);
    expect(recipe).toMatchObject({ epochs: 1, maxSteps: 2, warmUp: 0 });
    expect(trainImages).toBe(Math.max(64, 2 * (settings.batch ?? 0)));
  });

  it('takes no more images than are given', () => {
    expect(smokeSettings(withDefaults({ batch: 100 })).trainImages).toBe(200);
    expect(smokeSettings(withDefaults({ batch: 100, trainImages: 150 })).trainImages).toBe(150);
    expect(smokeSettings(withDefaults({ trainImages: 30 })).trainImages).toBe(30);
  });
});
