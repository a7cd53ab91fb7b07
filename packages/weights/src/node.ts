export { writeFileAtomically } from './files/atomic';
export { openSafetensors, type SafetensorsFile, writeSafetensors } from './files/safetensors-file';
