/** Merging and the localisation error, worked by hand. */
import { ERROR_CODES } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { boxDistance, localisationError, mergeBoxes, overlapCurve } from '../src/index';

const box = (left: number, top: number, width: number, height: number) => ({ left, top, width, height });

describe('the distance of boxes', () => {
  it('is that of the centres in units of the side, plus 1 - IoU', () => {
    expect(boxDistance(box(0, 0, 10, 10), box(0, 0, 10, 10))).toBe(0);
    // Moved by 2 of 10: IoU 80 / 120.
    expect(boxDistance(box(0, 0, 10, 10), box(2, 0, 10, 10))).toBeCloseTo(0.2 + 1 / 3, 12);
    // Far apart: no overlap; areas 100 and 300 make a unit of √200.
    expect(boxDistance(box(0, 0, 10, 10), box(95, 0, 10, 30))).toBeCloseTo(Math.hypot(95, 10) / Math.sqrt(200) + 1, 12);
  });
});

describe('merging', () => {
  it('replaces the closest boxes by their mean and adds their scores', () => {
    // a and b (moved by 1: distance 0.1 + 1 - 90/110 = 0.28) merge first, to 0.5. c is 1.5 from it: 0.15 + 1 - 85/115 = 0.41, and
    // the mean of the three is (0 + 1 + 2) / 3 = 1. d is far away.
    const predictions = [
      { box: box(50, 50, 10, 10), score: 0.9 },
      { box: box(2, 0, 10, 10), score: 0.5 },
      { box: box(0, 0, 10, 10), score: 0.25 },
      { box: box(1, 0, 10, 10), score: 0.5 },
    ];
    expect(mergeBoxes(predictions)).toEqual([
      { box: box(1, 0, 10, 10), score: 1.25, parts: 3 },
      { box: box(50, 50, 10, 10), score: 0.9, parts: 1 },
    ]);
    // With a distance of 0.3 c stays alone.
    expect(mergeBoxes(predictions.slice(1), { distance: 0.3 }).map(({ parts }) => parts)).toEqual([2, 1]);
    expect(mergeBoxes(predictions, { distance: 0 })).toHaveLength(4);
  });

  it('does not depend on the order of the predictions', () => {
    const predictions = Array.from({ length: 12 }, (_, i) => ({
      box: box((i * 37) % 23, (i * 17) % 11, 20 + (i % 4), 24 - (i % 3)),
      score: ((i * 7) % 12) / 12,
    }));
    const merged = mergeBoxes(predictions);
    const rotated = mergeBoxes([...predictions.slice(5), ...predictions.slice(0, 5)]);
    expect(merged.length).toBeGreaterThan(1);
    expect(merged.length).toBeLessThan(12);
    merged.forEach(({ box: own, score, parts }, i) => {
      expect(rotated[i]!.parts).toBe(parts);
      expect(Object.values(rotated[i]!.box)).toBeAllclose(Object.values(own), { rtol: 1e-9, atol: 1e-9 });
      expect(rotated[i]!.score).toBeCloseTo(score, 9);
    });
  });

  it('leaves out what is not a box, and refuses too many', () => {
    expect(mergeBoxes([{ box: box(0, 0, -1, 5), score: 1 }])).toEqual([]);
    const many = Array.from({ length: 2001 }, () => ({ box: box(0, 0, 1, 1), score: 1 }));
    expect(() => mergeBoxes(many)).toThrow(expect.objectContaining({ code: ERROR_CODES.argument }));
    expect(() => mergeBoxes([], { distance: Number.NaN })).toThrow('expected a distance of 0 or more, got NaN');
  });
});

describe('the localisation error', () => {
  const truth = { label: 2, boxes: [box(0, 0, 10, 10), box(50, 50, 20, 20)] };
  const near = box(0, 0, 10, 20); // IoU 0.5 with the first.

  it('needs the right class among the guesses and an IoU of 0.5 or more with any of its objects', () => {
    const others = [0, 1, 3, 4].map((label) => ({ label, box: box(0, 0, 10, 10) }));
    const guesses = [
      [{ label: 2, box: near }],
      [...others, { label: 2, box: box(51, 51, 20, 20) }],
      [...others, { label: 5, box: near }, { label: 2, box: near }], // The sixth guess does not count.
      [{ label: 2, box: box(0, 0, 10, 21) }],
    ];
    const truths = guesses.map(() => truth);
    expect(localisationError(guesses, truths)).toBe(50);
    expect(localisationError(guesses, truths, { top: 1 })).toBe(75);
    expect(localisationError(guesses, truths, { top: 6, threshold: 0.4 })).toBe(0);
  });

  it('refuses no images and wrong options', () => {
    expect(() => localisationError([], [])).toThrow('at least one image');
    expect(() => localisationError([[]], [truth], { threshold: 0 })).toThrow('above 0 and at most 1');
  });

  it('is 100 less the curve at its threshold', () => {
    const curve = overlapCurve([0.2, 0.5, 0.75, 1]);
    expect(curve).toHaveLength(19);
    expect(curve.find(({ iou }) => iou === 0.5)).toEqual({ iou: 0.5, percent: 75 });
    expect(curve.at(-1)).toEqual({ iou: 0.95, percent: 25 });
    expect(overlapCurve([])[0]).toEqual({ iou: 0.05, percent: 0 });
  });
});
