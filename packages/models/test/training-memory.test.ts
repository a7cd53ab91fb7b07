/** Memory of a training step, compared with the summary (decision 0031). */
import { dispose, engine, type Tensor, variableGrads } from '@tensorflow/tfjs-core';
import { hashedImages } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { createVgg, summarise } from '../src/index';
import { crossEntropy } from './engine';
import { dropout } from './small-net';

/**
 * Returns the largest number of bytes in buffers of `run` at one time. TF.js itself counts a buffer once for every tensor
 * that uses it.
 */
function peakBytes(run: () => void): number {
  const live = new Map<object, number>();
  let now = 0;
  let peak = 0;
  const own = engine();
  const track = own.trackTensor;
  const free = own.disposeTensor;
  own.trackTensor = (tensor: Tensor, backend) => {
    const holders = live.get(tensor.dataId) ?? 0;
    live.set(tensor.dataId, holders + 1);
    if (holders === 0) now += 4 * tensor.size;
    peak = Math.max(peak, now);
    track.call(own, tensor, backend);
  };
  own.disposeTensor = (tensor: Tensor) => {
    const holders = tensor.isDisposed ? 0 : (live.get(tensor.dataId) ?? 0);
    if (holders > 0) live.set(tensor.dataId, holders - 1);
    if (holders === 1) now -= 4 * tensor.size;
    free.call(own, tensor);
  };
  try {
    run();
  } finally {
    own.trackTensor = track;
    own.disposeTensor = free;
  }
  expect(now).toBe(0);
  return peak;
}

describe.each(['A', 'A-LRN', 'B', 'E'] as const)('a training step of %s', (configuration) => {
  it.each([false, true])('needs exactly the memory in the summary: batch norm %s', (batchNorm) => {
    const options = { configuration, batchNorm, width: 1 / 32, inputSize: 64, classes: 10, head: 'small' } as const;
    const net = createVgg(options);
    const peak = peakBytes(() => {
      const batch = hashedImages({ seed: 5, amplitude: 50 }, 2, 64, 64);
      const { value, grads } = variableGrads(() => {
        const { logits, batchStatistics } = net.apply(batch, { training: true, dropout });
        dispose(batchStatistics);
        return crossEntropy(logits, [0, 3]);
      }, [...net.trainable.values()]);
      dispose([value, grads, batch]);
    });
    const { gradients, trainingActivations } = summarise(options, { batch: 2 }).memory;
    const ratio = peak / (gradients + trainingActivations);
    expect(ratio).toBeLessThan(1.01);
    expect(ratio).toBeGreaterThan(0.75);
    net.dispose();
  });
});
