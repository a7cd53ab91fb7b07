/** Tensor cores that do not do what they should: products are computed without them, and the device says why. */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenDevice, openDevice } from '../../src/adapter';
import { configure, device, drain } from '../../src/index';
import { chooseTensorCores } from '../../src/tensor-cores';

const UNIT = { componentType: 'f16', resultComponentType: 'f32', M: 8, N: 8, K: 8 };

let opened: OpenDevice;

beforeAll(async () => {
  opened = await openDevice({ software: true });
});
afterAll(() => opened.device.destroy());

/** Choice on a device that says this of itself. */
function chosen(info: object, options: { precision?: 'float32' | 'float16'; tensorCores?: boolean } = {}) {
  const said = { subgroupMinSize: 8, subgroupMaxSize: 8, vendor: '', subgroupMatrixConfigs: [UNIT], ...info };
  const device = { ...opened, info: said as unknown as GPUAdapterInfo };
  return chooseTensorCores(device, { precision: 'float16', tensorCores: true, ...options });
}

describe('tensor cores', () => {
  it('are used where they multiply as they should', async () => {
    expect(await chosen({})).toEqual({ unit: { m: 8, n: 8, k: 8, subgroup: 8, fixed: false } });
  });

  it('ask for a size of subgroups where the device has several', async () => {
    const several = { subgroupMinSize: 4, subgroupMaxSize: 8 };
    expect(await chosen(several)).toEqual({ unit: { m: 8, n: 8, k: 8, subgroup: 8, fixed: true } });
  });

  it.each([
    ['subgroups have another size', { subgroupMinSize: 16, subgroupMaxSize: 16 }, /their test product was wrong/],
    ['matrices have another size', { subgroupMatrixConfigs: [{ ...UNIT, M: 32, N: 32 }] }, /their shader fails \(.+\)/],
    [
      'none add up in float32',
      { subgroupMatrixConfigs: [{ ...UNIT, resultComponentType: 'f16' }] },
      /add up in float32/,
    ],
    ['there are none', { subgroupMatrixConfigs: undefined }, /add up in float32/],
  ])('are not where %s', async (_, info, reason) => {
    expect(await chosen(info)).toEqual({ reason: expect.stringMatching(reason) });
  });

  it('are not in float32, nor where they are not wanted', async () => {
    expect(await chosen({}, { precision: 'float32' })).toEqual({ reason: 'products of float32 do without them' });
    expect(await chosen({}, { tensorCores: false })).toHaveProperty('reason');
  });

  it('of a CPU are used only on request, and the description says so', async () => {
    configure({ software: true, precision: 'float16' });
    tf.env().set('IS_NODE', false);
    await tf.setBackend('webgpu');
    expect(device()?.tensorCores).toEqual({ reason: 'the adapter computes on the CPU' });
    const x = tf.ones([20, 20]);
    expect((await tf.matMul(x, x).data())[0]).toBe(20);
    await drain();
  });
});
