import { describe, expect, it } from 'vitest';
import { constant, cosine, type JsonValue, plateau, type Schedule, steps, warmUp } from '../src/index';

/**
 * Returns the rate after each of `metrics`, with a validation every ten steps, and the validation after which training ends.
 */
function run<State extends JsonValue>(schedule: Schedule<State>, metrics: number[]) {
  let state = schedule.initial;
  const rates: number[] = [];
  let stop: number | undefined;
  metrics.forEach((metric, i) => {
    const step = 10 * (i + 1);
    state = schedule.observe(JSON.parse(JSON.stringify(state)) as State, { step, metric });
    rates.push(schedule.rate(state, step));
    if (stop === undefined && schedule.done(state, step)) stop = i;
  });
  return { rates, stop };
}

describe('plateau', () => {
  it('by default is that of the paper: 0.01, divided by 10 three times, then the end', () => {
    // One validation sets the best; every third one without improvement drops the rate, the fourth time training ends.
    const { rates, stop } = run(plateau(), [50, ...Array<number>(12).fill(50)]);
    expect(rates).toBeAllclose(
      [...[0, 0, 0].map(() => 1e-2), 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4, 1e-5, 1e-5, 1e-5, 1e-5],
      {
        rtol: 1e-12,
      },
    );
    expect(stop).toBe(12);
  });

  it('starts counting again at each improvement', () => {
    const { rates } = run(plateau({ rate: 1, patience: 2 }), [50, 51, 49, 50, 48, 49, 48]);
    expect(rates).toBeAllclose([1, 1, 1, 1, 1, 1, 0.1], { rtol: 1e-12 });
  });

  it('counts only improvements of at least the minimum', () => {
    // 49.6 is within 0.5 of the best, 50, and does not count; 49.4 does.
    expect(run(plateau({ rate: 1, patience: 1, minImprovement: 0.5 }), [50, 49.6]).rates[1]).toBeCloseTo(0.1, 12);
    expect(run(plateau({ rate: 1, patience: 1, minImprovement: 0.5 }), [50, 49.4]).rates[1]).toBe(1);
  });

  it('ends at the first plateau if the rate must not drop', () => {
    expect(run(plateau({ drops: 0, patience: 1 }), [50, 50])).toEqual({ rates: [0.01, 0.01], stop: 1 });
  });

  it('does not change the given state', () => {
    const schedule = plateau({ patience: 1 });
    const state = Object.freeze({ best: 50, since: 0, drops: 0, done: false });
    expect(schedule.observe(state, { step: 1, metric: 50 })).toEqual({ best: 50, since: 0, drops: 1, done: false });
  });

  it('refuses a metric that is not finite', () => {
    const schedule = plateau();
    expect(() => schedule.observe(schedule.initial, { step: 7, metric: Number.NaN })).toThrow(/at step 7 is NaN/);
  });
});

describe('steps', () => {
  it('multiply the rate from each boundary on', () => {
    const schedule = steps({ rate: 0.5, boundaries: [3, 5], factor: 0.2 });
    const rates = [0, 2, 3, 4, 5, 99].map((step) => schedule.rate(null, step));
    expect(rates).toBeAllclose([0.5, 0.5, 0.1, 0.1, 0.02, 0.02], { rtol: 1e-12 });
    expect(schedule.done(null, 1e6)).toBe(false);
  });
});

describe('cosine', () => {
  it('falls by half a cosine to the floor and is done there', () => {
    // cos(π/3) = 1/2, so at a third of the way 0.1 + 0.9·0.75 = 0.775; at half 0.55; past the end the floor.
    const schedule = cosine({ rate: 1, steps: 6, floor: 0.1 });
    expect([0, 2, 3, 6, 7].map((step) => schedule.rate(null, step))).toBeAllclose([1, 0.775, 0.55, 0.1, 0.1], {
      rtol: 1e-12,
    });
    expect([schedule.done(null, 5), schedule.done(null, 6)]).toEqual([false, true]);
  });
});

describe('constant', () => {
  it('never changes and never ends', () => {
    expect(run(constant(0.3), [1, 2, 3])).toEqual({ rates: [0.3, 0.3, 0.3], stop: undefined });
  });
});

describe('warmUp', () => {
  it('rises linearly to the first rate, then starts the schedule at its step 0', () => {
    const schedule = warmUp(4, steps({ rate: 0.8, boundaries: [2], factor: 0.5 }));
    const rates = [0, 1, 2, 3, 4, 5, 6].map((step) => schedule.rate(null, step));
    expect(rates).toBeAllclose([0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.4], { rtol: 1e-12 });
  });

  it('ignores validations during the warm-up', () => {
    const { rates } = run(warmUp(20, plateau({ rate: 1, patience: 1 })), [10, 10, 50, 50]);
    // Steps 10 and 20 are still warm-up (step 20 is the first full one); 50 is the first best, the next 50 a plateau.
    expect(rates).toBeAllclose([11 / 20, 1, 1, 0.1], { rtol: 1e-12 });
  });

  it('ends when its schedule ends', () => {
    const schedule = warmUp(4, cosine({ rate: 1, steps: 3 }));
    expect([3, 6, 7].map((step) => schedule.done(null, step))).toEqual([false, false, true]);
  });
});

describe('bad options', () => {
  it.each([
    ['a rate of 0', () => constant(0)],
    ['an infinite rate', () => constant(Number.POSITIVE_INFINITY)],
    ['boundaries that do not rise', () => steps({ rate: 1, boundaries: [5, 5] })],
    ['a fractional boundary', () => steps({ rate: 1, boundaries: [1.5] })],
    ['no steps', () => cosine({ rate: 1, steps: 0 })],
    ['a floor above the rate', () => cosine({ rate: 1, steps: 5, floor: 2 })],
    ['no patience', () => plateau({ patience: 0 })],
    ['negative drops', () => plateau({ drops: -1 })],
    ['no warm-up steps', () => warmUp(0, constant(1))],
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(/expected/);
  });
});
