/**
 * Reads the part of MATLAB's level 5 MAT-file format that the ILSVRC-2012 devkit's `meta.mat` needs: one struct array whose
 * fields are scalars and strings ("MAT-File Format", MathWorks, chapter 1). Little endian, compressed or not.
 */
import { inflateSync } from 'node:zlib';
import { VggError } from '@vgg/core';

const MATRIX = 14;
const COMPRESSED = 15;
const STRUCT = 2;
const CHARACTERS = 4;

/** Size in bytes of each numeric data type, and the function that reads one number of it. */
const NUMBERS: Record<number, [bytes: number, read: (bytes: Buffer, at: number) => number]> = {
  1: [1, (bytes, at) => bytes.readInt8(at)],
  2: [1, (bytes, at) => bytes.readUInt8(at)],
  3: [2, (bytes, at) => bytes.readInt16LE(at)],
  4: [2, (bytes, at) => bytes.readUInt16LE(at)],
  5: [4, (bytes, at) => bytes.readInt32LE(at)],
  6: [4, (bytes, at) => bytes.readUInt32LE(at)],
  7: [4, (bytes, at) => bytes.readFloatLE(at)],
  9: [8, (bytes, at) => bytes.readDoubleLE(at)],
  16: [1, (bytes, at) => bytes.readUInt8(at)],
};

interface Element {
  readonly type: number;
  readonly data: Buffer;
}

/** Yields the elements that follow each other in `bytes`. */
function* elements(bytes: Buffer): Generator<Element> {
  let at = 0;
  while (at + 8 <= bytes.length) {
    const word = bytes.readUInt32LE(at);
    // A small element of up to 4 bytes has its length and its data in the 8 bytes of its tag.
    const isSmall = word >>> 16 > 0;
    const type = isSmall ? word & 0xffff : word;
    const start = isSmall ? at + 4 : at + 8;
    const length = isSmall ? word >>> 16 : bytes.readUInt32LE(at + 4);
    if (start + length > bytes.length) throw new RangeError('an element reaches beyond the end');
    yield { type, data: bytes.subarray(start, start + length) };
    if (isSmall) at += 8;
    else at = start + (type === COMPRESSED ? length : Math.ceil(length / 8) * 8);
  }
}

function numbers({ type, data }: Element): number[] {
  const kind = NUMBERS[type];
  if (!kind) return [];
  const [bytes, read] = kind;
  return Array.from({ length: Math.floor(data.length / bytes) }, (_, i) => read(data, i * bytes));
}

/** Returns the value of a field: a string of its characters or its first number; `undefined` for other fields. */
function fieldValue(matrix: Element): string | number | undefined {
  const [flags, , , content] = [...elements(matrix.data)];
  if (!flags || !content) return undefined;
  const kind = flags.data.readUInt8(0);
  const values = numbers(content);
  return kind === CHARACTERS ? values.map((code) => String.fromCharCode(code)).join('') : values[0];
}

/**
 * Reads the first struct array of a MAT-file. Returns an object for each record, with its text and number fields.
 * @throws VggError `VGG_DATASET` for a file that is not a MAT-file or has no struct array.
 */
export function readStructArray(file: Buffer, path: string): Record<string, string | number>[] {
  try {
    if (file.toString('latin1', 0, 10) !== 'MATLAB 5.0' || file.toString('latin1', 126, 128) !== 'IM') {
      throw new RangeError('it does not begin like a little-endian MATLAB 5.0 file');
    }
    for (const element of elements(file.subarray(128))) {
      const inner = element.type === COMPRESSED ? [...elements(inflateSync(element.data))][0] : element;
      if (inner?.type === MATRIX && inner.data.readUInt8(8) === STRUCT) return records(inner);
    }
    throw new RangeError('it has no struct array');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VggError('dataset', `${path} cannot be read as a MAT-file of synsets: ${reason}`, { cause });
  }
}

function records(matrix: Element): Record<string, string | number>[] {
  const [, , , width, names, ...fields] = [...elements(matrix.data)];
  if (!width || !names) throw new RangeError('its struct array is incomplete');
  const length = numbers(width)[0] ?? 0;
  if (length < 1) throw new RangeError('its struct array has no field names');
  const keys: string[] = [];
  for (let at = 0; at + length <= names.data.length; at += length) {
    keys.push(names.data.toString('latin1', at, at + length).split('\0')[0]!);
  }
  const result: Record<string, string | number>[] = [];
  for (let at = 0; at + keys.length <= fields.length && keys.length > 0; at += keys.length) {
    const record: Record<string, string | number> = {};
    keys.forEach((key, k) => {
      const value = fieldValue(fields[at + k]!);
      if (value !== undefined) record[key] = value;
    });
    result.push(record);
  }
  return result;
}
