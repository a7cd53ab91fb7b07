/** Exports of the WebAssembly module. It has no memory of its own: every address is in the stock backend's heap. */
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
export { filterGradientPack, filterGradientTiles, filterGradientUnpack } from './filter_gradient';
export { localResponse, localResponseGradient, localResponseScratch } from './local_response';
export { packPanelsPart } from './pack';
export { maxPoolGradient } from './pooling';
export { product, productScratch } from './product';
