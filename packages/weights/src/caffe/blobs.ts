/** Reader of BlobProto: the values of a layer and their shape. */
import { WireType } from '@bufbuild/protobuf/wire';
import { sizeOf } from '@vgg/core';
import { DTYPE_BYTES } from '../safetensors/dtypes';
import type { Extent, Field, Messages } from '../sources/protobuf';
import type { TensorInfo } from '../sources/source';

/** Field numbers of BlobProto. */
const BLOB = { data: 5, shape: 7, doubles: 8 } as const;
/** Field numbers of num, channels, height and width, which older files have instead of a shape. */
const LEGACY_SIDES = [1, 2, 3, 4] as const;
/** Largest number of axes, as in Caffe. */
const MAX_AXES = 32;

/** Blob of a layer. */
export interface Blob extends TensorInfo {
  readonly data: Extent;
  /** True if the file has the four sides of older files instead of a shape. */
  readonly legacy: boolean;
}

/** Reads a BlobShape. Its field 1, dim, may be packed. */
async function blobShape(messages: Messages, field: Field): Promise<number[]> {
  const shape: number[] = [];
  for await (const dim of messages.fields(messages.message(field))) {
    if (dim.number !== 1) continue;
    if (dim.end - dim.begin > 10 * MAX_AXES) throw messages.corrupt(`a blob has more than ${MAX_AXES} axes`);
    for (const side of await messages.integers(dim)) shape.push(side);
    if (shape.length > MAX_AXES) throw messages.corrupt(`a blob has more than ${MAX_AXES} axes`);
  }
  return shape;
}

/**
 * Reads a BlobProto without its values.
 * @throws VggError `VGG_WEIGHTS` unless there are as many values as its shape needs.
 */
export async function readBlob(messages: Messages, extent: Extent): Promise<Blob> {
  const sides = new Map<number, number>();
  let shape: number[] | undefined;
  let data: Extent | undefined;
  let dtype: 'F32' | 'F64' = 'F32';
  for await (const field of messages.fields(extent)) {
    if (field.number === BLOB.shape) shape = await blobShape(messages, field);
    else if (field.number === BLOB.data || field.number === BLOB.doubles) {
      if (data !== undefined) throw messages.corrupt(`the blob at byte ${extent.begin} has its numbers twice`);
      if (field.type !== WireType.LengthDelimited) {
        throw messages.corrupt(`the numbers at byte ${field.begin} are not packed`);
      }
      data = field;
      dtype = field.number === BLOB.data ? 'F32' : 'F64';
    } else if ((LEGACY_SIDES as readonly number[]).includes(field.number)) {
      sides.set(field.number, await messages.integer(field));
    }
  }
  const legacy = shape === undefined;
  shape ??= LEGACY_SIDES.map((side) => sides.get(side) ?? 1);
  data ??= { begin: extent.begin, end: extent.begin };
  const needed = sizeOf(shape) * DTYPE_BYTES[dtype];
  if (needed !== data.end - data.begin) {
    throw messages.corrupt(`a blob of shape [${shape}] needs ${needed} bytes, got ${data.end - data.begin}`);
  }
  return { dtype, shape, data, legacy };
}

/** Returns the shape of the blob `index` of a layer, without the axes of 1 with which older files pad shapes to four axes. */
export function unpaddedShape({ shape, legacy }: Blob, index: number, type: string): readonly number[] {
  if (!legacy) return shape;
  if (index > 0 || type === 'BatchNorm' || type === 'Scale') return [sizeOf(shape)];
  return type === 'InnerProduct' ? [sizeOf(shape.slice(0, 3)), shape[3]!] : shape;
}
