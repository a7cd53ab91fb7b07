/** `train --smoke`: two steps of a recipe with all that follows, of which nothing is kept. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { home, images, TINY, trainer } from './command-line';

it('trains whole batches, however large, and keeps nothing', async () => {
  const data = await images(11, 1);
  const words = ['--batch', '100', '--micro-batch', '10', '--batch-norm', '--smoke'];
  const { code, stderr } = await trainer(['train', '--data', data, ...TINY, ...words]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/on 110 images of .*the smoke run worked, in \d+ s/s)]);
  expect(existsSync(join(home, 'runs'))).toBe(false);
});
