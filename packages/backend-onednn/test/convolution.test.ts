/**
 * Convolutions of VGG's sizes and of sizes around oneDNN's channel blocks, compared with float64, with poisoned
 * buffers.
 */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream, sizeOf } from '@vgg/core';
import { MomentumSgd } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, reason } from './native-build';
import {
  type ConvolutionCase,
  convolutionAt,
  filterGradientAt,
  geometryOf,
  inputGradientAt,
  normals,
  places,
} from './reference';

const CASES: readonly ConvolutionCase[] = [
  { n: 1, h: 224, w: 224, cin: 3, cout: 64, k: 3, stride: 1, pad: 'same' },
  { n: 1, h: 112, w: 112, cin: 64, cout: 128, k: 3, stride: 1, pad: 'same' },
  { n: 2, h: 28, w: 28, cin: 256, cout: 512, k: 3, stride: 1, pad: 'same' },
  { n: 2, h: 14, w: 14, cin: 512, cout: 512, k: 1, stride: 1, pad: 'same' },
  // By Winograd: sizes that are not multiples of its tiles, no padding, an odd multiple of 16 channels.
  { n: 5, h: 30, w: 29, cin: 64, cout: 48, k: 3, stride: 1, pad: 'same' },
  { n: 33, h: 14, w: 11, cin: 32, cout: 64, k: 3, stride: 1, pad: 'valid' },
  { n: 2, h: 62, w: 35, cin: 16, cout: 48, k: 3, stride: 1, pad: 'same' },
  // By Winograd, with tiles that all threads share.
  { n: 1, h: 28, w: 26, cin: 256, cout: 208, k: 3, stride: 1, pad: 'same' },
  // Images of a few pixels: one matrix product.
  { n: 33, h: 2, w: 2, cin: 32, cout: 48, k: 3, stride: 1, pad: 'same' },
  { n: 40, h: 1, w: 3, cin: 5, cout: 7, k: 3, stride: 2, pad: 'same' },
  { n: 33, h: 9, w: 7, cin: 17, cout: 15, k: 3, stride: 1, pad: 'same' },
  { n: 3, h: 13, w: 21, cin: 16, cout: 31, k: 3, stride: 2, pad: 'same' },
  { n: 1, h: 30, w: 11, cin: 5, cout: 1, k: 5, stride: 3, pad: 'valid' },
  { n: 2, h: 7, w: 7, cin: 32, cout: 33, k: 7, stride: 1, pad: 'valid' },
  { n: 1, h: 1, w: 1, cin: 1, cout: 1, k: 1, stride: 1, pad: 'valid' },
];

/**
 * Float32 sums of `terms` products of normals, in any order: each addition rounds by up to 2^-24 of a partial sum,
 * whose size grows as √k, so the error's standard deviation is about 2^-24 · terms / √6. The bound is five deviations.
 */
function tolerance(terms: number) {
  return { rtol: 1e-5, atol: 2 ** -23 * terms };
}

