/** Exports of the WebAssembly module. It has no memory of its own: every address is in the stock backend's heap. */
export { channelNormGradient, channelNormShares, channelNormSums, deviationSums } from './channel_norm';
export {
  addBlockSums,
  blockSums,
  blockSumsBytes,
  normalisationFactors,
  normalisationGradient,
  normalisationParameterGradients,
  normalise,
} from './columns';
export { convolve, packRotated } from './convolution';
export { addressedDropout } from './dropout';
export { elementwise } from './elementwise';
export { filterGradientPack, filterGradientTiles } from './filter_gradient';
export { filterGradientGroups } from './filter_gradient_groups';
export { localResponse, localResponseGradient, localResponseScratch } from './local_response';
export { maxPool2x2 } from './max_pool';
export { momentumSgd } from './momentum_sgd';
export { packPanelsPart } from './pack';
export { maxPoolGradient } from './pooling';
export { product, productScratch } from './product';
export { addSquares, blockSquares, squareBlocks } from './squares';
