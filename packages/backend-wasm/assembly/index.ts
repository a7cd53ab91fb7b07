/** What the WebAssembly module exports. It owns no memory: every address is one in the stock backend's heap. */
export { columnSums, normalisationFactors, normalisationGradient, normalise } from './columns';
export { convolve, packTurned } from './convolution';
export { filterGradient } from './filter_gradient';
export { localResponse, localResponseGradient, localResponseScratch } from './local_response';
export { packPanels } from './pack';
export { maxPoolGradient } from './pooling';
export { product, productScratch } from './product';
