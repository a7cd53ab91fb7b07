export { decodeImage, IMAGE_LIMITS } from './node/decode';
export {
  createBatches,
  createEvaluationBatches,
  type EvaluationLoaderOptions,
  type LoaderOptions,
  type TrainingLoaderOptions,
} from './node/loader';
export { type DataSet, openSource } from './node/open';
export { openClassFolders } from './node/sources/folders';
