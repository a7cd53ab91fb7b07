/** Predictions counted by class. */
import { describe, expect, it } from 'vitest';
import { classTable, confusionMatrix, GuessBook } from '../src/guesses';

describe('guesses', () => {
  it('are counted by class, the most confident mistakes first', () => {
    const book = new GuessBook('single', 3);
    // Soft-max: (1/2, 1/4, 1/4) and (1/6, 4/6, 1/6).
    const scores = Float32Array.from([2, 1, 1, 1, 4, 1, 1, 4, 1].map(Math.log));
    book.addScores(scores, Int32Array.from([1, 0, 1]), (i) => `image ${i}`);
    const { confusion, mistakes, images } = book.guesses;
    expect(images).toBe(3);
    expect(confusion).toEqual([
      [1, 0, 1],
      [0, 1, 1],
      [1, 1, 1],
    ]);
    expect(mistakes.map(({ key, label, predicted }) => [key, label, predicted])).toEqual([
      ['image 1', 0, 1],
      ['image 0', 1, 0],
    ]);
    expect(mistakes.map(({ probability }) => probability)).toBeAllclose([4 / 6, 1 / 2], { rtol: 1e-6 });
  });

  it('keep 24 mistakes of any number', () => {
    const book = new GuessBook('single', 2);
    for (let i = 0; i < 1000; i++) {
      book.add({ key: `${i}`, label: 0, predicted: 1, probability: ((i * 7) % 1000) / 1000 });
    }
    const kept = book.guesses.mistakes.map(({ probability }) => probability);
    expect(kept).toEqual(Array.from({ length: 24 }, (_, i) => (999 - i) / 1000));
  });

  it('make a matrix of the 30 most confused of many classes', () => {
    const book = new GuessBook('dense', 100);
    for (let i = 0; i < 100; i++) book.add({ key: '', label: i, predicted: i, probability: 1 });
    for (let i = 50; i < 80; i++) book.add({ key: '', label: i, predicted: 99 - i + 30, probability: 1 });
    const names = Array.from({ length: 100 }, (_, i) => `class ${i}`);
    const matrix = confusionMatrix(book.guesses, names);
    expect(matrix.classes).toEqual(names.slice(50, 80));
    expect(matrix).toMatchObject({ of: 100, images: 130, protocol: 'dense' });
    // Row 50: itself once, and class 79 once.
    expect([...matrix.counts.slice(0, 30).entries()].filter(([, count]) => count > 0)).toEqual([
      [0, 1],
      [29, 1],
    ]);
    expect(matrix.totals[0]).toBe(2);
  });

  it('make a table of precision, recall and F1', () => {
    const book = new GuessBook('dense', 3);
    // Class 0: two right and one called 1. Class 1: one right. Class 2 has no images.
    for (const [label, predicted] of [
      [0, 0],
      [0, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      book.add({ key: '', label, predicted, probability: 1 });
    }
    const { rows, of } = classTable(book.guesses, ['a', 'b', 'c']);
    expect(of).toBe(2);
    expect(rows).toEqual([
      { name: 'a', images: 3, precision: 1, recall: 2 / 3, f1: 0.8 },
      { name: 'b', images: 1, precision: 0.5, recall: 1, f1: 2 / 3 },
    ]);
  });
});
