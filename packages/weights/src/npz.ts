/**
 * Reader of NumPy's `.npz`: a zip archive of `.npy` files, one per array, stored or deflated.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { sizeOf, VggError } from '@vgg/core';
import { DTYPE_BYTES, type Dtype } from './safetensors/dtypes';
import type { ByteSource } from './sources/bytes';
import { type Rows, rowRange, type StoredTensor, type WeightSource, weightSource } from './sources/source';
import type { Zip, ZipMember } from './sources/zip';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
const SUFFIX = '.npy';
const MAX_HEADER_BYTES = 2 ** 16;
const MAX_RANK = 16;

/** Types by NumPy's type strings of little-endian numbers; single bytes have no order. */
const DTYPES: Readonly<Record<string, Dtype>> = {
  '<f8': 'F64',
  '<f4': 'F32',
  '<f2': 'F16',
  '<i8': 'I64',
  '<i4': 'I32',
  '<i2': 'I16',
  '|i1': 'I8',
  '<u8': 'U64',
  '<u4': 'U32',
  '<u2': 'U16',
  '|u1': 'U8',
  '|b1': 'BOOL',
};

interface ArrayHeader {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** True if the elements are in column-major order. */
  readonly fortran: boolean;
  /** Offset of the elements in the member, in bytes. */
  readonly dataStart: number;
}

/** Header as NumPy writes it: Python's literal of a dictionary with exactly these three keys. */
const HEADER =
  /^\{'descr': '([^']{1,16})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,16},? ?)*)\),? *\} *\n?$/;

async function readHeader(source: string, member: ZipMember): Promise<ArrayHeader> {
  const corrupt = (what: string) =>
    new VggError('weights', `${source}: ${JSON.stringify(member.name.slice(0, 80))} is not a valid array: ${what}`);
  const start = await member.read(0, Math.min(12, member.size));
  if (start.length < 12 || !MAGIC.every((byte, i) => start[i] === byte))
    throw corrupt('it does not begin as .npy does');
  const major = start[6];
  if (major !== 1 && major !== 2 && major !== 3) throw corrupt(`version ${major}, expected 1, 2 or 3`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const begin = major === 1 ? 10 : 12;
  if (length > MAX_HEADER_BYTES) throw corrupt(`its header claims ${length} bytes`);
  if (begin + length > member.size) throw corrupt('its header is cut short');
  const text = new TextDecoder('latin1').decode(await member.read(begin, length));
  const [, descr, order, sides] = HEADER.exec(text) ?? [];
  if (descr === undefined) throw corrupt(`its header reads ${JSON.stringify(text.trim().slice(0, 80))}`);
  const dtype = DTYPES[descr];
  if (dtype === undefined)
    throw corrupt(`numbers of type ${JSON.stringify(descr)}, expected one of ${Object.keys(DTYPES).join(' ')}`);
  const shape = sides!
    .split(',')
    .map((side) => side.trim())
    .filter((side) => side !== '')
    .map(Number);
  const bytes = sizeOf(shape) * DTYPE_BYTES[dtype];
  if (shape.length > MAX_RANK) throw corrupt(`${shape.length} axes`);
  if (bytes !== member.size - begin - length) {
    throw corrupt(`shape (${shape}) of ${descr} needs ${bytes} bytes, it has ${member.size - begin - length}`);
  }
  return { dtype, shape, fortran: order === 'True' && shape.length > 1, dataStart: begin + length };
}

/** Converts an array from column-major to row-major order. */
function toRowMajor(bytes: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  for (let to = 0; to < out.length; to += width) {
    const from = index.reduce((sum, at, axis) => sum + at * strides[axis]!, 0) * width;
    for (let i = 0; i < width; i++) out[to + i] = bytes[from + i]!;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return out;
}

async function storedArray(source: string, member: ZipMember): Promise<StoredTensor> {
  const header = await readHeader(source, member);
  const { dtype, shape, fortran, dataStart } = header;
  const whole = { begin: 0, end: shape[0] ?? 1 };
  const part = async (rows: Rows) => {
    const { begin, length } = rowRange(header, rows);
    return member.read(dataStart + begin, length);
  };
  if (!fortran) return { dtype, shape, read: part };
  return {
    dtype,
    shape,
    async read(rows) {
      const { begin, length } = rowRange(header, rows);
      return toRowMajor(await part(whole), shape, DTYPE_BYTES[dtype]).subarray(begin, begin + length);
    },
  };
}

/** Opens a NumPy archive. The name of an array is that of its member, without `.npy`. */
export async function readNpz(bytes: ByteSource, zip: Zip): Promise<WeightSource> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, member] of zip) {
    if (!name.endsWith(SUFFIX)) {
      throw new VggError(
        'weights',
        `${bytes.name} holds ${JSON.stringify(name.slice(0, 80))}, which is not a .npy array`,
      );
    }
    tensors.set(name.slice(0, -SUFFIX.length), await storedArray(bytes.name, member));
  }
  return weightSource({ name: bytes.name, format: 'npz', tensors, close: () => bytes.close() });
}