describe.skipIf(!isBuilt)(`convolution${reason}`, () => {
  beforeAll(async () => {
    const { configure } = await import('../src/index');
    configure({ poison: true });
    // Otherwise the CPU backend advertises another backend on its first use.
    tf.env().set('IS_NODE', false);
    await tf.setBackend('onednn');
  });

  describe.each(CASES)('x=[$n,$h,$w,$cin] filter=[$k,$k,$cin,$cout] stride $stride $pad', (c) => {
    const g = geometryOf(c);
    const x = normals(g.n * g.h * g.w * g.cin, 1);
    const filter = normals(g.k * g.k * g.cin * g.cout, 2);
    const bias = normals(g.cout, 3);
    const dy = normals(g.n * g.oh * g.ow * g.cout, 4);
    const shapes = {
      x: [g.n, g.h, g.w, g.cin] as [number, number, number, number],
      filter: [g.k, g.k, g.cin, g.cout] as [number, number, number, number],
      dy: [g.n, g.oh, g.ow, g.cout] as [number, number, number, number],
    };

    it('computes the output with bias and ReLU, fused by the caller and by the backend', async () => {
      const at = places(dy.length, 60);
      const expected = at.map((i) => Math.max(0, convolutionAt(g, x, filter, i) + bias[i % g.cout]!));
      await expectNoLeak(() => {
        tf.tidy(() => {
          const [xs, ws, bs] = [tf.tensor4d(x, shapes.x), tf.tensor4d(filter, shapes.filter), tf.tensor1d(bias)];
          const fused = tf.fused.conv2d({
            x: xs,
            filter: ws,
            strides: c.stride,
            pad: c.pad,
            bias: bs,
            activation: 'relu',
          });
          const plain = tf.relu(tf.add(tf.conv2d(xs, ws, c.stride, c.pad), bs));
          for (const y of [fused, plain]) {
            const values = y.dataSync();
            expect(at.map((i) => values[i]!)).toBeAllclose(expected, tolerance(g.k * g.k * g.cin));
          }
        });
      });
    });

    it('computes the gradients of input and filter', async () => {
      const inputs = places(x.length, 60);
      const filters = places(filter.length, g.n * g.oh * g.ow > 10_000 ? 12 : 40);
      await expectNoLeak(() => {
        tf.tidy(() => {
          const gradient = tf.grads((xs, ws) => tf.conv2d(xs as tf.Tensor4D, ws as tf.Tensor4D, c.stride, c.pad));
          const operands = [tf.tensor4d(x, shapes.x), tf.tensor4d(filter, shapes.filter)];
          const [dx, dw] = gradient(operands, tf.tensor4d(dy, shapes.dy)).map((t) => t.dataSync());
          expect(inputs.map((i) => dx![i]!)).toBeAllclose(
            inputs.map((i) => inputGradientAt(g, dy, filter, i)),
            tolerance(g.k * g.k * g.cout),
          );
          expect(filters.map((i) => dw![i]!)).toBeAllclose(
            filters.map((i) => filterGradientAt(g, x, dy, i)),
            tolerance(g.n * g.oh * g.ow),
          );
        });
      });
    });
  });
});

describe.skipIf(!isBuilt)(`a filter of several convolutions${reason}`, () => {
  it('is transformed again after a change', () => {
    const values = normals(30 * 30 * 64, 1);
    const filter = tf.variable(tf.tensor4d(normals(3 * 3 * 64 * 64, 2), [3, 3, 64, 64]));
    const optimiser = new MomentumSgd({ momentum: 0, weightDecay: 0 });
    tf.tidy(() => {
      const x = tf.tensor4d(values, [1, 30, 30, 64]);
      const convolved = () => tf.conv2d(x, filter as unknown as tf.Tensor4D, 1, 'same').dataSync();
      const [first, again] = [convolved(), convolved()];
      expect(again).toEqual(first);
      // w - 2w.
      optimiser.step(new Map([['filter', filter]]), new Map([['filter', tf.mul(filter, 2)]]), 1);
      expect(convolved()).toEqual(first.map((value) => -value));
    });
    optimiser.dispose();
    filter.dispose();
  });
});

