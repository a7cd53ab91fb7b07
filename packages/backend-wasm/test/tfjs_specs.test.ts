/** tfjs-core's own specs for every kernel that this package adds or replaces. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundleSpecs } from '@vgg/testing/spec-suite';
import { describe, expect, it } from 'vitest';
import { SKIPPED } from './tfjs/skipped';

const FILES = [
  'gradients_test',
  'ops/add_n_test',
  'ops/arithmetic_test',
  'ops/batchnorm_test',
  'ops/clone_test',
  'ops/conv1d_test',
  'ops/conv2d_separable_test',
  'ops/conv2d_test',
  'ops/conv2d_transpose_test',
  'ops/fused/fused_conv2d_test',
  'ops/fused/fused_mat_mul_test',
  'ops/local_response_normalization_test',
  'ops/log_softmax_test',
  'ops/mat_mul_test',
  'ops/max_pool_test',
  'ops/mean_test',
  'ops/moments_test',
  'ops/pool_test',
  'ops/relu_test',
  'ops/step_test',
  'ops/sum_test',
];

const suite = await bundleSpecs({ entry: join(import.meta.dirname, 'tfjs/entry.ts'), files: FILES });
const results = suite.run({ STOCK_WASM: createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm') });
suite.dispose();

describe('tfjs-core’s specs', () => {
  it('are complete', () => {
    expect(results.length).toBe(608);
  });

  it.each(results.filter(({ name }) => !SKIPPED.has(name)))('$name', ({ status, message }) => {
    expect(`${status} ${message}`).toBe('passed ');
  });

  it.each([...SKIPPED].map(([name, reason]) => ({ name, reason })))('$name fails: $reason', ({ name }) => {
    expect(results.filter((result) => result.name === name).map(({ status }) => status)).toEqual(['failed']);
  });
});
