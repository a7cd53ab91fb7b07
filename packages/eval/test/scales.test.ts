/** The paper's test scales, compared with the numbers of sections 3.2, 4.1 and 4.2. */
import { describe, expect, it } from 'vitest';
import { scalesFor } from '../src/index';

describe('test scales', () => {
  it.each([
    [256, 'single', [256]],
    [384, 'single', [384]],
    [[256, 512], 'single', [384]],
    [256, 'multi', [224, 256, 288]],
    [384, 'multi', [352, 384, 416]],
    [[256, 512], 'multi', [256, 384, 512]],
  ] as const)('of S = %s, %s, are %s', (trainingScale, mode, expected) => {
    expect(scalesFor(trainingScale, mode)).toEqual(expected);
  });

  it('have steps of a seventh of a smaller input, and leave out scales below the input size', () => {
    expect(scalesFor(80, 'multi', 70)).toEqual([70, 80, 90]);
    expect(scalesFor(36, 'multi', 35)).toEqual([36, 41]);
    expect(scalesFor([32, 33], 'multi', 32)).toEqual([32, 33]);
  });

  it('follow from the longer side of a rectangle', () => {
    for (const input of [
      [64, 70],
      [70, 64],
    ] as const)
      expect(scalesFor(80, 'multi', input)).toEqual([70, 80, 90]);
    expect(() => scalesFor(69, 'single', [64, 70])).toThrow('an integer of at least 70');
  });

  it.each([[200], [256.5], [[512, 256]], [[200, 512]], [Number.NaN]] as const)('of S = %s are refused', (scale) => {
    expect(() => scalesFor(scale, 'multi')).toThrow(
      `the training scale must be an integer of at least 224 or an ascending range of two, got ${scale}`,
    );
  });
});
