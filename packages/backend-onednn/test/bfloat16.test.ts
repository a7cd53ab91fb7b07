/** Multiplying in bfloat16: within its error of float64, and a net that still learns. */
import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '@vgg/core';
import { createVgg, heInitialiser } from '@vgg/models';
import { lossAndGradients, MomentumSgd, softmaxCrossEntropy } from '@vgg/optim';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadNative } from '../src/load';
import { isBuilt, reason } from './native-build';
import { convolutionAt, filterGradientAt, geometryOf, inputGradientAt, normals, places } from './reference';

const able = isBuilt && loadNative().bf16;
const why = isBuilt && !able ? ' (skipped: this processor has no bfloat16)' : reason;

/** |actual - expected| / |expected| over the sample. */
function relativeError(actual: readonly number[], expected: readonly number[]): number {
  const norm = (values: readonly number[]) => Math.hypot(...values);
  return norm(actual.map((v, i) => v - expected[i]!)) / norm(expected);
}

describe.skipIf(!able)(`bfloat16${why}`, () => {
  beforeAll(async () => {
    const { configure } = await import('../src/index');
    configure({ poison: true, precision: 'bfloat16' });
    await tf.setBackend('onednn');
  });

  it.each([
    { n: 2, h: 28, w: 27, cin: 64, cout: 128, k: 3, stride: 1, pad: 'same' },
    { n: 33, h: 9, w: 7, cin: 3, cout: 17, k: 3, stride: 1, pad: 'same' },
    { n: 1, h: 14, w: 14, cin: 31, cout: 64, k: 1, stride: 2, pad: 'valid' },
  ] as const)('convolution $n × $h × $w × $cin → $cout, $k × $k', (c) => {
    const g = geometryOf(c);
    const [x, filter] = [normals(g.n * g.h * g.w * g.cin, 1), normals(g.k * g.k * g.cin * g.cout, 2)];
    const dy = normals(g.n * g.oh * g.ow * g.cout, 4);
    const run = (u: tf.Tensor, v: tf.Tensor) => tf.conv2d(u as tf.Tensor4D, v as tf.Tensor4D, c.stride, c.pad);
    const [y, dx, dw] = tf.tidy(() => {
      const operands = [
        tf.tensor4d(x, [g.n, g.h, g.w, g.cin]),
        tf.tensor4d(filter, [g.k, g.k, g.cin, g.cout]),
      ] as const;
      const gradients = tf.grads(run)([...operands], tf.tensor4d(dy, [g.n, g.oh, g.ow, g.cout]));
      return [run(...operands), ...gradients].map((t) => t.dataSync());
    });
    const check = (values: ArrayLike<number>, reference: (i: number) => number) => {
      const at = places(values.length, 60);
      const error = relativeError(
        at.map((i) => values[i]!),
        at.map(reference),
      );
      // Both factors are rounded to 8 bits: a relative error of at most 2^-9 each, less on average. None would be float32.
      expect(error).toBeLessThan(3e-3);
      expect(error).toBeGreaterThan(1e-5);
    };
    check(y!, (i) => convolutionAt(g, x, filter, i));
    check(dx!, (i) => inputGradientAt(g, dy, filter, i));
    check(dw!, (i) => filterGradientAt(g, x, dy, i));
  });

  it.each([
    [false, false],
    [true, false],
    [false, true],
  ])('matrix product, transposed %s and %s', (transposeA, transposeB) => {
    const [rows, inner, columns] = [33, 300, 65];
    const [a, b] = [normals(rows * inner, 1), normals(inner * columns, 2)];
    const product = tf.tidy(() =>
      tf
        .matMul(
          tf.tensor2d(a, transposeA ? [inner, rows] : [rows, inner]),
          tf.tensor2d(b, transposeB ? [columns, inner] : [inner, columns]),
          transposeA,
          transposeB,
        )
        .dataSync(),
    );
    const expected = Array.from(product, (_, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let k = 0; k < inner; k++) {
        sum +=
          a[transposeA ? k * rows + row : row * inner + k]! *
          b[transposeB ? column * inner + k : k * columns + column]!;
      }
      return sum;
    });
    expect(relativeError(Array.from(product), expected)).toBeLessThan(3e-3);
  });

  it('learns: the loss of a small net falls on the batch it is shown', async () => {
    const model = createVgg(
      { configuration: 'A', inputSize: 32, width: 1 / 8, classes: 4, dropout: 0 },
      heInitialiser({ seed: 1 }),
    );
    const optimiser = new MomentumSgd();
    const images = tf.tensor4d(randomStream(1, 'images').fillNormal(new Float32Array(8 * 32 * 32 * 3)), [8, 32, 32, 3]);
    const losses: number[] = [];
    for (let step = 0; step < 40; step++) {
      const { loss, gradients } = lossAndGradients(
        () => softmaxCrossEntropy(model.apply(images, { training: true }).logits, [0, 1, 2, 3, 0, 1, 2, 3]),
        model.trainable,
      );
      optimiser.step(model.trainable, gradients, 0.003);
      losses.push((await loss.data())[0]!);
      tf.dispose([loss, ...gradients.values()]);
    }
    expect(losses.at(-1)).toBeLessThan(0.5);
    optimiser.dispose();
    model.dispose();
    images.dispose();
  });
});
