/** A narrow net learns with tensor cores what it learns in float32. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { kernelTimes, profile } from '../../src/index';
import { expectToLearn, losses } from '../learning';
import { start } from '../reference';

beforeAll(() => start({ precision: 'float16', tensorCores: true }));

it('a net learns on tensor cores what it learns in float32', async () => {
  const expected = await losses('cpu');
  await tf.setBackend('webgpu');
  profile(true);
  const actual = await losses('webgpu');
  profile(false);
  const kernels = (await kernelTimes()).filter(({ name }) => name.endsWith('on tensor cores'));
  for (const kernel of ['Conv2D ', 'Conv2DBackpropInput ', 'Conv2DBackpropFilter '])
    expect(kernels.some(({ name }) => name.startsWith(kernel))).toBe(true);
  expectToLearn(actual, expected);
});
