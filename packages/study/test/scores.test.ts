import { describe, expect, it } from 'vitest';
import { evenOrder, NetScores, wrongPredictions } from '../src/index';

/** Returns the posterior of six classes with most of it on one. */
const on = (...classes: number[]) =>
  Float32Array.from(classes.flatMap((wanted) => [0, 1, 2, 3, 4, 5].map((c) => (c === wanted ? 0.9 : 0.02))));
const empty = new NetScores(6, [], new Map());

describe('the posteriors of a net', () => {
  const dense = empty.with({ labels: [0, 1, 2], posteriors: { 'dense:multi': on(0, 0, 2) } });

  it('give the wrong predictions', () => {
    const { top1, top5 } = wrongPredictions([dense], 'dense:multi');
    expect([...top1]).toEqual([0, 1, 0]);
    expect([...top5]).toEqual([0, 0, 0]);
    // Of equal probabilities the lower class counts: label 5 is not among the five best.
    const last = empty.with({ labels: [5], posteriors: { 'dense:multi': on(0) } });
    expect([...wrongPredictions([last], 'dense:multi').top5]).toEqual([1]);
  });

  it('grow by more images, which a file keeps', () => {
    const crops = dense.with({ labels: [0, 1], posteriors: { 'multi-crop:multi': on(0, 1) } });
    const more = crops.with({ labels: [2], posteriors: { 'multi-crop:multi': on(5) } });
    expect([crops.count('multi-crop:multi'), more.count('multi-crop:multi'), more.count('both:multi')]).toEqual([
      2, 3, 3,
    ]);
    const read = NetScores.parse(Buffer.from(more.serialise()), 'a file');
    expect(read.labels).toEqual([0, 1, 2]);
    expect(read.posterior('multi-crop:multi', 2)).toEqual(on(5));
    expect([...wrongPredictions([read], 'multi-crop:multi').top1]).toEqual([0, 0, 1]);
    expect(() => NetScores.parse(new Uint8Array(4), 'a file')).toThrow(/^a file /);
  });

  it('keep the labels of images that only multi-crop evaluation has', () => {
    const labels = [0, 0, 1, 0, 1, 1, 0, 1];
    const some = (first: number, last: number) => ({
      labels: labels.slice(first, last),
      posteriors: { 'multi-crop:multi': on(...labels.slice(first, last)) },
    });
    const four = empty.with({ labels: labels.slice(0, 4), posteriors: { 'dense:multi': on(...labels.slice(0, 4)) } });
    const all = four.with(some(0, 2)).with(some(2, 8));
    expect(all.labels).toEqual(labels);
    expect([...wrongPredictions([all], 'multi-crop:multi').top1]).toEqual(labels.map(() => 0));
  });

  it('are averaged: of dense and multi-crop, and of nets', () => {
    const crops = dense.with({ labels: [0, 1], posteriors: { 'multi-crop:multi': on(0, 1) } });
    expect([...crops.posterior('both:multi', 1)].map((p) => p.toFixed(2))).toEqual([
      '0.46',
      '0.46',
      '0.02',
      '0.02',
      '0.02',
      '0.02',
    ]);
    const other = empty.with({
      labels: [0, 1, 2],
      posteriors: { 'dense:multi': Float32Array.from([...on(1, 1), 0.3, 0.3, 0.1, 0.1, 0.1, 0.1]) },
    });
    // Equal sums: the lower class.
    expect([...wrongPredictions([dense, other], 'dense:multi').top1]).toEqual([0, 1, 0]);
  });

  it('leave out images that could not be used', () => {
    const scores = empty.with({ labels: [0, -1, 2], posteriors: { 'dense:multi': on(0, 0, 0) } });
    expect([...wrongPredictions([scores], 'dense:multi').top1]).toEqual([0, 1]);
  });
});

it('every beginning of the order has images of all parts', () => {
  expect([...evenOrder(1000)].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  for (const count of [10, 20, 137]) {
    const tenths = new Array(10).fill(0);
    for (const i of evenOrder(1000).slice(0, count)) tenths[Math.floor(i / 100)] += 1;
    expect(Math.min(...tenths)).toBeGreaterThanOrEqual(Math.floor(count / 10) - 1);
    expect(Math.max(...tenths)).toBeLessThanOrEqual(Math.ceil(count / 10) + 1);
  }
});
