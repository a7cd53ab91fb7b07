/** The three products of a convolution on tensor cores against float64 of the rounded factors, over odd sizes. */
import * as tf from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import type { VggWebgpuBackend } from '../../src/backend';
import { kernelTimes, profile } from '../../src/index';
import { chooseMatrixTile } from '../../src/kernels/gemm';
import { normals, start, worst } from '../reference';
import { rounded, roundToHalf } from './rounding';

interface Case {
  x: [number, number, number, number];
  filter: [number, number, number, number];
  stride: number;
  pad: number;
}

const CASES: Case[] = [
  { x: [1, 1, 1, 1], filter: [1, 1, 1, 1], stride: 1, pad: 0 },
  { x: [2, 9, 7, 3], filter: [3, 3, 3, 8], stride: 1, pad: 1 },
  { x: [3, 8, 8, 16], filter: [3, 3, 16, 20], stride: 1, pad: 1 },
  { x: [2, 7, 5, 6], filter: [3, 3, 6, 5], stride: 1, pad: 1 },
  { x: [2, 7, 7, 8], filter: [7, 7, 8, 12], stride: 1, pad: 0 },
  { x: [1, 11, 9, 4], filter: [3, 3, 4, 4], stride: 2, pad: 1 },
  { x: [2, 6, 6, 12], filter: [1, 1, 12, 16], stride: 1, pad: 0 },
  { x: [1, 17, 13, 37], filter: [3, 3, 37, 50], stride: 1, pad: 1 },
];

const name = ({ x, filter, stride, pad }: Case) => `[${x}] by [${filter}], stride ${stride}, padding ${pad}`;
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Calls `visit` with the places of x, filter and y that meet, in each term of a convolution. */
function terms(
  { x, filter, stride, pad }: Case,
  [oh, ow]: [number, number],
  visit: (x: number, w: number, y: number) => void,
) {
  const [images, h, w, cin] = x;
  const [kh, kw, , cout] = filter;
  for (let i = 0; i < images; i++)
    for (let oy = 0; oy < oh; oy++)
      for (let ox = 0; ox < ow; ox++)
        for (let ky = 0; ky < kh; ky++)
          for (let kx = 0; kx < kw; kx++) {
            const [iy, ix] = [oy * stride + ky - pad, ox * stride + kx - pad];
            if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
            for (let c = 0; c < cin; c++)
              for (let o = 0; o < cout; o++)
                visit(
                  ((i * h + iy) * w + ix) * cin + c,
                  ((ky * kw + kx) * cin + c) * cout + o,
                  ((i * oh + oy) * ow + ox) * cout + o,
                );
          }
}

const backend = () => tf.backend() as unknown as VggWebgpuBackend;

beforeAll(() => start({ precision: 'float16', tensorCores: true }));

describe('convolutions on tensor cores', () => {
  it.each(CASES.map((c) => [name(c), c] as const))('%s', async (_, c) => {
    const [x, filter] = [normals(size(c.x), 1), normals(size(c.filter), 2)];
    const sides = [1, 2].map((i) => Math.floor((c.x[i]! + 2 * c.pad - c.filter[i - 1]!) / c.stride) + 1);
    const [oh, ow] = sides as [number, number];
    const yShape: Case['x'] = [c.x[0], oh, ow, c.filter[3]];
    // Gradients of a training step are as small as this.
    const dy = normals(size(yShape), 3).map((v) => v * 2 ** -20);
    const [rx, rf, rd] = [x, filter, dy].map(rounded) as [Float64Array, Float64Array, Float64Array];
    const [y, dx, dw] = [yShape, c.x, c.filter].map((shape) => new Float64Array(size(shape))) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    terms(c, [oh, ow], (ix, iw, iy) => {
      y[iy]! += rx[ix]! * rf[iw]!;
      dx[ix]! += rd[iy]! * rf[iw]!;
      dw[iw]! += rx[ix]! * rd[iy]!;
    });
    // Tensor cores for all, however small.
    backend().tile = chooseMatrixTile(backend().unit!, 64, 64, { limits: backend().device.limits, software: true });
    await expectNoLeak(async () => {
      const [tx, tw, td] = [tf.tensor4d(x, c.x), tf.tensor4d(filter, c.filter), tf.tensor4d(dy, yShape)];
      const attributes = { strides: [c.stride, c.stride], dilations: [1, 1], pad: c.pad, dataFormat: 'NHWC' };
      const run = (kernel: string, inputs: tf.NamedTensorMap, more: object) =>
        tf.engine().runKernel(kernel, inputs, { ...attributes, ...more } as unknown as tf.NamedAttrMap) as tf.Tensor;
      const ofY = run('Conv2D', { x: tx, filter: tw }, {});
      const ofX = run('Conv2DBackpropInput', { dy: td, filter: tw }, { inputShape: c.x });
      const ofFilter = run('Conv2DBackpropFilter', { x: tx, dy: td }, { filterShape: c.filter });
      const [gotY, gotX, gotFilter] = (await Promise.all([ofY, ofX, ofFilter].map((t) => t.data()))) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      tf.dispose([tx, tw, td, ofY, ofX, ofFilter]);
      expect(worst(gotX, dx)).toBeLessThan(1e-5);
      expect(worst(gotFilter, dw)).toBeLessThan(1e-5);
      // Activations are rounded once more, to be stored.
      const largest = y.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      expect([...gotY].every((v, i) => Math.abs(v - y[i]!) <= 2 ** -11 * Math.abs(y[i]!) + 1e-5 * largest)).toBe(true);
      expect([...gotY].every((v) => v === roundToHalf(v))).toBe(true);
    });
  });

  it("do without Winograd's, whose transforms float16 would round", async () => {
    Object.assign(backend(), { tile: undefined, winograd: 4 });
    const [x, filter] = [tf.tensor4d(normals(2048, 1), [2, 8, 8, 16]), tf.tensor4d(normals(2304, 2), [3, 3, 16, 16])];
    profile(true);
    const y = tf.conv2d(x, filter, 1, 'same');
    await y.data();
    profile(false);
    const names = (await kernelTimes()).map(({ name }) => name);
    tf.dispose([x, filter, y]);
    backend().winograd = undefined;
    expect(names.filter((name) => name.startsWith('Conv2D') && name.endsWith('on tensor cores'))).toHaveLength(1);
    expect(names.filter((name) => name.startsWith('Winograd'))).toEqual([]);
  });
});
