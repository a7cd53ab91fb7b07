/**
 * tfjs-core's own suite on this backend. Every spec that runs passes, queued and synchronously. In bfloat16 all pass
 * but a list of specs, which must still fail.
 */
import { join } from 'node:path';
import { bundleSpecs, type SpecSuite } from '@vgg/testing/spec-suite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadNative } from '../src/load';
import { BUILD_FOLDER, isBuilt, reason } from './native-build';
import { BFLOAT16_SKIPS } from './tfjs/bfloat16-skips';

/** Number of specs that run, and of those that tfjs-core itself marks as pending in Node. Look into any change. */
const EXPECTED = { passed: 4225, pending: 5, failed: [] as string[] };

describe.skipIf(!isBuilt)(`tfjs-core's suite${reason}`, () => {
  let suite: SpecSuite;
  beforeAll(async () => {
    suite = await bundleSpecs({
      entry: join(import.meta.dirname, 'tfjs/entry.ts'),
      files: ['tests'],
      conditions: ['@vgg/source'],
    });
  });
  afterAll(() => suite.dispose());

  it.each([
    ['queued', {}],
    ['synchronous', { VGG_ONEDNN_SYNCHRONOUS: '1', VGG_ONEDNN_POISON: '1' }],
  ] as const)('passes when operations are %s', (_, environment) => {
    const results = suite.run({ ...environment, VGG_ONEDNN_BUILD: BUILD_FOLDER });
    const count = (status: string) => results.filter((result) => result.status === status).length;
    const failed = results
      .filter(({ status }) => status === 'failed')
      .map(({ name, message }) => `${name}: ${message}`);
    expect({ passed: count('passed'), pending: count('pending'), failed }).toEqual(EXPECTED);
  });

  it.skipIf(!isBuilt || !loadNative().bf16)('passes in bfloat16 but for the listed specs', () => {
    const results = suite.run({
      VGG_ONEDNN_BUILD: BUILD_FOLDER,
      VGG_ONEDNN_PRECISION: 'bfloat16',
      VGG_ONEDNN_POISON: '1',
    });
    const failed = results.filter(({ status }) => status === 'failed').map(({ name }) => name);
    expect(failed.sort()).toEqual(Object.keys(BFLOAT16_SKIPS).sort());
    const passed = results.filter(({ status }) => status === 'passed').length;
    expect(passed).toBe(EXPECTED.passed - failed.length);
  });
});
