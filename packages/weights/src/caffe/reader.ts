/**
 * Caffe's `.caffemodel`: a NetParameter with the layers' blobs, in today's layer messages or those of 2014, in which the nets
 * of the paper were published. Field numbers: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { DTYPE_BYTES, elements } from '../safetensors/dtypes';
import type { ByteSource } from '../sources/bytes';
import { rowRange, type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import { type Extent, type Field, Messages } from './fields';

/** NetParameter's two lists of layers, and where each kind of layer message has what is needed. */
const LAYERS = {
  /** V1LayerParameter, where types are an enumeration. */
  2: { name: 4, type: 5, blobs: 6, innerProduct: 14 },
  /** LayerParameter. */
  100: { name: 1, type: 2, blobs: 7, innerProduct: 'InnerProduct' },
} as const;

const BLOB = { data: 5, shape: 7, doubles: 8 } as const;
/** num, channels, height, width of a BlobProto before it had a shape. */
const LEGACY_SIDES = [1, 2, 3, 4] as const;
const MAX_NAME_BYTES = 1024;
/** Caffe's own limit. */
const MAX_AXES = 32;

/** A blob before its name is known. */
type Blob = Pick<StoredTensor, 'dtype' | 'shape'> & { readonly data: Extent; readonly legacy: boolean };

async function text(messages: Messages, field: Field): Promise<string> {
  if (field.type !== WireType.LengthDelimited || field.end - field.begin > MAX_NAME_BYTES) {
    throw messages.corrupt(`expected a name at byte ${field.begin}`);
  }
  return new TextDecoder().decode(await messages.read(field));
}

async function integer(messages: Messages, field: Field): Promise<number> {
  if (field.type !== WireType.Varint) throw messages.corrupt(`expected an integer at byte ${field.begin}`);
  const value = Number(new BinaryReader(await messages.read(field)).uint64());
  if (!Number.isSafeInteger(value)) throw messages.corrupt(`the integer at byte ${field.begin} is too large`);
  return value;
}

function messageOf(messages: Messages, field: Field): Field {
  if (field.type === WireType.LengthDelimited) return field;
  throw messages.corrupt(`expected a message at byte ${field.begin}`);
}

/** The integers of a packed field. */
async function packedIntegers(messages: Messages, field: Field): Promise<number[]> {
  const reader = new BinaryReader(await messages.read(field));
  const values: number[] = [];
  try {
    while (reader.pos < reader.len) values.push(Number(reader.uint64()));
  } catch (cause) {
    throw messages.corrupt(`the integers at byte ${field.begin} are cut short`, cause);
  }
  return values;
}

/** BlobShape: dim = 1, packed or not. */
async function blobShape(messages: Messages, field: Field): Promise<number[]> {
  const shape: number[] = [];
  for await (const dim of messages.fields(messageOf(messages, field))) {
    if (dim.number !== 1) continue;
    if (dim.type === WireType.Varint) shape.push(await integer(messages, dim));
    else if (dim.type === WireType.LengthDelimited && dim.end - dim.begin <= 10 * MAX_AXES) {
      shape.push(...(await packedIntegers(messages, dim)));
    } else throw messages.corrupt(`expected a shape at byte ${dim.begin}`);
    if (shape.length > MAX_AXES) throw messages.corrupt(`a blob has more than ${MAX_AXES} axes`);
  }
  return shape;
}

async function readBlob(messages: Messages, extent: Extent): Promise<Blob> {
  const sides = new Map<number, number>();
  let [shape, data, dtype]: [number[] | undefined, Extent | undefined, 'F32' | 'F64'] = [undefined, undefined, 'F32'];
  for await (const field of messages.fields(extent)) {
    if (field.number === BLOB.shape) shape = await blobShape(messages, field);
    else if (field.number === BLOB.data || field.number === BLOB.doubles) {
      if (data !== undefined) throw messages.corrupt(`the blob at byte ${extent.begin} has its numbers twice`);
      if (field.type !== WireType.LengthDelimited) {
        throw messages.corrupt(`the numbers at byte ${field.begin} are not packed`);
      }
      [data, dtype] = [field, field.number === BLOB.data ? 'F32' : 'F64'];
    } else if ((LEGACY_SIDES as readonly number[]).includes(field.number)) {
      sides.set(field.number, await integer(messages, field));
    }
  }
  const found = shape ?? LEGACY_SIDES.map((side) => sides.get(side) ?? 1);
  data ??= { begin: extent.begin, end: extent.begin };
  const needed = elements(found) * DTYPE_BYTES[dtype];
  if (needed !== data.end - data.begin) {
    throw messages.corrupt(`a blob of shape [${found}] needs ${needed} bytes, got ${data.end - data.begin}`);
  }
  return { dtype, shape: found, data, legacy: shape === undefined };
}

/** A shape without the leading axes of 1 with which old files pad all shapes to four. */
function unpadded({ shape, legacy }: Blob, index: number, innerProduct: boolean): readonly number[] {
  if (!legacy) return shape;
  if (index > 0) return [elements(shape)];
  return innerProduct ? [elements(shape.slice(0, 3)), shape[3]!] : shape;
}

async function readLayer(messages: Messages, extent: Field): Promise<[string, StoredTensor][]> {
  const numbers = LAYERS[extent.number as keyof typeof LAYERS];
  const blobs: Blob[] = [];
  let [name, innerProduct] = ['', false];
  for await (const field of messages.fields(extent)) {
    if (field.number === numbers.name) name = await text(messages, field);
    else if (field.number === numbers.blobs) blobs.push(await readBlob(messages, messageOf(messages, field)));
    else if (field.number === numbers.type) {
      const type = extent.number === 2 ? await integer(messages, field) : await text(messages, field);
      innerProduct = type === numbers.innerProduct;
    }
  }
  return blobs.map((blob, i) => {
    const { dtype, data } = blob;
    const shape = unpadded(blob, i, innerProduct);
    const read: StoredTensor['read'] = (rows) => {
      const { begin, length } = rowRange({ dtype, shape }, rows);
      return messages.read({ begin: data.begin + begin, end: data.begin + begin + length });
    };
    return [`${name}.${i}`, { dtype, shape, read }];
  });
}

/**
 * Opens a caffemodel: tensors `conv1_1.0`, the weight, and `conv1_1.1`, the bias, of each layer that has blobs.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged, hostile or without blobs.
 */
export async function readCaffe(bytes: ByteSource): Promise<WeightSource> {
  const messages = new Messages(bytes);
  const tensors = new Map<string, StoredTensor>();
  for await (const field of messages.fields({ begin: 0, end: bytes.size })) {
    if (!(field.number in LAYERS)) continue;
    for (const [name, tensor] of await readLayer(messages, messageOf(messages, field))) {
      if (tensors.has(name)) throw messages.corrupt(`it has ${JSON.stringify(name.slice(0, 80))} twice`);
      tensors.set(name, tensor);
    }
  }
  if (tensors.size === 0) throw messages.corrupt('it has no layer with blobs');
  return weightSource({ name: bytes.name, format: 'caffe', tensors, close: () => bytes.close() });
}
