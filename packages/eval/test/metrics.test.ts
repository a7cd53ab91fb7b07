/** Error measures and prediction records, compared with numbers computed by hand. */
import { describe, expect, it } from 'vitest';
import { predictionLine, Tally, topClasses, topK } from '../src/index';

describe('the most probable classes', () => {
  it('are sorted by descending probability', () => {
    expect(topClasses([0.1, 0.4, 0.05, 0.3, 0.15], 3)).toEqual([1, 3, 4]);
    expect(topClasses([0.1, 0.4, 0.05, 0.3, 0.15], 5)).toEqual([1, 3, 4, 0, 2]);
  });

  it('are sorted by index if their probabilities are equal', () => {
    expect(topClasses([0.2, 0.2, 0.2, 0.2, 0.2], 3)).toEqual([0, 1, 2]);
    expect(topClasses([0.1, 0.3, 0.3, 0.3], 2)).toEqual([1, 2]);
  });

  it('are five, or all if there are fewer', () => {
    expect([1000, 6, 5, 4, 1].map(topK)).toEqual([5, 5, 5, 4, 1]);
  });
});

describe('a tally', () => {
  // Label 0 four times: predicted 0, 0, 1, 2, in the top five three times. Label 2 once: predicted 0, not in the top five.
  const tally = new Tally(7, { confusion: true });
  tally.add(0, [0, 1, 2, 3, 4]);
  tally.add(0, [0, 6, 5, 4, 3]);
  tally.add(0, [1, 0, 2, 3, 4]);
  tally.add(0, [2, 3, 4, 5, 6]);
  tally.add(2, [0, 1, 3, 4, 5]);

  it('returns errors in percent', () => {
    // Top-1: 3 of 5 wrong. Top-5: the last two, 2 of 5.
    expect(tally.overall()).toEqual({ images: 5, top1Error: 60, top5Error: 40 });
  });

  it('returns errors by class, null for a class without images', () => {
    const perClass = tally.perClass();
    expect(perClass[0]).toEqual({ images: 4, top1Error: 50, top5Error: 25 });
    expect(perClass[1]).toEqual({ images: 0, top1Error: null, top5Error: null });
    expect(perClass[2]).toEqual({ images: 1, top1Error: 100, top5Error: 100 });
  });

  it('counts labels by row and predictions by column', () => {
    const confusion = Array.from({ length: 7 }, (_, i) => [...tally.confusion!.subarray(i * 7, (i + 1) * 7)]);
    expect(confusion[0]).toEqual([2, 1, 1, 0, 0, 0, 0]);
    expect(tally.pairs()!.slice(0, 3)).toEqual([
      [0, 0, 2],
      [0, 1, 1],
      [0, 2, 1],
    ]);
    expect(confusion[2]).toEqual([1, 0, 0, 0, 0, 0, 0]);
    expect(tally.confusion!.reduce((sum, n) => sum + n, 0)).toBe(5);
  });

  it('without images has no error', () => {
    expect(new Tally(3).overall()).toEqual({ images: 0, top1Error: null, top5Error: null });
    expect(new Tally(3).confusion).toBeNull();
    expect(new Tally(3).pairs()).toBeNull();
  });
});

describe('a prediction record', () => {
  const prediction = {
    key: 'a "b".jpg',
    label: 1,
    nets: ['D'],
    protocol: 'dense',
    scales: [256],
    classes: [2, 0],
    probabilities: [2 / 3, 1 / 3],
  } as const;

  it('is one line of JSON', () => {
    const line = predictionLine(prediction);
    expect(line).toMatch(/^[^\n]*\n$/);
    expect(JSON.parse(line)).toEqual({ ...prediction, probabilities: [0.666667, 0.333333] });
  });

  it('has class names if they are passed', () => {
    expect(JSON.parse(predictionLine(prediction, ['cat', 'dog', 'eel']))).toMatchObject({
      labelName: 'dog',
      names: ['eel', 'cat'],
    });
    expect(JSON.parse(predictionLine({ ...prediction, label: null }, ['cat']))).toMatchObject({
      labelName: null,
      names: [null, 'cat'],
    });
  });
});

it('a tally of 20,000 classes keeps no whole confusion matrix', () => {
  const tally = new Tally(20_000, { confusion: true });
  tally.add(19_999, [7]);
  tally.add(3, [19_998]);
  tally.add(19_999, [7]);
  expect(tally.confusion).toBeNull();
  expect(tally.pairs()).toEqual([
    [3, 19_998, 1],
    [19_999, 7, 2],
  ]);
});
