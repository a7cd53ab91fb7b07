/** Reader of TensorProto: a tensor's type, shape and the place of its numbers, in the file or in another one next to it. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { sizeOf } from '@vgg/core';
import { DTYPE_BYTES, type Dtype } from '../safetensors/dtypes';
import type { ByteSource } from '../sources/bytes';
import type { Extent, Field, Messages } from '../sources/protobuf';
import { rowRange, type StoredTensor } from '../sources/source';

/** Types by their number in TensorProto.DataType. */
const DTYPES: Readonly<Record<number, Dtype>> = {
  1: 'F32',
  2: 'U8',
  3: 'I8',
  4: 'U16',
  5: 'I16',
  6: 'I32',
  7: 'I64',
  9: 'BOOL',
  10: 'F16',
  11: 'F64',
  12: 'U32',
  13: 'U64',
  16: 'BF16',
};

/** Field numbers of TensorProto. */
const TENSOR = { dims: 1, type: 2, floats: 4, integers: 5, name: 8, raw: 9, doubles: 10, external: 13, location: 14 };
/** Largest number of axes. */
const MAX_AXES = 32;
/** Longest text of a place in another file. */
const MAX_LOCATION_BYTES = 4096;

/** Tensor of a graph. */
export interface OnnxTensor {
  readonly name: string;
  readonly stored: StoredTensor;
}

/** Opens a file next to the net's; the second time, the same one. */
export type OpenSibling = (name: string) => Promise<ByteSource>;

/** Reads a StringStringEntryProto. */
export async function readEntry(messages: Messages, field: Field, maxBytes: number): Promise<[string, string]> {
  let key = '';
  let value = '';
  for await (const part of messages.fields(messages.message(field))) {
    if (part.number === 1) key = await messages.text(part);
    else if (part.number === 2) value = await messages.text(part, maxBytes);
  }
  return [key, value];
}

/** Returns a tensor whose bytes are in a part of a file. */
function contiguous(dtype: Dtype, shape: readonly number[], file: Pick<ByteSource, 'read'>, start: number) {
  const read: StoredTensor['read'] = (rows) => {
    const { begin, length } = rowRange({ dtype, shape }, rows);
    return file.read(start + begin, length);
  };
  return { dtype, shape, read };
}

/** Returns a tensor of 16-bit floats that are packed integers, as Python's `make_tensor` writes them. */
function halves(messages: Messages, field: Field, dtype: Dtype, shape: readonly number[]): StoredTensor {
  const read: StoredTensor['read'] = async (rows) => {
    const reader = new BinaryReader(await messages.read(field));
    const bits = new Uint16Array(sizeOf(shape));
    try {
      for (let i = 0; i < bits.length; i++) bits[i] = reader.uint32();
    } catch (cause) {
      throw messages.corrupt(`the integers at byte ${field.begin} are cut short`, cause);
    }
    const { begin, length } = rowRange({ dtype, shape }, rows);
    return new Uint8Array(bits.buffer, begin, length);
  };
  return { dtype, shape, read };
}

interface Parts {
  readonly name: string;
  readonly label: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly data: Field | undefined;
  /** Place in another file; undefined if the numbers are in this one. */
  readonly external: ReadonlyMap<string, string> | undefined;
}

async function readParts(messages: Messages, extent: Extent): Promise<Parts> {
  const shape: number[] = [];
  const external = new Map<string, string>();
  let name = '';
  let type = 0;
  let isExternal = false;
  let data: Field | undefined;
  for await (const field of messages.fields(extent)) {
    switch (field.number) {
      case TENSOR.dims:
        if (field.end - field.begin > 10 * MAX_AXES) throw messages.corrupt(`a tensor has more than ${MAX_AXES} axes`);
        for (const side of await messages.integers(field)) shape.push(side);
        if (shape.length > MAX_AXES) throw messages.corrupt(`a tensor has more than ${MAX_AXES} axes`);
        break;
      case TENSOR.type:
        type = await messages.integer(field);
        break;
      case TENSOR.name:
        name = await messages.text(field);
        break;
      case TENSOR.external: {
        const [key, value] = await readEntry(messages, field, MAX_LOCATION_BYTES);
        external.set(key, value);
        break;
      }
      case TENSOR.location:
        isExternal = (await messages.integer(field)) === 1;
        break;
      case TENSOR.raw:
      case TENSOR.floats:
      case TENSOR.doubles:
      case TENSOR.integers:
        if (data !== undefined) throw messages.corrupt(`the tensor at byte ${extent.begin} has its numbers twice`);
        if (field.type !== WireType.LengthDelimited) {
          throw messages.corrupt(`the numbers at byte ${field.begin} are not packed`);
        }
        data = field;
    }
  }
  const label = JSON.stringify(name.slice(0, 80));
  return { name, label, shape, type, data, external: isExternal ? external : undefined };
}

function integerOf(messages: Messages, label: string, text: string | undefined, missing: number): number {
  const value = text === undefined ? missing : Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw messages.corrupt(`${label} has the place ${JSON.stringify(text?.slice(0, 40))} in another file`);
}

async function externalTensor(
  messages: Messages,
  { label, shape }: Parts,
  dtype: Dtype,
  external: ReadonlyMap<string, string>,
  open: OpenSibling,
): Promise<StoredTensor> {
  const needed = sizeOf(shape) * DTYPE_BYTES[dtype];
  const location = external.get('location');
  if (location === undefined) throw messages.corrupt(`${label} is in another file without a name`);
  const begin = integerOf(messages, label, external.get('offset'), 0);
  const length = integerOf(messages, label, external.get('length'), needed);
  if (length !== needed) throw messages.corrupt(`${label} of shape [${shape}] needs ${needed} bytes, got ${length}`);
  const file = await open(location);
  if (begin + length > file.size) {
    throw messages.corrupt(
      `${label} ends at byte ${begin + length} of ${location}, which has ${file.size}: cut short?`,
    );
  }
  return contiguous(dtype, shape, file, begin);
}

/**
 * Reads a TensorProto without its numbers; undefined for a type that is not a number.
 * @throws VggError `VGG_WEIGHTS` unless there are as many numbers as its shape needs.
 */
export async function readTensor(
  messages: Messages,
  extent: Extent,
  open: OpenSibling,
): Promise<OnnxTensor | undefined> {
  const parts = await readParts(messages, extent);
  const { name, label, shape, type, data, external } = parts;
  const dtype = DTYPES[type];
  if (dtype === undefined) return undefined;
  if (external) return { name, stored: await externalTensor(messages, parts, dtype, external, open) };
  const { begin, end, number } = data ?? { begin: extent.begin, end: extent.begin, number: TENSOR.raw };
  if (number === TENSOR.integers) {
    // Integers of shapes; no weight is one.
    if (dtype !== 'F16' && dtype !== 'BF16') return undefined;
    const count = sizeOf(shape);
    if (end - begin < count) throw messages.corrupt(`${label} needs ${count} numbers, got ${end - begin} bytes`);
    return { name, stored: halves(messages, data!, dtype, shape) };
  }
  const needed = sizeOf(shape) * DTYPE_BYTES[dtype];
  if (needed !== end - begin) {
    throw messages.corrupt(`${label} of shape [${shape}] needs ${needed} bytes, got ${end - begin}`);
  }
  const file = { read: (start: number, size: number) => messages.read({ begin: start, end: start + size }) };
  return { name, stored: contiguous(dtype, shape, file, begin) };
}
