export type { Batch, BatchLoader, SkippedImage } from './batch';
export { balancedWeights, constantError, countsOf, labelsOf } from './class-counts';
export { addColour, type ColourShift, colourOffset, drawAlphas, subtractMean } from './colour';
export { centreCrop, centreWindow, crop, cropGrid, flip, gridWindows } from './crop';
export type { FloatImage, RawImage, Rgb, Size, Window } from './image';
export { balancedOrder, epochOrder } from './order';
export { type PillowFilter, resampleAsPillow } from './pillow';
export { checkImageTransform, type ImageTransform, prepareImage, sameTransform } from './prepare';
export { resample, sourceWindow } from './resample';
export { rescale, rescaledSize } from './rescale';
export { type ImageLocation, type ImageSource, type RawArrays, rawSource } from './source';
export { splitByClass } from './split';
export {
  imageMoments,
  MOMENTS,
  mergeMoments,
  type RgbMoments,
  statisticsOf,
  symmetricEigen,
  type TrainingStatistics,
} from './statistics';
export { concatenate, spread, subset } from './subset';
export {
  type Augmentation,
  checkTransform,
  drawAugmentation,
  type EvaluationTransform,
  evaluationGeometry,
  type Geometry,
  type TrainTransform,
  trainingGeometry,
} from './transform';
