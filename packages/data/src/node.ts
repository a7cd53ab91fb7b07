export type { Augment, AugmentContext, AugmentFunction } from './node/augment';
export { type ClassCopies, classCopies } from './node/class-copies';
export { type DecodeOptions, decodeImage, IMAGE_LIMITS } from './node/decode';
export { makeDemoBoxes } from './node/demo-boxes';
export { DEMO_IMAGES, type DemoImagesOptions, makeDemoImages } from './node/demo-images';
export { type FoundImage, findImages, readFoundImage } from './node/find-images';
export { countSampled, holdsSample, imageHash, imageId, type SampledImage, sampleImages } from './node/image-sample';
export { type ImageItem, imageItems } from './node/items';
export { type LoadImageOptions, loadImage, type NodeImage } from './node/load-image';
export {
  createBatches,
  createEvaluationBatches,
  type EvaluationLoaderOptions,
  type LoaderOptions,
  type TrainingLoaderOptions,
} from './node/loader';
export { type NearDuplicate, type NearDuplicateOptions, nearDuplicates } from './node/near-duplicates';
export { type DataSet, LAYOUTS, type Layout, type OpenOptions, openSource } from './node/open';
export { createPreparer, type ImagePreparer, type PrepareOptions, type PreparerOptions } from './node/preparer';
export { type FetchOptions, fetchDataSet } from './node/public/fetch';
export { isPublicDataSet, PUBLIC_DATA_SETS, type PublicDataSet, type PublicDataSetName } from './node/public/sets';
export { isImageName } from './node/sources/files';
export { openClassFolders } from './node/sources/folders';
export { expandBraces, openShards } from './node/sources/shards';
export type { UnusedFiles, UnusedKind } from './node/sources/unused';
export { type SourceStatistics, type StatisticsOptions, trainingStatistics } from './node/training-statistics';
