export { type BoxBatch, type BoxBatchOptions, withBoxes } from './batches';
export { type Box, boxInCrop, boxInImage, type CropGeometry, clipBox, flipBox, intersectionOverUnion } from './box';
export {
  bestOverlap,
  type LabelledBox,
  type LocalisationErrorOptions,
  localisationError,
  type OverlapPoint,
  overlapCurve,
  type TrueObjects,
} from './errors';
export { type BoxEvaluation, type EvaluateBoxesOptions, evaluateBoxes, type TrueImage } from './evaluate';
export { createLocaliser, type LocaliserOptions, outputNames, regressionOf } from './localiser';
export { type LocatedObject, type LocateOptions, locate } from './locate';
export { type BoxLossOptions, boxLoss } from './loss';
export { boxDistance, type MergedBox, type MergeOptions, mergeBoxes, type ScoredBox } from './merge';
export { BoxPredictions, type LocalisationNet, type LocalisationPlan, predictBoxes } from './predictions';
export { decodeBox, encodeBox, outputsOf, REGRESSIONS, type Regression } from './regression';
export { type BoxImage, type BoxSource, boxSource, splitBoxes } from './source';
