/** Reading of a strided view's elements in row-major order from the bytes of its storage. */
import { sizeOf } from '@vgg/core';
import { DTYPE_BYTES } from '../safetensors/dtypes';
import type { ByteSource } from '../sources/bytes';
import type { Rows } from '../sources/source';
import type { StoredView } from './rebuild';

/** Function that reads bytes of a storage; offsets are from its start. */
export type StorageReader = ByteSource['read'];

function isContiguous({ shape, strides }: StoredView): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Copies elements of `width` bytes from `source` in row-major order; `strides` are numbers of elements. */
function gather(source: Uint8Array, width: number, shape: readonly number[], strides: readonly number[]): Uint8Array {
  const out = new Uint8Array(sizeOf(shape) * width);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to += width) {
    for (let i = 0; i < width; i++) out[to + i] = source[from + i]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      from += strides[axis]! * width;
      if (index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]! * width;
      index[axis] = 0;
    }
  }
  return out;
}

/** Reads some rows of a view as contiguous bytes. */
export async function readView(read: StorageReader, view: StoredView, { begin, end }: Rows): Promise<Uint8Array> {
  const { storage, offset, shape, strides } = view;
  const width = DTYPE_BYTES[storage.dtype];
  const part = shape.length === 0 ? [] : [end - begin, ...shape.slice(1)];
  const count = end > begin ? sizeOf(part) : 0;
  if (count === 0) return new Uint8Array(0);
  const start = (offset + begin * (strides[0] ?? 0)) * width;
  if (isContiguous(view)) return read(start, count * width);
  const span = part.reduce((last, side, axis) => last + (side - 1) * strides[axis]!, 0) + 1;
  return gather(await read(start, span * width), width, part, strides);
}
