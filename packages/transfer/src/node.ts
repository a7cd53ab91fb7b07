export * from './index';
export { type TransferOptions, type TransferResult, transfer } from './node/data-set';
export { type CachedDescribeOptions, describeWithCache, foundItems, sourceItems } from './node/describe-source';
export { type CacheKey, type OpenDescriptorCache, openDescriptorCache } from './node/descriptor-cache';
export { netHash } from './node/net-hash';
export {
  isPredictorFile,
  type LoadedPredictor,
  type LoadPredictorOptions,
  loadPredictor,
  savePredictor,
} from './node/predictor-file';
export { type SearchOptions, type SearchResult, searchImages } from './node/search';