describe.skipIf(!isBuilt)(`a pool after a convolution and ReLU${reason}`, () => {
  type Shape = [number, number, number, number];
  const geometries: readonly { x: Shape; filter: Shape; stride: number; way: string }[] = [
    { x: [3, 26, 30, 32], filter: [3, 3, 32, 48], stride: 1, way: 'by Winograd' },
    { x: [2, 29, 27, 64], filter: [3, 3, 64, 32], stride: 1, way: 'by Winograd, odd sides' },
    { x: [1, 20, 18, 64], filter: [3, 3, 64, 160], stride: 1, way: 'by Winograd, shared tiles' },
    { x: [2, 9, 13, 3], filter: [3, 3, 3, 17], stride: 1, way: 'directly' },
    { x: [2, 12, 15, 16], filter: [5, 5, 16, 8], stride: 2, way: 'at stride 2' },
    { x: [33, 2, 2, 32], filter: [3, 3, 32, 48], stride: 1, way: 'of a few pixels' },
  ];
  const pool = (y: tf.Tensor) => tf.maxPool(y as tf.Tensor4D, 2, 2, 'valid');
  const ofFilter = (filter: Shape) => tf.tensor4d(normals(sizeOf(filter), 2), filter);

  let engine: typeof import('../src/index');
  beforeAll(async () => {
    engine = await import('../src/index');
    await tf.setBackend('onednn');
  });

  /** Returns the names of the kernels that `body` runs. */
  function kernelsRunBy(body: () => void): string[] {
    engine.profile(true);
    body();
    const names = engine.kernelTimes().map(({ operation }) => operation.split(' ')[0]!);
    engine.profile(false);
    return names;
  }

  describe.each(geometries)('$way: x=$x filter=$filter', ({ x: sides, filter: window, stride }) => {
    function withOperands(body: (fused: () => tf.Tensor, plain: () => tf.Tensor) => void): void {
      tf.tidy(() => {
        const values = normals(sizeOf(sides), 1);
        // NaN is never the largest.
        values[7 * sides[3]] = Number.NaN;
        const [x, filter, bias] = [tf.tensor4d(values, sides), ofFilter(window), tf.tensor1d(normals(window[3], 3))];
        const fused = { x, filter, strides: stride, pad: 'same', bias, activation: 'relu' } as const;
        body(
          () => tf.fused.conv2d(fused),
          () => tf.relu(tf.add(tf.conv2d(x, filter, stride, 'same'), bias)),
        );
      });
    }

    it('gives the bits of a separate pool', () => {
      withOperands((...ways) => {
        for (const rectified of ways) {
          const whole = rectified();
          whole.dataSync();
          const expected = pool(whole).dataSync();
          expect(expected.some((value) => value > 0)).toBe(true);
          const unread = tf.tidy(rectified);
          const pooled = pool(unread);
          unread.dispose();
          expect(pooled.dataSync()).toEqual(expected);
        }
      });
    });

    it('computes the convolution once, and its output only if it was not disposed', () => {
      withOperands((rectified) => {
        const alone = kernelsRunBy(() => {
          const unread = rectified();
          const pooled = pool(unread);
          unread.dispose();
          pooled.dataSync();
        });
        expect(alone).toEqual(['Conv2D']);
        const held = kernelsRunBy(() => {
          const kept = rectified();
          pool(kept).dataSync();
          kept.dataSync();
        });
        expect(held.sort()).toEqual(['Conv2D', 'MaxPool']);
      });
    });

    it('leaks nothing, read or not', () =>
      expectNoLeak(() => {
        withOperands((rectified) => {
          pool(rectified()).dataSync();
          pool(rectified());
          const unread = rectified();
          pool(unread);
          unread.dispose();
        });
      }));
  });

  it('uses the weights of the time of the call', () => {
    const filter = tf.tidy(() => tf.variable(ofFilter([3, 3, 32, 32])));
    const optimiser = new MomentumSgd({ momentum: 0, weightDecay: 0 });
    tf.tidy(() => {
      const x = tf.tensor4d(normals(2 * 12 * 12 * 32, 1), [2, 12, 12, 32]);
      const pooled = () => pool(tf.tidy(() => tf.relu(tf.conv2d(x, filter as unknown as tf.Tensor4D, 1, 'same'))));
      const expected = pooled().dataSync();
      const waiting = pooled();
      optimiser.step(new Map([['filter', filter]]), new Map([['filter', tf.mul(filter, 2)]]), 1);
      expect(waiting.dataSync()).toEqual(expected);
    });
    optimiser.dispose();
    filter.dispose();
  });

  it('does not fuse other pools, nor any pool while gradients are recorded', async () => {
    const x = tf.tensor4d(normals(2 * 9 * 9 * 32, 1), [2, 9, 9, 32]);
    const filter = ofFilter([3, 3, 32, 32]);
    const rectified = (u: tf.Tensor) => tf.relu(tf.conv2d(u as tf.Tensor4D, filter, 1, 'same'));
    const pools: Record<string, (y: tf.Tensor) => tf.Tensor> = {
      'rounded up': (y) => tf.maxPool(y as tf.Tensor4D, 2, 2, 'same'),
      'of three': (y) => tf.maxPool(y as tf.Tensor4D, 3, 2, 'valid'),
      overlapping: (y) => tf.maxPool(y as tf.Tensor4D, 2, 1, 'valid'),
      padded: (y) => tf.maxPool(y as tf.Tensor4D, 2, 2, 1),
    };
    tf.tidy(() => {
      const whole = rectified(x);
      whole.dataSync();
      for (const [name, operation] of Object.entries(pools)) {
        const unread = tf.tidy(() => operation(rectified(x)));
        expect(unread.dataSync(), name).toEqual(operation(whole).dataSync());
      }
      const gradient = tf.grad((u) => pool(rectified(u)))(x);
      const ofWhole = tf.grad((u) => {
        const y = rectified(u);
        y.dataSync();
        return pool(y);
      })(x);
      expect(gradient.dataSync()).toEqual(ofWhole.dataSync());
    });
    tf.dispose([x, filter]);
  });
});

