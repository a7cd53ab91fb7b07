/** bfloat16-fast: Winograd's transformed numbers are bfloat16, too. */
import * as tf from '@tensorflow/tfjs-core';
import '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadNative } from '../src/load';
import { isBuilt, reason } from './native-build';
import {
  convolutionAt,
  filterGradientAt,
  geometryOf,
  inputGradientAt,
  normals,
  places,
  relativeError,
} from './reference';

const able = isBuilt && loadNative().bf16 && !loadNative().amx;
const why = isBuilt && !able ? ' (skipped: this processor has no bfloat16, or AMX, which needs no Winograd)' : reason;

/** Tolerance of PyTorch for bfloat16 (torch.testing.assert_close), here relative to the result's root mean square. */
const TOLERANCE = 1.6e-2;

describe.skipIf(!able)(`bfloat16-fast${why}`, () => {
  beforeAll(async () => {
    const { configure, precision } = await import('../src/index');
    configure({ poison: true, precision: 'bfloat16-fast' });
    await tf.setBackend('onednn');
    expect(precision()).toBe('bfloat16-fast');
  });

  it.each([
    { n: 33, h: 12, w: 12, cin: 64, cout: 128, pad: 'same', rounded: 'all' },
    { n: 33, h: 15, w: 13, cin: 64, cout: 96, pad: 'same', rounded: 'all' },
    { n: 33, h: 14, w: 11, cin: 96, cout: 64, pad: 'valid', rounded: 'all' },
    { n: 1, h: 61, w: 67, cin: 128, cout: 64, pad: 'same', rounded: 'all' },
    { n: 1, h: 112, w: 112, cin: 32, cout: 32, pad: 'same', rounded: 'all' },
    { n: 35, h: 6, w: 6, cin: 256, cout: 256, pad: 'same', rounded: 'all' },
    { n: 127, h: 3, w: 3, cin: 256, cout: 256, pad: 'same', rounded: 'all' },
    // Two channels share a word, so an odd multiple of 16 channels is multiplied in float32.
    { n: 33, h: 24, w: 24, cin: 48, cout: 80, pad: 'same', rounded: 'dw' },
  ] as const)('convolution $n × $h × $w × $cin → $cout, $pad, within the error of bfloat16', (c) => {
    const g = geometryOf({ ...c, k: 3, stride: 1 });
    const x = normals(g.n * g.h * g.w * g.cin, 1).map((value) => Math.max(value, 0));
    const [filter, dy] = [normals(9 * g.cin * g.cout, 2), normals(g.n * g.oh * g.ow * g.cout, 4)];
    tf.tidy(() => {
      const run = (u: tf.Tensor, v: tf.Tensor) => tf.conv2d(u as tf.Tensor4D, v as tf.Tensor4D, 1, c.pad);
      const operands = [tf.tensor4d(x, [g.n, g.h, g.w, g.cin]), tf.tensor4d(filter, [3, 3, g.cin, g.cout])];
      const { value, grads } = tf.valueAndGrads(run)(operands, tf.tensor4d(dy, [g.n, g.oh, g.ow, g.cout]));
      const error = (of: tf.Tensor, reference: (i: number) => number) => {
        const values = of.dataSync();
        const at = places(of.size, 100);
        expect(values.every(Number.isFinite)).toBe(true);
        return relativeError(
          at.map((i) => values[i]!),
          at.map(reference),
        );
      };
      const errors = {
        y: error(value, (i) => convolutionAt(g, x, filter, i)),
        dx: error(grads[0]!, (i) => inputGradientAt(g, dy, filter, i)),
        dw: error(grads[1]!, (i) => filterGradientAt(g, x, dy, i)),
      };
      for (const [name, off] of Object.entries(errors)) {
        expect(off, name).toBeLessThan(TOLERANCE);
        // Direct bfloat16 convolutions are off by 0.003, including the rounding of the stored result.
        if (c.rounded === 'all' || c.rounded === name) expect(off, name).toBeGreaterThan(3.2e-3);
        else expect(off, name).toBeLessThan(3.2e-3);
      }
    });
  });

  it('adds a bias and applies ReLU', () => {
    const g = geometryOf({ n: 33, h: 13, w: 13, cin: 64, cout: 64, k: 3, stride: 1, pad: 'same' });
    const [x, filter] = [normals(g.n * g.h * g.w * g.cin, 1), normals(9 * g.cin * g.cout, 2)];
    const bias = normals(g.cout, 3).map((value) => value * 30);
    tf.tidy(() => {
      const run = (u: tf.Tensor, v: tf.Tensor) =>
        tf.relu(tf.add(tf.conv2d(u as tf.Tensor4D, v as tf.Tensor4D, 1, 'same'), bias));
      const operands = [tf.tensor4d(x, [g.n, g.h, g.w, g.cin]), tf.tensor4d(filter, [3, 3, g.cin, g.cout])];
      const { value } = tf.valueAndGrads(run)(operands, tf.ones([g.n, g.oh, g.ow, g.cout]));
      const values = value.dataSync();
      const at = places(value.size, 100);
      const expected = at.map((i) => Math.max(0, convolutionAt(g, x, filter, i) + bias[i % g.cout]!));
      const error = relativeError(
        at.map((i) => values[i]!),
        expected,
      );
      expect(error).toBeGreaterThan(3.2e-3);
      expect(error).toBeLessThan(TOLERANCE);
      expect(values.every((value) => value >= 0)).toBe(true);
    });
  });

  it.each([
    { h: 48, w: 47, cin: 128, cout: 128, least: 3.2e-3, most: TOLERANCE },
    // Two channels share a word: an odd multiple of 16 channels is multiplied in float32.
    { h: 48, w: 47, cin: 48, cout: 80, least: 0, most: 3.2e-3 },
  ])('while no gradients are recorded, too, with a filter that is kept: $cin → $cout', ({ least, most, ...c }) => {
    const g = geometryOf({ ...c, n: 8, k: 3, stride: 1, pad: 'same' });
    const filter = normals(9 * g.cin * g.cout, 2);
    tf.tidy(() => {
      const kept = tf.tensor4d(filter, [3, 3, g.cin, g.cout]);
      for (const seed of [1, 3]) {
        const x = normals(g.n * g.h * g.w * g.cin, seed).map((value) => Math.max(value, 0));
        const y = tf.conv2d(tf.tensor4d(x, [g.n, g.h, g.w, g.cin]), kept, 1, 'same');
        const values = y.dataSync();
        const at = places(y.size, 100);
        const error = relativeError(
          at.map((i) => values[i]!),
          at.map((i) => convolutionAt(g, x, filter, i)),
        );
        expect(error).toBeGreaterThan(least);
        expect(error).toBeLessThan(most);
      }
    });
  });

  it('multiplies by the new numbers of a filter that a step has changed', () => {
    const g = geometryOf({ n: 8, h: 48, w: 48, cin: 64, cout: 64, k: 3, stride: 1, pad: 'same' });
    const x = normals(g.n * g.h * g.w * g.cin, 1);
    tf.tidy(() => {
      const images = tf.tensor4d(x, [g.n, g.h, g.w, g.cin]);
      const filter = tf.variable(tf.tensor4d(normals(9 * g.cin * g.cout, 2), [3, 3, g.cin, g.cout]));
      const before = tf.conv2d(images, filter, 1, 'same');
      filter.assign(tf.neg(filter));
      expect(tf.conv2d(images, filter, 1, 'same')).toBeAllclose(Array.from(tf.neg(before).dataSync()), {
        rtol: 1e-6,
        atol: 0,
      });
      filter.dispose();
    });
  });

  it("computes a bias's gradient together with the filter's, also from an odd number of tiles", () => {
    tf.tidy(() => {
      const [n, height, width, inputs, channels] = [1, 52, 36, 64, 64];
      const values = normals(n * height * width * channels, 6);
      const x = tf.tensor(normals(n * height * width * inputs, 7), [n, height, width, inputs]);
      const dy = tf.tensor(values, [n, height, width, channels]);
      const attributes = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1] };
      const filterShape = [3, 3, inputs, channels];
      tf.engine().runKernel('Conv2DBackpropFilter', { x, dy }, { ...attributes, filterShape });
      const sums = new Float64Array(channels);
      for (const [i, value] of values.entries()) sums[i % channels]! += value;
      expect(tf.sum(dy, [0, 1, 2])).toBeAllclose(Array.from(sums), { rtol: 1e-5, atol: 1e-2 });
    });
  });
});
