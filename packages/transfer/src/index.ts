export {
  type ClassifierKind,
  decisionValues,
  type FitOptions,
  type LinearClassifier,
} from './classifier';
export { C_GRID, type ClassifierOptions, type FittedClassifier, fitClassifier } from './cross-validation';
export {
  type DescribedImages,
  type DescribedItem,
  type DescribeOptions,
  type DescribingNet,
  type DescriptorCache,
  describeImage,
  describeImages,
} from './describe';
export { type Descriptors, selectRows } from './descriptors';
export { fitLogistic, type LogisticOptions } from './logistic';
export { averagePrecision, type Measures, measure, type PrecisionRule } from './measures';
export { type Neighbour, nearest } from './neighbours';
export { type NetIdentity, type PredictedClass, type Predictor, predictWith } from './predictor';
export type { DescriptorRule } from './rule';
export { randomSplit, type Split, type SplitOptions } from './splits';
export { evaluateSplits, type MeanOfSplits, type SplitResult, type Study, type StudyOptions } from './study';
export { fitSvm, type SvmOptions } from './svm';