describe.skipIf(!isBuilt)(`conv2d, add and relu in user code${reason}`, () => {
  const stream = randomStream(3, 'peephole');
  const tensor = (...shape: number[]) => tf.tensor(stream.fillNormal(new Float32Array(sizeOf(shape))), shape);

  /** Returns every intermediate result of the chain and its gradients. All must equal those of the CPU backend. */
  function everything(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor[] {
    const convolved = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
    const shifted = tf.add(convolved, b);
    const rectified = tf.relu(shifted);
    const mask = tf.step(shifted);
    const twice = tf.mul(rectified, mask);
    const gradient = tf.grads((...[u, v, c]) =>
      tf.relu(tf.add(c!, tf.conv2d(u as tf.Tensor4D, v as tf.Tensor4D, 1, 'same'))),
    );
    return [
      rectified,
      mask,
      twice,
      shifted,
      convolved,
      tf.relu(convolved),
      ...gradient([x, w, b], tf.onesLike(shifted)),
    ];
  }

  it('give the results of the CPU backend, at every step', async () => {
    await tf.setBackend('onednn');
    const [x, w, b] = [tensor(2, 6, 5, 4), tensor(3, 3, 4, 8), tensor(8)];
    const actual = tf.tidy(() => everything(x, w, b).map((t) => t.dataSync()));
    await tf.setBackend('cpu');
    const expected = tf.tidy(() => everything(x, w, b).map((t) => t.dataSync()));
    await tf.setBackend('onednn');
    expected.forEach((values, i) => {
      expect(actual[i]).toBeAllclose(values, { rtol: 1e-5, atol: 1e-5 });
    });
    tf.dispose([x, w, b]);
  });

  it('are not fused across a reshape: the next kernel uses the new shape', async () => {
    const [x, w, b] = [tensor(2, 6, 5, 16), tensor(3, 3, 16, 16), tensor(8)];
    const f = () => {
      const convolved = () => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
      const unread = tf.reshape(tf.relu(convolved()), [1, 12, 5, 16]) as tf.Tensor4D;
      return [
        tf.add(tf.reshape(convolved(), [2, 6, 10, 8]), b),
        tf.maxPool(unread, 2, 2, 'valid'),
        tf.maxPool(tf.reshape(tf.relu(convolved()), [2, 5, 6, 16]) as tf.Tensor4D, 2, 2, 'valid'),
        tf.maxPool(tf.reshape(tf.relu(convolved()), [2, 6, 10, 8]) as tf.Tensor4D, 2, 2, 'valid'),
      ];
    };
    await tf.setBackend('onednn');
    // Read after the intermediate tensors were disposed.
    const results = tf.tidy(f);
    const actual = results.map((t) => t.dataSync());
    await tf.setBackend('cpu');
    const expected = tf.tidy(() => f().map((t) => t.dataSync()));
    await tf.setBackend('onednn');
    expected.forEach((values, i) => {
      expect(actual[i]).toBeAllclose(values, { rtol: 1e-5, atol: 1e-5 });
    });
    tf.dispose([x, w, b, ...results]);
  });

  it('work after their inputs and intermediate results were disposed', () => {
    const [x, w, b] = [tensor(1, 4, 4, 3), tensor(3, 3, 3, 5), tensor(5)];
    const expected = tf.tidy(() =>
      tf.fused.conv2d({ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, strides: 1, pad: 'same', bias: b }).dataSync(),
    );
    const convolved = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
    const shifted = tf.add(convolved, b);
    tf.dispose([x, w, b, convolved]);
    expect(shifted).toBeAllclose(Array.from(expected), { rtol: 1e-6, atol: 1e-6 });
    shifted.dispose();
  });
});
