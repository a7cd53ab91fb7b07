/**
 * Header of a safetensors file: 8 bytes with the length of the JSON as a little-endian integer, then the JSON, which has each
 * tensor's name, type, shape and place in the data that follows. https://github.com/huggingface/safetensors
 */
import { didYouMean, sizeOf, VggError } from '@vgg/core';
import { DTYPE_BYTES, type Dtype } from './dtypes';
import { jsonDepth, repeatedKey } from './json';

/** Number of bytes before the JSON. */
export const PREFIX_BYTES = 8;
/** Largest length of the JSON, as in the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;
/** Largest depth of the JSON: the header's object, a tensor's object, its shape. */
const MAX_DEPTH = 3;
const METADATA_KEY = '__metadata__';

/** Type, shape and place of a tensor. `begin` and `end` are bytes from the start of the data, after the header. */
export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Content of a header. */
export interface SafetensorsHeader {
  /** Tensors by name, in the header's order. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Offset of the data in the file, in bytes. */
  readonly dataStart: number;
}

function corrupt(source: string, what: string): VggError {
  return new VggError('weights', `${source} is not a valid safetensors file: ${what}`, { details: { source } });
}

/** Formats a value, which may be hostile, as one short line. */
function quote(text: unknown): string {
  const json = JSON.stringify(text) ?? String(text);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

/**
 * Returns the length of the JSON, from the first 8 bytes of a file of `fileBytes` bytes.
 * @throws VggError `VGG_WEIGHTS` when the file cannot hold that much, or it is more than 100 MB.
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, source: string): number {
  if (fileBytes < PREFIX_BYTES) throw corrupt(source, `expected at least 8 bytes, got ${fileBytes}`);
  const length = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
  if (length > BigInt(fileBytes - PREFIX_BYTES)) {
    throw corrupt(source, `its header claims ${length} bytes where ${fileBytes - PREFIX_BYTES} follow`);
  }
  if (length > MAX_HEADER_BYTES) throw corrupt(source, `its header claims ${length} bytes, above the limit of 100 MB`);
  return Number(length);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseJson(json: Uint8Array, source: string): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw new VggError('weights', `${source} is not a valid safetensors file: its header is not UTF-8`, { cause });
  }
  if (!text.startsWith('{')) throw corrupt(source, `its header must start with {, got ${quote(text.slice(0, 8))}`);
  if (jsonDepth(text, MAX_DEPTH) > MAX_DEPTH) throw corrupt(source, `its header nests deeper than ${MAX_DEPTH} levels`);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new VggError('weights', `${source} is not a valid safetensors file: its header is not JSON`, { cause });
  }
  const duplicate = repeatedKey(text);
  if (duplicate !== undefined) throw corrupt(source, `its header has ${quote(duplicate)} twice`);
  return header as Record<string, unknown>;
}

function parseMetadata(value: unknown, source: string): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null);
  if (value === undefined) return metadata;
  if (!isObject(value)) throw corrupt(source, `its metadata must be an object, got ${quote(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw corrupt(source, `metadata ${quote(key)} must be a string, got ${quote(text)}`);
    metadata[key] = text;
  }
  return metadata;
}

function parseEntry(name: string, value: unknown, source: string): TensorEntry {
  const what = `tensor ${quote(name)}`;
  if (!isObject(value)) throw corrupt(source, `${what} must be an object, got ${quote(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    const hint = typeof dtype === 'string' ? didYouMean(dtype.slice(0, 32), Object.keys(DTYPE_BYTES)) : '';
    throw corrupt(source, `${what} has the unknown dtype ${quote(dtype)}${hint}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw corrupt(source, `${what} must have a shape of non-negative integers, got ${quote(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw corrupt(source, `${what} must have two non-negative integers as data_offsets, got ${quote(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = sizeOf(shape) * DTYPE_BYTES[dtype as Dtype];
  if (end - begin !== bytes) {
    throw corrupt(
      source,
      `${what}, ${dtype} of shape ${quote(shape)}, needs ${bytes} bytes, its offsets hold ${end - begin}`,
    );
  }
  return { dtype: dtype as Dtype, shape, begin, end };
}

/** Checks that the tensors cover the data exactly once, without gaps or overlaps. */
function checkCover(tensors: ReadonlyMap<string, TensorEntry>, dataBytes: number, source: string): void {
  let position = 0;
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of inOrder) {
    if (end > dataBytes) throw corrupt(source, `tensor ${quote(name)} ends at byte ${end} of ${dataBytes}: cut short?`);
    if (begin < position) throw corrupt(source, `tensor ${quote(name)} overlaps the one before it`);
    if (begin > position)
      throw corrupt(source, `${begin - position} bytes before tensor ${quote(name)} belong to none`);
    position = end;
  }
  if (position !== dataBytes) throw corrupt(source, `the last ${dataBytes - position} bytes belong to no tensor`);
}

/**
 * Reads a header's JSON and checks it against the size of the file.
 * @param json the header without its 8 bytes of length.
 * @param fileBytes size of the whole file.
 * @param source name of the file in errors.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, for anything but a valid header.
 */
export function parseHeader(json: Uint8Array, fileBytes: number, source: string): SafetensorsHeader {
  const dataStart = PREFIX_BYTES + json.length;
  const header = parseJson(json, source);
  const metadata = parseMetadata(Object.hasOwn(header, METADATA_KEY) ? header[METADATA_KEY] : undefined, source);
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name !== METADATA_KEY) tensors.set(name, parseEntry(name, value, source));
  }
  checkCover(tensors, fileBytes - dataStart, source);
  return { tensors, metadata, dataStart };
}

/**
 * Arranges tensors in a file: those with wider elements first, otherwise in their own order, so that each starts at a
 * multiple of its element's size (the header is padded with spaces to a multiple of 8 bytes).
 * @returns the first bytes of the file, and the names of the tensors in the order in which their bytes must follow.
 * @throws VggError `VGG_WEIGHTS` for the name `__metadata__` or an unsafe shape.
 */
export function layOut(
  tensors: ReadonlyMap<string, { readonly dtype: Dtype; readonly shape: readonly number[] }>,
  metadata: Readonly<Record<string, string>>,
): { head: Uint8Array; order: string[] } {
  const order = [...tensors.keys()].sort(
    (a, b) => DTYPE_BYTES[tensors.get(b)!.dtype] - DTYPE_BYTES[tensors.get(a)!.dtype],
  );
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [[METADATA_KEY, metadata]] : [];
  let begin = 0;
  for (const name of order) {
    const { dtype, shape } = tensors.get(name)!;
    if (name === METADATA_KEY) throw new VggError('weights', `a tensor cannot be named ${METADATA_KEY}`);
    const end = begin + sizeOf(shape) * DTYPE_BYTES[dtype];
    if (!shape.every(isSize) || !isSize(end)) {
      throw new VggError('weights', `tensor ${quote(name)} has the impossible shape [${shape}]`);
    }
    entries.push([name, { dtype, shape, data_offsets: [begin, end] }]);
    begin = end;
  }
  const text = `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const json = new TextEncoder().encode(text);
  const head = new Uint8Array(PREFIX_BYTES + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - PREFIX_BYTES), true);
  head.set(json, PREFIX_BYTES);
  return { head, order };
}
