/** Fits: the choice of C, interruption, bad input. */
import { describe, expect, it } from 'vitest';
import { decisionValues, evaluateSplits, fitClassifier, fitLogistic, fitSvm, randomSplit } from '../src';
import cases from './fixtures/linear.json';

const { classes, width, x, labels } = cases[0]!;
const descriptors = { length: labels.length, width, values: Float32Array.from(x) };

describe.each(['svm', 'logistic'] as const)('fitClassifier of kind %s', (kind) => {
  it('compares every C on the folds that were left out, and says how many fits are done', async () => {
    const fits: string[] = [];
    const onFit = (done: number, of: number) => fits.push(`${done}/${of}`);
    const { C, validation, sharpness } = await fitClassifier(descriptors, labels, classes, {
      kind,
      C: [1, 0.01],
      onFit,
    });
    expect(validation.map(({ C: tried }) => tried)).toEqual([0.01, 1]);
    const best = Math.max(...validation.map(({ meanClassAccuracy }) => meanClassAccuracy));
    expect(C).toBe(validation.find(({ meanClassAccuracy }) => meanClassAccuracy === best)!.C);
    expect(fits.at(-1)).toBe('7/7');
    if (kind === 'logistic') expect(sharpness).toBe(1);
    else expect(sharpness).toBeGreaterThan(0);
  });

  it('stops when its signal is aborted', async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(fitClassifier(descriptors, labels, classes, { kind, signal })).rejects.toThrow('stopped');
  });

  it('refuses one example of a class when there are several C to compare', async () => {
    const two = { length: 3, width: 1, values: Float32Array.of(1, 2, 3) };
    await expect(fitClassifier(two, [0, 0, 1], 2, { kind })).rejects.toThrow(
      /class 1 has 1 example.*pass one value of C/,
    );
    await expect(fitClassifier(two, [0, 0, 0], 2, { kind })).rejects.toThrow(/class 1 has no example for training/);
    const { classifier } = await fitClassifier(two, [0, 0, 1], 2, { kind, C: [100] });
    expect(decisionValues(classifier, two)).toHaveLength(6);
  });
});

describe.each([
  ['fitSvm', fitSvm],
  ['fitLogistic', fitLogistic],
] as const)('%s', (_, fit) => {
  it('refuses one class, an empty class, unknown labels, NaN, a wrong number of labels and a C that is not positive', async () => {
    const rows = (...values: number[]) => ({ length: values.length, width: 1, values: Float32Array.from(values) });
    await expect(fit(rows(1, 2), [0, 0], 1)).rejects.toThrow(/two classes or more, got 1/);
    await expect(fit(rows(1, 2), [0, 0], 2)).rejects.toThrow(/class 1 of 2 has no example/);
    await expect(fit(rows(1, 2), [0, 2], 2)).rejects.toThrow(/labels from 0 to 1, got 2/);
    await expect(fit(rows(1, Number.NaN), [0, 1], 2)).rejects.toThrow(/descriptor 1 has the number NaN/);
    await expect(fit(rows(1, 2), [0], 2)).rejects.toThrow(/a label for each of 2 descriptors, got 1/);
    await expect(fit(rows(1, 2), [0, 1], 2, { C: 0 })).rejects.toThrow(/C to be a number above 0, got 0/);
    await expect(fit({ ...rows(1, 2), width: 2 }, [0, 1], 2)).rejects.toThrow(/2 descriptors of 2 numbers.*got 2/);
  });
});

it('evaluates every split and averages over them', async () => {
  const names = Array.from({ length: classes }, (_, i) => String(i));
  const splits = [0, 1, 2].map((number) => randomSplit(labels, names, { perClass: 6, number }));
  const study = await evaluateSplits(descriptors, labels, classes, splits, { C: [1] });
  expect(study.splits.map(({ train, test }) => [train, test])).toEqual(Array(3).fill([24, 24]));
  const mean = study.splits.reduce((sum, { accuracy }) => sum + accuracy, 0) / 3;
  expect(study.accuracy.mean).toBeCloseTo(mean, 12);
  expect(study.accuracy.standardError).toBeGreaterThanOrEqual(0);
});

it('refuses to average over no split', async () => {
  await expect(evaluateSplits(descriptors, labels, classes, [])).rejects.toThrow(
    /expected one split or more, got none/,
  );
});

it('refuses descriptors of another width than the classifier', async () => {
  const classifier = await fitSvm(descriptors, labels, classes);
  const other = { length: 1, width: 3, values: new Float32Array(3) };
  expect(() => decisionValues(classifier, other)).toThrow(
    /takes descriptors of 10 numbers, got 3: use the net, layer and scales/,
  );
});
