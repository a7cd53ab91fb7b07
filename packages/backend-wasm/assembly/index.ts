/** Exports of the WebAssembly module. It has no memory of its own: every address is in the stock backend's heap. */
export { columnSums, normalisationFactors, normalisationGradient, normalise } from './columns';
export { convolve, packRotated } from './convolution';
export { filterGradient } from './filter_gradient';
export { localResponse, localResponseGradient, localResponseScratch } from './local_response';
export { packPanels } from './pack';
export { maxPoolGradient } from './pooling';
export { product, productScratch } from './product';
