export type { Batch, BatchLoader, SkippedImage } from './batch';
export { balancedWeights, constantError, countsOf, labelsOf } from './class-counts';
export { addColour, type ColourShift, colourOffset, drawAlphas, subtractMean } from './colour';
export {
  type CropSize,
  centreCrop,
  centreWindow,
  crop,
  cropGrid,
  cropSides,
  cropText,
  flip,
  gridWindows,
  longerSide,
} from './crop';
export { GREY, greyOf } from './grey';
export type { FloatImage, RawImage, Rgb, Size, Window } from './image';
export { type BrowserImage, type LoadImageOptions, loadImage } from './load-image';
export {
  type AugmentationOptions,
  evaluationTransform,
  type ImagePreprocessing,
  type PreparedNet,
  trainingTransform,
} from './net-transform';
export type { Normalisation, Resizing } from './normalise';
export { balancedOrder, epochOrder } from './order';
export { type PillowFilter, resampleAsPillow } from './pillow';
export type { Pixels } from './pixels';
export {
  checkImageTransform,
  type ImageTransform,
  prepareImage,
  prepareWhole,
  restoreImage,
  sameTransform,
} from './prepare';
export { resample, sourceWindow } from './resample';
export { rescale, rescaledSize } from './rescale';
export { type AsyncImageSource, type ImageLocation, type ImageSource, type RawArrays, rawSource } from './source';
export { type Split, splitByClass } from './split';
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
