export { describeModel, type ModelDescription, type Preprocessing } from './description';
export type { Misshapen, WeightReport } from './fit';
export { type LoadWeightsOptions, loadWeights } from './load-weights';
export { type LoadOptions, parseModel, type SavedModel, type SaveOptions, serialiseModel } from './model';
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
