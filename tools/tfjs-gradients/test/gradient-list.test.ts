import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { getGradient } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { GRADIENTS } from '../src/gradient-list';
import { registerMissingGradients } from '../src/index';

it('lists every gradient that tfjs-core registers, once, and registers them', () => {
  const core = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-core/package.json'));
  const source = readFileSync(join(core, 'dist', 'register_all_gradients.js'), 'utf8');
  const files = [...source.matchAll(/from '\.\/gradients\/\w+'/g)];
  expect(files.length).toBeGreaterThan(90);
  expect(new Set(GRADIENTS.map(({ kernelName }) => kernelName)).size).toBe(files.length);
  expect(GRADIENTS).toHaveLength(files.length);
  registerMissingGradients();
  expect(GRADIENTS.filter(({ kernelName }) => getGradient(kernelName) === undefined)).toEqual([]);
});
