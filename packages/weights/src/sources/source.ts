/**
 * A file of named tensors, whatever its format: the names, types and shapes are known once it is open, the numbers are read
 * when asked for. A reader of a format gives {@link StoredTensor}s; {@link weightSource} makes the rest of them.
 */
import { didYouMean, sizeOf, VggError } from '@vgg/core';
import { DTYPE_BYTES, type Dtype, type TensorData } from '../safetensors/dtypes';

/** What is known of a tensor before it is read. */
export interface TensorInfo {
  readonly dtype: Dtype;
  /** Row-major. */
  readonly shape: readonly number[];
  /** Of a batch norm's variance: what is added to it, where the file says so. */
  readonly varianceEpsilon?: number;
}

/** A range of a tensor's first axis: from `begin` up to, not including, `end`. */
export interface Rows {
  readonly begin: number;
  readonly end: number;
}

/** A tensor in a file. */
export interface StoredTensor extends TensorInfo {
  /** The little-endian bytes of the rows, row-major. All rows of a scalar are `{ begin: 0, end: 1 }`. */
  read(rows: Rows): Promise<Uint8Array>;
}

/** An open file of tensors. Close it when done. */
export interface WeightSource {
  /** What errors call it. */
  readonly name: string;
  /** The format's name: `safetensors`, `pytorch`, ... */
  readonly format: string;
  /** By the file's own names, in the file's order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The file's free text. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * A tensor, or only some rows of it: what is not asked for is not read where the format allows.
   * @throws VggError `VGG_WEIGHTS` for a name that the file lacks, rows that the tensor lacks, or a damaged file; `VGG_IO`.
   */
  read(name: string, rows?: Rows): Promise<TensorData>;
  close(): Promise<void>;
}

/** What a reader of a format gives. */
export interface Contents {
  readonly name: string;
  readonly format: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata?: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** How many rows a tensor has: the length of its first axis; 1 for a scalar. */
export function rowCount(shape: readonly number[]): number {
  return shape[0] ?? 1;
}

/** The bytes of some rows of a tensor that lies contiguously, from its start. */
export function rowRange({ dtype, shape }: TensorInfo, { begin, end }: Rows): { begin: number; length: number } {
  const row = sizeOf(shape.slice(1)) * DTYPE_BYTES[dtype];
  return { begin: begin * row, length: (end - begin) * row };
}

/** An open file from what a reader found in it. */
export function weightSource({ name, format, tensors, metadata = {}, close }: Contents): WeightSource {
  return {
    name,
    format,
    tensors,
    metadata,
    async read(tensorName, rows) {
      const stored = tensors.get(tensorName);
      if (stored === undefined) {
        throw new VggError('weights', `${name} has no tensor ${tensorName}${didYouMean(tensorName, tensors.keys())}`);
      }
      const { dtype, shape } = stored;
      const all = rowCount(shape);
      const { begin, end } = rows ?? { begin: 0, end: all };
      if (!(Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end && end <= all)) {
        throw new VggError('weights', `${name}: ${tensorName} has rows 0 to ${all}, got ${begin} to ${end}`);
      }
      const bytes = await stored.read({ begin, end });
      const { length } = rowRange(stored, { begin, end });
      if (bytes.length !== length) {
        throw new VggError('weights', `${name}: ${tensorName} needs ${length} bytes, got ${bytes.length}`);
      }
      return { dtype, shape: rows === undefined ? shape : [end - begin, ...shape.slice(1)], bytes };
    },
    close,
  };
}
