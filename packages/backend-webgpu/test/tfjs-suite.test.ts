/**
 * tfjs-core's own specs: those of kernels that are ours, or all of them with VGG_FULL=1. All pass but a list of specs, which
 * must still fail.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundleSpecs } from '@vgg/testing/spec-suite';
import { describe, expect, it } from 'vitest';
import { hasDevice, reason } from './lavapipe';
import { SKIPPED } from './tfjs/skipped';

const isFull = process.env.VGG_FULL === '1';

const OWN = [
  'ops/add_n_test',
  'ops/batchnorm_test',
  'ops/conv2d_test',
  'ops/local_response_normalization_test',
  'ops/mat_mul_test',
  'ops/max_pool_test',
  'ops/sum_test',
];

/** Number of specs that run, and of those that tfjs-core itself marks as pending in Node. Look into any change. */
const ALL = { passed: 4142, pending: 4 };

describe.skipIf(!hasDevice)(`tfjs-core's specs${reason}`, () => {
  it('pass but for the listed ones', { timeout: 3_000_000 }, async () => {
    // In node_modules, where Node finds the package `webgpu`.
    const folder = join(import.meta.dirname, '../node_modules/.tfjs-specs');
    mkdirSync(folder, { recursive: true });
    const suite = await bundleSpecs({
      entry: join(import.meta.dirname, 'tfjs/entry.ts'),
      files: isFull ? ['tests'] : OWN,
      conditions: ['@vgg/source'],
      folder,
    });
    const results = suite.run({});
    suite.dispose();
    const failed = results.filter(({ status }) => status === 'failed');
    expect(failed.filter(({ name }) => !SKIPPED.has(name)).map(({ name, message }) => `${name}: ${message}`)).toEqual(
      [],
    );
    const count = (status: string) => results.filter((result) => result.status === status).length;
    if (isFull) {
      expect(failed.map(({ name }) => name).sort()).toEqual([...SKIPPED.keys()].sort());
      expect({ passed: count('passed'), pending: count('pending') }).toEqual(ALL);
    }
    expect(count('passed')).toBeGreaterThan(150);
  });
});
