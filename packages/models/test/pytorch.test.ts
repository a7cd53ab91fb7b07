/** Forward, gradients, batch norm and the dense view against PyTorch and torchvision (tools/fixtures/models.py). */
import './engine';
import {
  logSoftmax,
  mul,
  neg,
  oneHot,
  reshape,
  type Scalar,
  sum,
  type Tensor,
  tensor1d,
  tensor4d,
  tidy,
  valueAndGrad,
  variableGrads,
} from '@tensorflow/tfjs-core';
import { hashed, hashedImages, hashedInitialiser } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { createVgg, inputShape } from '../src/index';
import { localResponseNorm } from '../src/operations';
import { RECORDED_NETS, readRecorded } from './recorded';

/**
 * PyTorch computed in float64, TF.js computes in float32 (6e-8 relative per rounding). A gradient is a sum over
 * positions and images whose terms partly cancel, so its error is relative to the terms, not to the sum: therefore an atol
 * of 1e-6 of the largest number. Batch norm over 3 images divides by small deviations, which magnifies rounding:
 * PyTorch's own float32 gradients of E with batch norm are off by 8.5e-6 of the largest, so the atol is 1e-5 there.
 */
const RTOL = 1e-4;
const ATOL = { plain: 1e-6, batchNorm: 1e-5 };

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

describe.each(RECORDED_NETS)('%s', (name) => {
  const recorded = readRecorded(name);
  const { options, labels, tensors } = recorded;
  const { classes } = options;
  const [height, width] = inputShape(options);
  const atol = options.batchNorm ? ATOL.batchNorm : ATOL.plain;
  const make = () => createVgg(options, hashedInitialiser(recorded));
  const images = () => hashedImages(recorded, labels.length, height, width);
  const expectRecorded = (actual: Tensor | number[], key: string) => {
    const { values, shape } = tensors.get(key)!;
    const numbers = Array.isArray(actual) ? actual : actual.dataSync();
    if (!Array.isArray(actual)) expect(actual.shape, key).toEqual(shape);
    expect(numbers, key).toBeAllclose(values, { rtol: RTOL, atol: atol * largest(values) });
  };

  it('classifies like PyTorch', () => {
    tidy(() => expectRecorded(make().apply(images()).logits, 'logits'));
  });

  it('has the loss, every gradient and the running statistics of a PyTorch training step', () => {
    tidy(() => {
      const net = make();
      const batch = images();
      const truth = oneHot(tensor1d(labels, 'int32'), classes);
      const { value, grads } = variableGrads(() => {
        const { logits, batchStatistics } = net.apply(batch, { training: true });
        expectRecorded(logits, 'training logits');
        net.updateStatistics(batchStatistics);
        return neg(mul(sum(mul(truth, logSoftmax(logits))), 1 / labels.length)) as Scalar;
      }, [...net.trainable.values()]);
      expectRecorded(reshape(value, [1]), 'loss');
      const gradients = [...net.trainable.values()].flatMap((held) => [...grads[held.name]!.dataSync()]);
      expectRecorded(gradients, 'gradients');
      if (!options.batchNorm) return;
      const running = [...net.variables].filter(([variable]) => /\.(mean|variance)$/.test(variable));
      expectRecorded(
        running.flatMap(([, held]) => [...held.dataSync()]),
        'running statistics',
      );
    });
  });

  it.each([...tensors.keys()].filter((key) => key.startsWith('dense ')))(
    'is fully convolutional as PyTorch: %s',
    (key) => {
      const [height, width] = key.replace('dense ', '').split('x').map(Number) as [number, number];
      tidy(() => expectRecorded(make().dense(hashedImages(recorded, 1, height, width)).scores, key));
    },
  );
});

describe('local response normalisation', () => {
  it('equals PyTorch with 5 times the alpha, including the gradient', () => {
    const { tensors } = readRecorded('local-response-norm');
    tidy(() => {
      const x = tensor4d(
        Float32Array.from(hashed(0, 108), (u) => (2 * u - 1) * 300),
        [2, 3, 2, 9],
      );
      const dy = tensor4d(
        Float32Array.from(hashed(1, 108), (u) => 2 * u - 1),
        [2, 3, 2, 9],
      );
      const { value, grad } = valueAndGrad(localResponseNorm)(x, dy);
      expect(value).toBeAllclose(tensors.get('y')!.values, { rtol: RTOL });
      const { values } = tensors.get('dx')!;
      expect(grad).toBeAllclose(values, { rtol: RTOL, atol: ATOL.plain * largest(values) });
    });
  });
});
