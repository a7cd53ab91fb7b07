/** Accuracy of a classifier over several random splits, as the paper reports it. */
import { VggError } from '@vgg/core';
import { decisionValues } from './classifier';
import { type ClassifierOptions, fitClassifier } from './cross-validation';
import { type Descriptors, selectRows } from './descriptors';
import { type Measures, meanOf, measure, type PrecisionRule, standardError } from './measures';
import type { Split } from './splits';

/** Results of one split. */
export interface SplitResult extends Measures {
  /** Number of training images. */
  readonly train: number;
  /** Number of test images. */
  readonly test: number;
  readonly C: number;
}

/** Mean of a measure over the splits, from 0 to 1. */
export interface MeanOfSplits {
  readonly mean: number;
  /** Null for one split. */
  readonly standardError: number | null;
}

/** Results of all splits. */
export interface Study {
  readonly splits: readonly SplitResult[];
  readonly accuracy: MeanOfSplits;
  readonly meanClassAccuracy: MeanOfSplits;
  readonly meanAveragePrecision: MeanOfSplits;
}

/** Options of {@link evaluateSplits}. */
export interface StudyOptions extends ClassifierOptions {
  /** Default `voc2010`. */
  readonly precisionRule?: PrecisionRule | undefined;
}

/**
 * Fits a classifier to the training images of each split and measures it on the test images.
 * @throws VggError `VGG_ARGUMENT` without a split; as `fitClassifier` and `measure`.
 */
export async function evaluateSplits(
  descriptors: Descriptors,
  labels: ArrayLike<number>,
  classes: number,
  splits: readonly Split[],
  { onFit, precisionRule, ...options }: StudyOptions = {},
): Promise<Study> {
  if (splits.length === 0) throw new VggError('argument', 'expected one split or more, got none');
  const results: SplitResult[] = [];
  for (const [number, { train, test }] of splits.entries()) {
    const labelsOf = (rows: Uint32Array) => Array.from(rows, (row) => labels[row]!);
    const { classifier, C } = await fitClassifier(selectRows(descriptors, train), labelsOf(train), classes, {
      ...options,
      onFit: (fits, of) => onFit?.(number * of + fits, splits.length * of),
    });
    const values = decisionValues(classifier, selectRows(descriptors, test));
    const measures = measure(values, labelsOf(test), classes, precisionRule);
    results.push({ train: train.length, test: test.length, C, ...measures });
  }
  const over = (key: keyof Measures): MeanOfSplits => {
    const values = results.map((result) => result[key]);
    return { mean: meanOf(values), standardError: standardError(values) };
  };
  return {
    splits: results,
    accuracy: over('accuracy'),
    meanClassAccuracy: over('meanClassAccuracy'),
    meanAveragePrecision: over('meanAveragePrecision'),
  };
}
