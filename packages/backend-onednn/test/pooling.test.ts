/** Max-pools and gradients at windows, sizes and tensors that differ from those of the pool before. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, reason } from './native-build';
import { normals } from './reference';

type Net = (x: tf.Tensor4D) => tf.Tensor4D;

const image = (address: number, ...shape: [number, number, number, number]): tf.Tensor4D =>
  tf.tensor4d(
    normals(
      shape.reduce((a, b) => a * b),
      address,
      ...shape,
    ),
    shape,
  );

/** Expects the same shapes and numbers on both backends. */
async function compare(program: () => tf.Tensor[]): Promise<void> {
  const results: { shape: number[]; values: number[] }[][] = [];
  for (const backend of ['cpu', 'onednn']) {
    await tf.setBackend(backend);
    results.push(
      await expectNoLeak(() => tf.tidy(() => program().map((y) => ({ shape: y.shape, values: [...y.dataSync()] })))),
    );
  }
  const [expected, actual] = results;
  expect(actual!.map(({ shape }) => shape)).toEqual(expected!.map(({ shape }) => shape));
  expected!.forEach(({ values }, i) => {
    expect(actual![i]!.values).toBeAllclose(values, { rtol: 1e-5, atol: 1e-6 });
  });
}

function withGradient(net: Net, x: () => tf.Tensor4D): () => tf.Tensor[] {
  return () => {
    const y = net(x());
    return [y, tf.grad((u) => net(u as tf.Tensor4D))(x(), image(5, ...y.shape))];
  };
}

describe.skipIf(!isBuilt)(`max pools${reason}`, () => {
  beforeAll(async () => {
    const { configure } = await import('../src/index');
    configure({ poison: true, precision: 'float32' });
    // Otherwise the CPU backend advertises another backend on its first use.
    tf.env().set('IS_NODE', false);
  });

  it.each<[string, Net]>([
    ['1 × 1 after 2 × 2', (x) => tf.maxPool(tf.maxPool(x, 2, 2, 'valid'), 1, 1, 'valid')],
    ['1 × 1 after 3 × 3', (x) => tf.maxPool(tf.maxPool(x, 3, 1, 'same'), 1, 1, 'same')],
    ['1 × 1 at stride 2 after 2 × 2', (x) => tf.maxPool(tf.maxPool(x, 2, 2, 'valid'), 1, 2, 'valid')],
    [
      '2 × 2 after a reshape of 2 × 2',
      (x) => tf.maxPool(tf.reshape(tf.maxPool(x, 2, 2, 'valid'), [1, 3, 3, 4]), 2, 1, 'valid'),
    ],
    ['2 × 2 after 2 × 2', (x) => tf.maxPool(tf.maxPool(x, 2, 2, 'valid'), 2, 2, 'valid')],
  ])('have the right gradient: %s', async (_, net) => {
    await compare(withGradient(net, () => image(1, 2, 6, 6, 2)));
  });

  it.each([
    [5, 7],
    [5, 6],
    [1, 1],
    [4, 4],
  ])('of 2 × 2 with "same" stay inside images of %i × %i', async (height, width) => {
    const pool: Net = (x) => tf.maxPool(x, 2, 2, 'same');
    await compare(withGradient(pool, () => image(2, 3, height, width, 5)));
    const up: Net = (x) => tf.maxPool(x, 2, 2, 0, 'ceil');
    await compare(withGradient(up, () => image(2, 3, height, width, 5)));
  });

  const GRADIENTS = [
    { name: 'another filter size', first: 2, side: 8, attrs: { filterSize: 3, strides: 2, pad: 'same' } },
    { name: 'another stride', first: 1, side: 7, attrs: { filterSize: 2, strides: 1, pad: 'valid' } },
    { name: 'another padding', first: 2, side: 6, attrs: { filterSize: 2, strides: 2, pad: 1 } },
    { name: 'another tensor', first: 2, side: 8, attrs: { filterSize: 2, strides: 2, pad: 'valid' } },
  ];
  // The first pool is 2 × 2 at stride `first`; its input has 8 × 8 pixels, or 7 × 7 at stride 1.
  it.each(GRADIENTS)('take the indices of a pool only for its own gradient: $name', async ({ first, side, attrs }) => {
    await compare(() => {
      let output!: tf.Tensor4D;
      // Keeps the indices, because gradients are recorded.
      tf.grad((u) => {
        output = tf.keep(tf.maxPool(u as tf.Tensor4D, 2, first, 'valid'));
        return output;
      })(first === 1 ? image(3, 1, 7, 7, 2) : image(3, 1, 8, 8, 2));
      const inputs = { dy: image(6, ...output.shape), input: image(4, 1, side, side, 2), output };
      const dx = tf.engine().runKernel('MaxPoolGrad', inputs, attrs) as tf.Tensor;
      const result = dx.clone();
      result.dataSync();
      output.dispose();
      return [result];
    });
  });
});
