/** Kernels of a processor with AMX, chosen by VGG_ONEDNN_AMX on any that multiplies bfloat16. */
import { randomStream } from '@vgg/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Device, type Operand } from '../src/device';
import { loadNative } from '../src/load';
import { isBuilt, reason } from './native-build';

/** Strides 1, no dilation, padding 1. */
const SAME = [1, 1, 1, 1, 1, 1, 1, 1];
const IMAGES = [4, 24, 24, 256];
const FILTERS = [3, 3, 256, 256];

/** Returns the gradient of the filters of a convolution that is wide enough for Winograd, in the precision bfloat16. */
function filterGradient(amx: string): Float32Array {
  vi.stubEnv('VGG_ONEDNN_AMX', amx);
  const device = new Device(loadNative(), {
    threads: 1,
    memoryLimit: 1 << 30,
    cacheLimit: 16,
    poison: true,
    synchronous: false,
    precision: 'bfloat16',
  });
  const operands = ['x', 'dy'].map((name): Operand => {
    const values = randomStream(1, name).fillNormal(new Float32Array(IMAGES.reduce((a, b) => a * b)));
    return { shape: IMAGES, buffer: device.upload('float32', values) };
  });
  const result = { shape: FILTERS, dtype: 'float32' as const, buffer: device.reserve() };
  device.submit('Conv2DBackpropFilter', operands, [result], SAME);
  const numbers = new Float32Array(device.readSync(result.buffer).slice(0));
  device.close();
  return numbers;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.skipIf(!isBuilt || !loadNative().bf16)(`kernels for AMX${reason}`, () => {
  it('are others than those without, and their results differ by the rounding of bfloat16 only', () => {
    const [without, withAmx] = [filterGradient('0'), filterGradient('1')];
    const deviation = Math.sqrt(without.reduce((sum, value) => sum + value ** 2, 0) / without.length);
    const error = Math.sqrt(without.reduce((sum, value, i) => sum + (value - withAmx[i]!) ** 2, 0) / without.length);
    expect(error / deviation).toBeGreaterThan(1e-5);
    expect(error / deviation).toBeLessThan(5e-3);
  });
});
