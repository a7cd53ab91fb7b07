/** Forward passes that overlap: the next one begins while the engine computes. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, type Tensor4D } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it, vi } from 'vitest';
import { type EvaluateOptions, type EvaluationEvent, evaluate } from '../src/index';
import { coordinates, fakeNet } from './fake-net';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

/** Returns a net whose scores can be read only after `finish` was called, as if the engine were busy until then. */
function slowNet(score: () => number[]) {
  const net = fakeNet('slow', score);
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const apply = (images: Tensor4D) => {
    const { logits } = net.model.apply(images);
    const read = logits.data.bind(logits);
    logits.data = (() => finished.then(() => read())) as typeof logits.data;
    return { logits };
  };
  return { ...net, model: { ...net.model, apply }, finish };
}

/** Options whose views, eight different crops and flips, need several passes of `views` each. */
function optionsOf(net: ReturnType<typeof slowNet>, views: number): EvaluateOptions {
  const images = [{ key: 'a', label: 1, load: async () => coordinates(6, 6) }];
  return { nets: [net], images, protocols: ['multi-crop'], scales: [6], batchPixels: views * 25 };
}

describe('passes', () => {
  it('begin while the one before is computed, but no third', async () => {
    const net = slowNet(() => [0, 20]);
    const events: EvaluationEvent[] = [];
    const result = evaluate({ ...optionsOf(net, 3), onEvent: (event) => void events.push(event) });
    await vi.waitFor(() => expect(net.batches).toEqual([3, 3]));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(net.batches).toEqual([3, 3]);
    expect(events).toEqual([]);
    net.finish();
    expect((await result).rows[0]).toMatchObject({ images: 1, top1Error: 0 });
    expect(net.batches).toEqual([3, 3, 2]);
  });

  it('that were begun are waited for when the one before fails, and keep no tensor', async () => {
    const net = slowNet(() => [0, Number.NaN]);
    await expectNoLeak(async () => {
      const failed = expect(evaluate(optionsOf(net, 4))).rejects.toMatchObject({ code: 'VGG_NON_FINITE' });
      await vi.waitFor(() => expect(net.batches).toEqual([4, 4]));
      net.finish();
      await failed;
    });
  });
});
