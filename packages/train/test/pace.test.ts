/** Time left of a run, on a clock that the test moves. */
import { describe, expect, it } from 'vitest';
import { RunPace, validationsOf } from '../src/pace';

/** Ten epochs of 20 steps of 1 s, the first of 5 s; a validation of 8 s after each epoch. */
function run(stopAt: (epoch: number, batch: number) => boolean) {
  let time = 0;
  const pace = new RunPace({ steps: 200, batchesPerEpoch: 20, validateEvery: 1, validationSteps: 7 }, () => time);
  pace.begin(0, 0);
  for (let epoch = 0; epoch < 10; epoch++) {
    for (let batch = 0; batch < 20; batch++) {
      time += epoch + batch === 0 ? 5000 : 1000;
      pace.train(epoch, batch + 1);
      if (stopAt(epoch, batch)) return { ...pace.run, elapsed: time / 1000 };
    }
    pace.validate(0);
    time += 8000;
    pace.validate(1);
  }
  return { ...pace.run, elapsed: time / 1000 };
}

const WHOLE = 10 * 20 + 4 + 10 * 8;

describe('the time left of a run', () => {
  it('is honest after ten steps, validations to come included, whatever the first step took', () => {
    const { left, elapsed } = run((epoch, batch) => epoch === 0 && batch === 9);
    expect(left! / (WHOLE - elapsed)).toBeGreaterThan(0.9);
    expect(left! / (WHOLE - elapsed)).toBeLessThan(1.1);
  });

  it('is exact once a validation was seen', () => {
    const { left, elapsed, part } = run((epoch, batch) => epoch === 3 && batch === 4);
    expect(left).toBeCloseTo(WHOLE - elapsed, 6);
    // 65 steps and 3 validations, of 200 and 10, a validation counting 8.
    expect(part).toBeCloseTo((65 + 24) / 280, 6);
  });

  it('is nothing at the end', () => {
    expect(run(() => false)).toMatchObject({ left: 0, part: 1 });
  });

  it('is unknown before the first step, and counts parts of one', () => {
    let time = 0;
    const pace = new RunPace({ steps: 2, batchesPerEpoch: 2, validateEvery: 1, validationSteps: 0 }, () => time);
    pace.begin(0, 0);
    expect(pace.run.left).toBeNull();
    time = 1000;
    pace.train(0, 0.25);
    expect(pace.run).toEqual({ part: 0.125, left: 7 });
  });

  it('continues at the place where a run is resumed', () => {
    let time = 0;
    const pace = new RunPace({ steps: 40, batchesPerEpoch: 10, validateEvery: 1, validationSteps: 5 }, () => time);
    pace.begin(2, 5);
    for (let batch = 5; batch < 10; batch++) {
      time += 1000;
      pace.train(2, batch + 1);
    }
    // Ten steps and two validations of five.
    expect(pace.run).toEqual({ part: (30 + 10) / 60, left: 20 });
  });

  it('counts the validations that there will be: every nth epoch, and the last where the run ends with it', () => {
    const validations = (steps: number, validateEvery: number) =>
      validationsOf({ steps, batchesPerEpoch: 10, validateEvery });
    expect([validations(40, 1), validations(45, 1), validations(40, 4), validations(50, 4)]).toEqual([4, 4, 1, 2]);
    expect([validations(55, 4), validations(5, 1), validations(20, 4)]).toEqual([1, 0, 1]);
  });

  it('is exact between validations that come every other epoch', () => {
    let time = 0;
    const pace = new RunPace({ steps: 60, batchesPerEpoch: 10, validateEvery: 2, validationSteps: 9 }, () => time);
    const epoch = (index: number) => {
      for (let batch = 0; batch < 10; batch++) {
        time += 1000;
        pace.train(index, batch + 1);
      }
    };
    pace.begin(2, 0);
    epoch(2);
    epoch(3);
    pace.validate(0);
    time += 5000;
    pace.validate(1);
    epoch(4);
    // Fifty steps and two validations of five, of sixty and three.
    expect(pace.run).toEqual({ part: 60 / 75, left: 15 });
  });
});
