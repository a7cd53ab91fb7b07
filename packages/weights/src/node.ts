export { openBytes } from './files/file-bytes';
export { type FetchOptions, fetchWeights, loadKnown } from './files/known-file';
export { loadModel, saveModel } from './files/model-file';
export { loadNet, openWeights } from './files/open-file';
export { openSafetensors, type SafetensorsFile, writeSafetensors } from './files/safetensors-file';
