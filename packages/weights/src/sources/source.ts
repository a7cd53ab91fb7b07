/**
 * Files of named tensors, whatever their format. Names, types and shapes are known when the file is open; values are read
 * when they are requested. The reader of a format provides {@link StoredTensor}s; {@link weightSource} does the rest.
 */
import { didYouMean, sizeOf, VggError } from '@vgg/core';
import { DTYPE_BYTES, type Dtype, type TensorData } from '../safetensors/dtypes';
import type { WeightGraph } from './graph';

/** Properties of a tensor that are known before it is read. */
export interface TensorInfo {
  readonly dtype: Dtype;
  /** Shape; the elements are in row-major order. */
  readonly shape: readonly number[];
  /** Number that is added to the variance of a batch norm; undefined if the file does not have it. */
  readonly varianceEpsilon?: number | undefined;
}

/** Range of a tensor's first axis: from `begin` up to, but not including, `end`. */
export interface Rows {
  readonly begin: number;
  readonly end: number;
}

/** Tensor in a file. */
export interface StoredTensor extends TensorInfo {
  /** Reads the bytes of some rows, little-endian and row-major. A scalar has one row, `{ begin: 0, end: 1 }`. */
  read(rows: Rows): Promise<Uint8Array>;
  /** Fills `out` with the same bytes. Several calls may run at once. Absent if the file cannot do so. */
  readInto?: ((rows: Rows, out: Uint8Array) => Promise<void>) | undefined;
}

/** Open file of tensors. The caller closes it. */
export interface WeightSource {
  /** Name of the file in errors. */
  readonly name: string;
  /** Name of the format: `safetensors`, `pytorch`, ... */
  readonly format: string;
  /** Tensors by their names in the file, in the file's order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Metadata of the file: text by key. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Graph of the net, if the format has one and its readers use it: ONNX. */
  readonly graph?: WeightGraph | undefined;
  /**
   * Reads a tensor, or only some rows of it. If the format allows it, no other rows are read from the file.
   * @throws VggError `VGG_WEIGHTS` for a name that the file lacks, rows that the tensor lacks, or a damaged file; `VGG_IO`.
   */
  read(name: string, rows?: Rows): Promise<TensorData>;
  /**
   * Fills `out` with the bytes of some rows of a tensor. Several calls may run at once. Returns undefined, or is absent, if that
   * tensor can only be read by `read`.
   * @throws VggError as `read`.
   */
  readInto?(name: string, rows: Rows, out: Uint8Array): Promise<void> | undefined;
  close(): Promise<void>;
}

/** Content of a file as the reader of its format finds it. */
export interface Contents {
  readonly name: string;
  readonly format: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly graph?: WeightGraph | undefined;
  close(): Promise<void>;
}

/** Returns the number of rows of a tensor: the length of its first axis; 1 for a scalar. */
export function rowCount(shape: readonly number[]): number {
  return shape[0] ?? 1;
}

/** Returns the place of some rows in the bytes of a contiguous tensor. */
export function rowRange({ dtype, shape }: TensorInfo, { begin, end }: Rows): { begin: number; length: number } {
  const row = sizeOf(shape.slice(1)) * DTYPE_BYTES[dtype];
  return { begin: begin * row, length: (end - begin) * row };
}

/** Returns an open file with the content that a reader has found in it. */
export function weightSource({ name, format, tensors, metadata = {}, graph, close }: Contents): WeightSource {
  return {
    name,
    format,
    tensors,
    metadata,
    graph,
    async read(tensorName, rows) {
      const tensor = tensors.get(tensorName);
      if (tensor === undefined) {
        throw new VggError('weights', `${name} has no tensor ${tensorName}${didYouMean(tensorName, tensors.keys())}`);
      }
      const { dtype, shape } = tensor;
      const all = rowCount(shape);
      const { begin, end } = rows ?? { begin: 0, end: all };
      if (!(Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end && end <= all)) {
        throw new VggError('weights', `${name}: ${tensorName} has rows 0 to ${all}, got ${begin} to ${end}`);
      }
      const bytes = await tensor.read({ begin, end });
      const { length } = rowRange(tensor, { begin, end });
      if (bytes.length !== length) {
        throw new VggError('weights', `${name}: ${tensorName} needs ${length} bytes, got ${bytes.length}`);
      }
      return { dtype, shape: rows === undefined ? shape : [end - begin, ...shape.slice(1)], bytes };
    },
    readInto: (tensorName, rows, out) => tensors.get(tensorName)?.readInto?.(rows, out),
    close,
  };
}
