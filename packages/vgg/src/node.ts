/** The main use of the packages in Node: the root entry, with paths, folders of images, published nets and worker threads. */
export { isVggError, VggError, type VggErrorCode } from '@vgg/core';
export {
  evaluationTransform,
  type ImageTransform,
  prepareImage,
  prepareWhole,
  type RawImage,
  restoreImage,
  trainingTransform,
} from '@vgg/data';
export {
  createBatches,
  createEvaluationBatches,
  createPreparer,
  decodeImage,
  fetchDataSet,
  type ImagePreparer,
  imageItems,
  loadImage,
  type NodeImage,
  openSource,
  trainingStatistics,
} from '@vgg/data/node';
export { evaluate, evaluatedNet, type Guess, netInput, predict, scalesFor, wholeInput } from '@vgg/eval';
export { createVgg, descriptor, isConfiguration, type Tap, type Vgg, type VggOptions } from '@vgg/models';
export { constant, MomentumSgd, plateau, steps } from '@vgg/optim';
export { fineTune, fit, validate } from '@vgg/train';
export { CheckpointFolder, RunFolder } from '@vgg/train/node';
export {
  foldNormalisation,
  type LoadedNet,
  type Preprocessing,
  parseModel,
  serialiseModel,
  type WeightFile,
} from '@vgg/weights';
export { loadKnown, loadModel, loadNet, saveModel } from '@vgg/weights/node';
export { type ClassifyOptions, classify } from './classify';
