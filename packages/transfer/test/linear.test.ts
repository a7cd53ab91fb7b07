/** The classifiers compared with scikit-learn's on the same descriptors (tools/fixtures/transfer.py). */
import { describe, expect, it } from 'vitest';
import { decisionValues, fitLogistic, fitSvm } from '../src';
import { probabilitiesOf } from '../src/cross-validation';
import { largestAt } from '../src/measures';
import cases from './fixtures/linear.json';

/** scikit-learn has one decision value for two classes, that of the second. */
function allClasses(values: readonly number[], classes: number): number[] {
  return classes === 2 ? values.flatMap((value) => [-value, value]) : [...values];
}

const rows = (values: readonly number[], width: number) => ({
  length: values.length / width,
  width,
  values: Float32Array.from(values),
});

describe.each(cases)('$classes classes with C = $C', ({ classes, width, C, x, labels, test, ...expected }) => {
  it('has the decision values of LinearSVC', async () => {
    const classifier = await fitSvm(rows(x, width), labels, classes, { C });
    const values = decisionValues(classifier, rows(test, width));
    expect(values).toBeAllclose(allClasses(expected.svm, classes), { rtol: 0, atol: 1e-3 });
    expect(expected.svmClasses.map((_, i) => largestAt(values, i * classes, classes))).toEqual(expected.svmClasses);
  });

  it('has the probabilities of LogisticRegression', async () => {
    const classifier = await fitLogistic(rows(x, width), labels, classes, { C });
    const values = decisionValues(classifier, rows(test, width));
    const posterior = Array.from({ length: values.length / classes }, (_, i) => [
      ...probabilitiesOf(values.slice(i * classes, (i + 1) * classes), 1),
    ]);
    expect(posterior.flat()).toBeAllclose(expected.logistic, { rtol: 0, atol: 1e-4 });
  });

  it('has the same bits each time', async () => {
    const first = await fitSvm(rows(x, width), labels, classes, { C });
    const second = await fitSvm(rows(x, width), labels, classes, { C });
    expect(second.weights).toEqual(first.weights);
  });
});
