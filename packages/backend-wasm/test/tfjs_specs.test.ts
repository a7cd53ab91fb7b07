/** tfjs-core's own specs for every kernel that this package adds or replaces. */
import { describe, expect, it } from 'vitest';
import { runSpecs } from './tfjs/run';
import { SKIPPED } from './tfjs/skipped';

const FILES = [
  'gradients_test',
  'ops/batchnorm_test',
  'ops/clone_test',
  'ops/conv1d_test',
  'ops/conv2d_separable_test',
  'ops/conv2d_test',
  'ops/conv2d_transpose_test',
  'ops/local_response_normalization_test',
  'ops/log_softmax_test',
  'ops/mat_mul_test',
  'ops/max_pool_test',
  'ops/mean_test',
  'ops/moments_test',
  'ops/pool_test',
  'ops/sum_test',
];

const results = await runSpecs(FILES);

describe('tfjs-core’s specs', () => {
  it('are all there', () => {
    expect(results.length).toBe(421);
  });

  it.each(results.filter(({ name }) => !SKIPPED.has(name)))('$name', ({ status, message }) => {
    expect(`${status} ${message}`).toBe('passed ');
  });

  it.each([...SKIPPED].map(([name, reason]) => ({ name, reason })))('$name fails: $reason', ({ name }) => {
    expect(results.filter((result) => result.name === name).map(({ status }) => status)).toEqual(['failed']);
  });
});
