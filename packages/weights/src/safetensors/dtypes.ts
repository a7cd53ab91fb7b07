/** Element types of safetensors, and conversion of a tensor's bytes to float32 and back. */
import { sizeOf, VggError } from '@vgg/core';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half';

/** Bytes per element of each type. In the format's names F is float, BF bfloat, I signed and U unsigned integer. */
export const DTYPE_BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

/** Element type of a tensor. */
export type Dtype = keyof typeof DTYPE_BYTES;

/** Float types of a net's weights in a file, which can be converted to float32. */
export type FloatDtype = 'F32' | 'F16' | 'BF16' | 'F64';

/** Tensor as in a file: little-endian elements in row-major order, `sizeOf(shape) * DTYPE_BYTES[dtype]` bytes. */
export interface TensorData {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * Returns `bytes` if it starts at a multiple of `alignment` in its buffer, as typed arrays require; otherwise a copy. It does
 * not use `slice`, which makes no copy of a Node Buffer.
 */
function align(bytes: Uint8Array, alignment: number): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : new Uint8Array(bytes);
}

/**
 * Returns a tensor's values as float32: for an aligned F32 tensor a view of the same memory, otherwise a copy. F16 and BF16
 * are converted exactly, F64 is rounded to the nearest float32.
 * @throws VggError `VGG_WEIGHTS` for a type that is not a float of 16, 32 or 64 bits.
 */
export function asFloat32({ dtype, shape, bytes }: TensorData): Float32Array {
  const { buffer, byteOffset, byteLength } = align(bytes, DTYPE_BYTES[dtype]);
  const count = byteLength / DTYPE_BYTES[dtype];
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'F16':
      return float16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count));
    default:
      throw new VggError('weights', `expected a tensor of F32, F16, BF16 or F64, got ${dtype} of shape [${shape}]`);
  }
}

function viewBytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Returns the type in which a tensor of a net is stored. F16 ends at 65504, and the variances of batch norm may exceed it:
 * vectors, which are small, stay F32.
 */
export function storedDtype<D extends Dtype>(dtype: D, shape: readonly number[]): D | 'F32' {
  return dtype === 'F16' && shape.length < 2 ? 'F32' : dtype;
}

/**
 * Returns a tensor for a file from float32 values. F32 is a view of the same memory; F16 and BF16 round to nearest, ties to
 * even.
 * @throws VggError `VGG_WEIGHTS` when the number of values is not that of the shape.
 */
export function fromFloat32(
  shape: readonly number[],
  values: Float32Array,
  dtype: Exclude<FloatDtype, 'F64'> = 'F32',
): TensorData {
  if (sizeOf(shape) !== values.length) {
    throw new VggError('weights', `shape [${shape}] needs ${sizeOf(shape)} values, got ${values.length}`);
  }
  if (dtype === 'F16') return { dtype, shape, bytes: viewBytes(float32ToFloat16(values)) };
  if (dtype === 'BF16') return { dtype, shape, bytes: viewBytes(float32ToBfloat16(values)) };
  return { dtype, shape, bytes: viewBytes(values) };
}

/**
 * Returns a tensor for a file from 32-bit integers: a view of the same memory.
 * @throws VggError `VGG_WEIGHTS` when the number of values is not that of the shape.
 */
export function fromInt32(shape: readonly number[], values: Int32Array): TensorData {
  if (sizeOf(shape) !== values.length) {
    throw new VggError('weights', `shape [${shape}] needs ${sizeOf(shape)} values, got ${values.length}`);
  }
  return { dtype: 'I32', shape, bytes: viewBytes(values) };
}
