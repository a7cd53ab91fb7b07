/**
 * Whole training steps of narrow nets with all kinds of layers of Table 1's configurations, including LRN and batch
 * norm.
 */
import * as tf from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { normals } from './compare';

interface Net {
  variables: Map<string, tf.Variable>;
  loss: () => tf.Scalar;
}

const BATCH = 6;
const CLASSES = 5;

/**
 * Creates a net of two stages (convolutions 3 × 3, 3 × 3 and 1 × 1, optionally LRN or batch norm, pooling) and two
 * fully-connected layers with dropout.
 */
function createNet(normalisation: 'none' | 'lrn' | 'batch norm'): Net {
  const variables = new Map<string, tf.Variable>();
  const variable = (name: string, shape: number[], scale: number) => {
    const values = normals(shape, variables.size).map((value) => value * scale);
    variables.set(
      name,
      tf.tidy(() => tf.variable(tf.tensor(values, shape), true)),
    );
    return variables.get(name)!;
  };
  const layers = [
    { name: 'conv1_1', size: 3, inputs: 3, outputs: 8, pool: true },
    { name: 'conv2_1', size: 3, inputs: 8, outputs: 13, pool: false },
    { name: 'conv2_2', size: 1, inputs: 13, outputs: 12, pool: true },
  ].map((layer) => ({
    ...layer,
    weight: variable(`${layer.name}.weight`, [layer.size, layer.size, layer.inputs, layer.outputs], 0.2),
    bias: variable(`${layer.name}.bias`, [layer.outputs], 0.1),
    scale: normalisation === 'batch norm' ? variable(`${layer.name}.scale`, [layer.outputs], 1) : undefined,
    offset: normalisation === 'batch norm' ? variable(`${layer.name}.offset`, [layer.outputs], 0.1) : undefined,
  }));
  const fc6 = { weight: variable('fc6.weight', [2 * 3 * 12, 20], 0.1), bias: variable('fc6.bias', [20], 0.1) };
  const fc7 = { weight: variable('fc7.weight', [20, CLASSES], 0.3), bias: variable('fc7.bias', [CLASSES], 0.1) };
  const mask = normals([BATCH, 20], 99).map((value) => (value > 0 ? 2 : 0));
  const images = normals([BATCH, 8, 12, 3], 77);

  const loss = () => {
    let x: tf.Tensor = tf.tensor4d(images, [BATCH, 8, 12, 3]);
    for (const { name, weight, bias, scale, offset, pool } of layers) {
      x = tf.add(tf.conv2d(x as tf.Tensor4D, weight as tf.Tensor4D, 1, 'same'), bias);
      if (scale !== undefined) {
        const { mean, variance } = tf.moments(x, [0, 1, 2]);
        const parameters = [mean, variance, offset, scale] as tf.Tensor1D[];
        x = tf.batchNorm(x, parameters[0]!, parameters[1]!, parameters[2]!, parameters[3]!, 1e-5);
      }
      x = tf.relu(x);
      if (normalisation === 'lrn' && name === 'conv1_1') {
        x = tf.localResponseNormalization(x as tf.Tensor4D, 2, 2, 1e-4, 0.75);
      }
      if (pool) x = tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid');
    }
    const hidden = tf.relu(tf.add(tf.matMul(tf.reshape(x, [BATCH, -1]), fc6.weight as tf.Tensor2D), fc6.bias));
    const dropped = tf.mul(hidden, tf.tensor2d(mask, [BATCH, 20]));
    const logits = tf.add(tf.matMul(dropped as tf.Tensor2D, fc7.weight as tf.Tensor2D), fc7.bias);
    const labels = tf.oneHot(tf.tensor1d([0, 1, 2, 3, 4, 0], 'int32'), CLASSES);
    return tf.neg(tf.mean(tf.sum(tf.mul(labels, tf.logSoftmax(logits)), 1))) as tf.Scalar;
  };
  return { variables, loss };
}

/** Computes the loss and the gradients by variable name. */
async function gradients(
  backend: string,
  normalisation: Parameters<typeof createNet>[0],
): Promise<Map<string, Float32Array>> {
  await tf.setBackend(backend);
  const { variables, loss } = createNet(normalisation);
  const { value, grads } = tf.variableGrads(loss, [...variables.values()]);
  const results = new Map<string, tf.Tensor>([['loss', value]]);
  for (const [name, variable] of variables) results.set(name, grads[variable.name]!);
  const values = new Map([...results].map(([name, tensor]) => [name, tensor.dataSync().slice() as Float32Array]));
  tf.dispose([...results.values(), ...variables.values()]);
  return values;
}

describe.each(['none', 'lrn', 'batch norm'] as const)('a training step with normalisation: %s', (normalisation) => {
  it('gives the CPU backend’s finite gradient for every variable', async () => {
    const expected = await gradients('cpu', normalisation);
    const actual = await gradients('wasm', normalisation);
    for (const [name, values] of expected) {
      const scale = values.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0);
      // A bias before batch norm has no effect on the loss: its gradient is rounding noise about zero.
      const cancelled = normalisation === 'batch norm' && /conv.*bias/.test(name);
      if (!cancelled) expect(scale, name).toBeGreaterThan(1e-5);
      expect(actual.get(name), name).toBeAllclose(values, { rtol: 1e-5, atol: cancelled ? 1e-6 : 1e-5 * scale });
    }
  });

  it('gives the same bits twice and leaks nothing', async () => {
    const first = await gradients('wasm', normalisation);
    const second = await expectNoLeak(() => gradients('wasm', normalisation));
    expect(second).toEqual(first);
  });
});

describe('the gradients', () => {
  it('are those that tfjs-core has, in plain Node too', () => {
    expect(tf.getGradient('Conv2D')).toBeDefined();
    expect(tf.getGradient('LRN')).toBeDefined();
    expect(tf.getGradient('FusedBatchNorm')).toBeDefined();
  });
});
