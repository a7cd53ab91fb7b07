import { describe, expect, it } from 'vitest';
import { stallDetector } from '../src/index';

function messages(losses: number[], options: Parameters<typeof stallDetector>[0]): [number, string][] {
  const detector = stallDetector(options);
  let state = detector.initial;
  const found: [number, string][] = [];
  losses.forEach((loss, step) => {
    const observed = detector.observe(JSON.parse(JSON.stringify(state)), loss);
    state = observed.state;
    if (observed.message !== undefined) found.push([step, observed.message]);
  });
  return found;
}

describe('stallDetector', () => {
  const stalled = Array.from({ length: 60 }, (_, i) => Math.log(10) + (i % 2 ? 0.05 : -0.05));

  it('reports once that the loss stays at ln(classes), with the remedy', () => {
    const seen = messages(stalled, { classes: 10, window: 20 });
    expect(seen).toHaveLength(1);
    expect(seen[0]![0]).toBe(19);
    expect(seen[0]![1]).toMatch(/stayed at 2\.303 = ln\(10\) for 20 steps.*batch normalisation/);
  });

  it('does not report a net that learns, or one that is worse than chance', () => {
    expect(
      messages(
        stalled.map((loss, i) => loss - 0.01 * i),
        { classes: 10, window: 20 },
      ),
    ).toEqual([]);
    expect(
      messages(
        stalled.map((loss) => loss + 1),
        { classes: 10, window: 20 },
      ),
    ).toEqual([]);
  });

  it('refuses one class and an empty window', () => {
    expect(() => stallDetector({ classes: 1 })).toThrow(/classes to be an integer of at least 2/);
    expect(() => stallDetector({ classes: 10, window: 0 })).toThrow(/window/);
  });
});
