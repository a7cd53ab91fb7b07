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
