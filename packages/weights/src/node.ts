export { writeFileAtomically } from './files/atomic';
export { openBytes } from './files/file-bytes';
export { loadModel, saveModel } from './files/model-file';
export { openSafetensors, type SafetensorsFile, writeSafetensors } from './files/safetensors-file';
