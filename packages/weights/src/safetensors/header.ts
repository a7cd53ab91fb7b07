/**
 * The header of a safetensors file: 8 bytes, its length as a little-endian integer; then that many bytes of JSON, which
 * name each tensor's type, shape and place in the data that follows. https://github.com/huggingface/safetensors
 */
import { didYouMean, sizeOf, VggError } from '@vgg/core';
import { DTYPE_BYTES, type Dtype } from './dtypes';
import { jsonDepth, repeatedKey } from './json';

/** The bytes before the JSON. */
export const PREFIX_BYTES = 8;
/** The reference implementation's limit on the JSON's length. */
const MAX_HEADER_BYTES = 100_000_000;
/** The header's object, a tensor's, its shape: nothing nests deeper. */
const MAX_DEPTH = 3;
const METADATA_KEY = '__metadata__';

/** Where and what a tensor is. `begin` and `end` count bytes from the start of the data, after the header. */
export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** By name, in the header's order. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data starts in the file. */
  readonly dataStart: number;
}

function corrupt(source: string, what: string): VggError {
  return new VggError('weights', `${source} is not a sound safetensors file: ${what}`, { details: { source } });
}

/** A hostile string in one short line. */
function quoted(text: unknown): string {
  const json = JSON.stringify(text) ?? String(text);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

/**
 * The JSON's length, from the first 8 bytes of a file of `fileBytes` bytes.
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
    throw new VggError('weights', `${source} is not a sound safetensors file: its header is not UTF-8`, { cause });
  }
  if (!text.startsWith('{')) throw corrupt(source, `its header must start with {, got ${quoted(text.slice(0, 8))}`);
  if (jsonDepth(text, MAX_DEPTH) > MAX_DEPTH) throw corrupt(source, `its header nests deeper than ${MAX_DEPTH} levels`);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new VggError('weights', `${source} is not a sound safetensors file: its header is not JSON`, { cause });
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw corrupt(source, `its header has ${quoted(repeated)} twice`);
  return header as Record<string, unknown>;
}

function parseMetadata(value: unknown, source: string): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null);
  if (value === undefined) return metadata;
  if (!isObject(value)) throw corrupt(source, `its metadata must be an object, got ${quoted(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw corrupt(source, `metadata ${quoted(key)} must be a string, got ${quoted(text)}`);
    metadata[key] = text;
  }
  return metadata;
}

function parseEntry(name: string, value: unknown, source: string): TensorEntry {
  const what = `tensor ${quoted(name)}`;
  if (!isObject(value)) throw corrupt(source, `${what} must be an object, got ${quoted(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    const hint = typeof dtype === 'string' ? didYouMean(dtype.slice(0, 32), Object.keys(DTYPE_BYTES)) : '';
    throw corrupt(source, `${what} has the unknown dtype ${quoted(dtype)}${hint}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw corrupt(source, `${what} must have a shape of non-negative integers, got ${quoted(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw corrupt(source, `${what} must have two non-negative integers as data_offsets, got ${quoted(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = sizeOf(shape) * DTYPE_BYTES[dtype as Dtype];
  if (end - begin !== bytes) {
    throw corrupt(
      source,
      `${what}, ${dtype} of shape ${quoted(shape)}, needs ${bytes} bytes, its offsets hold ${end - begin}`,
    );
  }
  return { dtype: dtype as Dtype, shape, begin, end };
}

/** The tensors must cover the data once, without gaps, overlaps or a rest. */
function checkCover(tensors: ReadonlyMap<string, TensorEntry>, dataBytes: number, source: string): void {
  let covered = 0;
  const inPlace = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of inPlace) {
    if (end > dataBytes)
      throw corrupt(source, `tensor ${quoted(name)} ends at byte ${end} of ${dataBytes}: cut short?`);
    if (begin < covered) throw corrupt(source, `tensor ${quoted(name)} overlaps the one before it`);
    if (begin > covered) throw corrupt(source, `${begin - covered} bytes before tensor ${quoted(name)} belong to none`);
    covered = end;
  }
  if (covered !== dataBytes) throw corrupt(source, `the last ${dataBytes - covered} bytes belong to no tensor`);
}

/**
 * Reads a header's JSON and checks it against the size of the file.
 * @param json the header without its 8 bytes of length.
 * @param fileBytes the whole file's size.
 * @param source what to call the file in errors.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, for anything but a sound header.
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
 * Lays tensors out in a file: wider elements first, otherwise in the order given, so that each starts at a multiple of
 * its element's size (the header is padded with spaces to a multiple of 8 bytes).
 * @returns the file's first bytes, and the names in the order in which their bytes must follow.
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
      throw new VggError('weights', `tensor ${quoted(name)} has the impossible shape [${shape}]`);
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
