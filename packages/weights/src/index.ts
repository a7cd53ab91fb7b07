export { describeModel, type ModelDescription } from './description';
export { checkedTensors, type ExportedView, type ExportOptions, type NetTensors, tensorsOf } from './export/net';
export { preprocessingText } from './export/preprocess';
export { exportSafetensors, type SafetensorsExportOptions } from './export/safetensors';
export type { Misshapen, WeightReport } from './fit';
export { IMAGENET_CLASSES } from './imagenet';
export { type InitialWeights, initialWeights, pixelTransform, scaleInputs } from './initial-weights';
export type { Hdf5Loader } from './keras/hdf5';
export {
  KNOWN_ALIASES,
  KNOWN_WEIGHTS,
  type KnownAlias,
  type KnownConfiguration,
  type KnownName,
  type KnownWeights,
  knownName,
  knownWeights,
} from './known';
export { type LoadedNet, type LoadNetOptions, loadNet, type NetUse, netUse } from './load-net';
export { type LoadWeightsOptions, loadWeights } from './load-weights';
export { type LoadOptions, parseModel, type SavedModel, type SaveOptions, serialiseModel } from './model';
export type { NetTensor, NetWeights } from './names/net-weights';
export { type RecogniseOptions, recogniseNet } from './names/recognise';
export { foldNormalisation } from './normalisation';
export { exportOnnx } from './onnx/export';
export { type OpenOptions, openWeights, type WeightFile } from './open';
export { type InputTransform, inputTransform, type Preprocessing } from './preprocessing';
export {
  asFloat32,
  DTYPE_BYTES,
  type Dtype,
  type FloatDtype,
  fromFloat32,
  fromInt32,
  type TensorData,
} from './safetensors/dtypes';
export type { TensorEntry } from './safetensors/header';
export { parseSafetensors, type Safetensors, serialiseSafetensors } from './safetensors/memory';
export { type ByteSource, bytesOf, type FileSet } from './sources/bytes';
export type { Rows, TensorInfo, WeightSource } from './sources/source';
export { IMAGENET_SYNSETS } from './synsets';
export { type ExportedFile, exportTfjs, type TfjsExportOptions } from './tfjs/export';
