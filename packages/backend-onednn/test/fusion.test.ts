/** Deferred operations that are used in other ways than by the kernel that they wait for, compared with the CPU backend. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { isBuilt, reason } from './native-build';
import { normals } from './reference';

type Results = tf.Tensor | tf.Tensor[];

async function numbers(backend: string, program: () => Results): Promise<number[][]> {
  await tf.setBackend(backend);
  return expectNoLeak(() =>
    tf.tidy(() => {
      const results = program();
      return (Array.isArray(results) ? results : [results]).map((y) => [...y.dataSync()]);
    }),
  );
}

const image = (...shape: [number, number, number, number]): tf.Tensor4D =>
  tf.tensor4d(
    normals(
      shape.reduce((a, b) => a * b),
      ...shape,
    ),
    shape,
  );

const halve = (x: tf.Tensor4D) => tf.maxPool(x, 2, 2, 'valid');

/** The gradient of a pool, which is deferred, and the pool's input. */
function poolGradient() {
  const x = image(2, 4, 4, 3);
  return { x, dx: tf.grad((u) => halve(u as tf.Tensor4D))(x, image(2, 2, 2, 3)) };
}

/** A convolution, which is deferred. Its operands are already disposed. */
function convolution(): tf.Tensor4D {
  return tf.tidy(() => tf.conv2d(image(1, 1, 1, 5), image(1, 1, 5, 4), 1, 'same'));
}

const normalised = () => {
  const vector = () => tf.tensor1d([0.3, 1.2, 0.7]);
  return tf.batchNorm(image(2, 3, 3, 3), vector(), vector(), vector(), vector());
};

const PROGRAMS: readonly (readonly [string, () => Results])[] = [
  ['ReLU of a pool gradient', () => tf.relu(poolGradient().dx)],
  ['ReLU of a reshaped pool gradient', () => tf.relu(tf.reshape(poolGradient().dx, [-1]))],
  [
    'functions of a pool gradient',
    () => {
      const { dx } = poolGradient();
      return [tf.relu6(dx), tf.leakyRelu(dx, 0.1), tf.prelu(dx, tf.scalar(0.2)), tf.add(dx, dx), tf.step(dx), dx];
    },
  ],
  [
    'a pool gradient under a mask, and its own step and ReLU',
    () => {
      const { x, dx } = poolGradient();
      const masked = tf.mul(dx, tf.step(x));
      return [masked, tf.step(dx), tf.relu(dx), dx, tf.step(tf.relu(dx)), tf.mul(tf.step(dx), dx)];
    },
  ],
  [
    'a pool gradient under the mask of another tensor',
    () => {
      const { x, dx } = poolGradient();
      return tf.mul(dx, tf.step(tf.neg(x)));
    },
  ],
  [
    'guided back-propagation',
    () => {
      const guided = tf.customGrad((x, save) => {
        const y = tf.relu(x as tf.Tensor4D);
        (save as tf.GradSaveFunc)([y]);
        return { value: y, gradFunc: (dy, [saved]) => tf.mul(tf.relu(dy as tf.Tensor4D), tf.step(saved!)) };
      });
      const filter = image(3, 3, 2, 3);
      return tf.grad((x) => halve(guided(tf.conv2d(x as tf.Tensor4D, filter, 1, 'same')) as tf.Tensor4D))(
        image(1, 6, 6, 2),
        image(1, 3, 3, 3),
      );
    },
  ],
  [
    'the square of a step whose operand is disposed',
    () => {
      const step = tf.tidy(() => tf.step(image(2, 3, 4, 5)));
      return tf.mul(step, step);
    },
  ],
  [
    'a step times itself reshaped',
    () => {
      const step = tf.tidy(() => tf.step(image(1, 3, 4, 5)));
      return tf.mul(tf.reshape(step, [60]), tf.reshape(step, [60]));
    },
  ],
  [
    'a convolution plus itself as a vector',
    () => {
      const y = convolution();
      return tf.relu(tf.add(y, tf.reshape(y, [4])));
    },
  ],
  [
    'a convolution used several times',
    () => {
      const y = convolution();
      const z = tf.add(y, tf.tensor1d([1, -1, 2, -2]));
      return [
        tf.relu(z),
        z,
        tf.step(z),
        tf.relu6(z),
        y,
        tf.relu(y),
        tf.step(y),
        tf.prelu(y, tf.tensor4d([0.5], [1, 1, 1, 1])),
      ];
    },
  ],
  [
    'a convolution whose first uses are disposed',
    () => {
      const y = convolution();
      tf.relu(y).dispose();
      tf.add(y, tf.tensor1d([1, 2, 3, 4])).dispose();
      return tf.relu(y);
    },
  ],
  [
    'a pool of a ReLU that is read later',
    () => {
      const y = tf.relu(tf.conv2d(image(1, 4, 4, 3), image(3, 3, 3, 2), 1, 'same'));
      const pooled = halve(y);
      return [pooled, y, tf.relu(pooled), tf.step(y)];
    },
  ],
  ['batch norm', () => [tf.relu(normalised()), tf.relu6(normalised()), tf.step(normalised()), normalised()]],
  [
    'batch norm used several times',
    () => {
      const y = normalised();
      return [tf.relu(y), y, tf.step(y), tf.add(y, tf.tensor1d([1, 2, 3])), tf.relu(tf.reshape(y, [2, 27]))];
    },
  ],
  [
    'step of no ReLU',
    () => [tf.step(tf.neg(convolution())), tf.step(tf.step(convolution())), tf.step(convolution(), 0.3)],
  ],
];

describe.skipIf(!isBuilt)(`deferred operations${reason}`, () => {
  beforeAll(async () => {
    const { configure } = await import('../src/index');
    configure({ poison: true, precision: 'float32' });
    // Otherwise the CPU backend advertises another backend on its first use.
    tf.env().set('IS_NODE', false);
  });

  it('computes the ReLU of a pool gradient, not the mask of the pool', async () => {
    const relu = () => {
      const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
      return tf.relu(tf.grad((u) => halve(u as tf.Tensor4D))(x, tf.tensor4d([-1], [1, 1, 1, 1])));
    };
    expect(await numbers('onednn', relu)).toEqual([[0, 0, 0, 0]]);
  });

  it.each(PROGRAMS.map(([name, program]) => ({ name, program })))('$name', async ({ program }) => {
    const expected = await numbers('cpu', program);
    const actual = await numbers('onednn', program);
    expect(actual.length).toBe(expected.length);
    expected.forEach((values, i) => {
      expect(actual[i]).toBeAllclose(values, { rtol: 1e-5, atol: 1e-6 });
    });
  });
});
