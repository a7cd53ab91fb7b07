/** The main use of the packages, for browsers; `/node` has paths, folders and published nets in addition. */
export { isVggError, VggError, type VggErrorCode } from '@vgg/core';
export {
  evaluationTransform,
  type ImageTransform,
  loadImage,
  prepareImage,
  prepareWhole,
  type RawImage,
  restoreImage,
  trainingTransform,
} from '@vgg/data';
export {
  type ClassifyOptions,
  classify,
  drawClassMap,
  evaluate,
  evaluatedNet,
  type Guess,
  gradCam,
  heatMap,
  netInput,
  occlusion,
  predict,
  scalesFor,
  wholeInput,
} from '@vgg/eval';
export { createVgg, descriptor, isConfiguration, type Tap, type Vgg, type VggOptions } from '@vgg/models';
export { constant, MomentumSgd, plateau, steps } from '@vgg/optim';
export { fineTune, fit, validate } from '@vgg/train';
export {
  foldNormalisation,
  type LoadedNet,
  loadNet,
  type Preprocessing,
  parseModel,
  serialiseModel,
  type WeightFile,
} from '@vgg/weights';
