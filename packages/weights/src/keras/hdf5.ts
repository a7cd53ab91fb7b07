/**
 * Reader of HDF5, the format of Keras's weights, with h5wasm: the HDF Group's library in WebAssembly, which can access only
 * the file passed to it (docs/decisions/0091). It is an optional package that the user installs.
 */
import { sizeOf, VggError } from '@vgg/core';
import type { Dataset, File, Group } from 'h5wasm';
import type { Dtype } from '../safetensors/dtypes';
import { type Rows, rowCount, type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import { withStack } from './hdf5-stack';

type H5wasm = typeof import('h5wasm');
/** Loader of h5wasm. Its type does not name that package, which a user of ours may not have. */
export type Hdf5Loader = () => Promise<{ readonly ready: Promise<object> }>;
type H5Module = Awaited<H5wasm['ready']>;

/** Largest depth of groups; Keras uses five levels. */
const MAX_DEPTH = 12;
/** Largest number of objects: groups may contain one another, so that a small file can have endless paths. */
const MAX_OBJECTS = 20_000;
const MAX_RANK = 16;
/** Largest compression ratio: slightly more than that of deflate. */
const MAX_RATIO = 1100;
const MAX_BYTES = 2 ** 31;

const FLOATS: Readonly<Record<number, Dtype>> = { 2: 'F16', 4: 'F32', 8: 'F64' };
const SIGNED: Readonly<Record<number, Dtype>> = { 1: 'I8', 2: 'I16', 4: 'I32', 8: 'I64' };
const UNSIGNED: Readonly<Record<number, Dtype>> = { 1: 'U8', 2: 'U16', 4: 'U32', 8: 'U64' };

/** HDF5 file in memory. */
export interface Hdf5File {
  readonly name: string;
  readonly content: Uint8Array;
  /** Format of the resulting source. */
  readonly format: string;
  close(): Promise<void>;
}

/** Number of files opened so far. */
let count = 0;
/** True if the library has aborted. It can then read nothing more and cannot be loaded again. */
let broken = false;

/**
 * Hides HDF5's messages about a damaged file from the terminal. The alternative, an error handler that throws, leaves the
 * library in the middle of its functions: after about a thousand damaged files its memory was damaged.
 */
function silence({ FS }: H5Module): void {
  const stderr = (FS as unknown as { streams: ({ tty?: { ops: { put_char(): void; fsync(): void } } } | null)[] })
    .streams[2];
  if (stderr?.tty !== undefined) stderr.tty.ops = { ...stderr.tty.ops, put_char: () => {}, fsync: () => {} };
}

// An optional package: webpack would warn in every project that does not have it.
const importHdf5: Hdf5Loader = () => import(/* webpackIgnore: true */ 'h5wasm');

async function load(source: string, loader: Hdf5Loader): Promise<{ h5: H5wasm; module: H5Module }> {
  let h5: H5wasm;
  try {
    h5 = (await loader()) as H5wasm;
  } catch (cause) {
    const steps = "npm i h5wasm, and in a page bundled by webpack or Next.js pass { hdf5: () => import('h5wasm') }";
    throw new VggError('argument', `reading ${source}, an HDF5 file, needs the package h5wasm: ${steps}`, { cause });
  }
  const module = await h5.ready;
  if (broken) {
    const what = "HDF5's library failed at a damaged file before: start the program again";
    throw new VggError('weights', `${source} cannot be read: ${what}`);
  }
  silence(module);
  return { h5, module };
}

/** Returns the message of an HDF5 error as one line. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replace(/\s+/g, ' ').trim().slice(0, 160) || 'HDF5 cannot read it';
}

class Reader {
  readonly #module: H5Module;
  readonly #file: Hdf5File;
  readonly #tensors = new Map<string, StoredTensor>();
  #objects = 0;

  constructor(module: H5Module, file: Hdf5File) {
    this.#module = module;
    this.#file = file;
  }

  corrupt(what: string, cause?: unknown): VggError {
    return new VggError('weights', `${this.#file.name} is not a valid HDF5 file: ${what}`, { cause });
  }

  /** Runs `work`, and converts errors of HDF5 to one line that names the file. */
  guard<T>(work: () => T): T {
    try {
      return withStack(this.#module, work);
    } catch (cause) {
      broken ||= cause instanceof WebAssembly.RuntimeError;
      throw cause instanceof VggError ? cause : this.corrupt(reasonOf(cause), cause);
    }
  }

  /** Returns all arrays of numbers by their paths; text, broken links and links to other files are ignored. */
  tensors(root: Group): ReadonlyMap<string, StoredTensor> {
    this.guard(() => this.#walk(root, '', 0));
    return this.#tensors;
  }

  #walk(group: Group, path: string, depth: number): void {
    if (depth > MAX_DEPTH) throw this.corrupt(`its groups nest deeper than ${MAX_DEPTH}`);
    for (const key of group.keys()) {
      this.#objects += 1;
      if (this.#objects > MAX_OBJECTS) throw this.corrupt(`it has more than ${MAX_OBJECTS} objects`);
      const object = group.get(key);
      const name = `${path}${key}`;
      if (object === null) continue;
      if ('keys' in object) this.#walk(object as Group, `${name}/`, depth + 1);
      else if ('slice' in object) this.#add(name, object as Dataset);
    }
  }

  #add(name: string, dataset: Dataset): void {
    const { type, size, littleEndian, signed, shape, vlen } = dataset.metadata;
    const { H5T_FLOAT, H5T_INTEGER } = this.#module.H5T_class_t;
    const kinds = type === H5T_FLOAT.value ? FLOATS : type !== H5T_INTEGER.value ? {} : signed ? SIGNED : UNSIGNED;
    const dtype = kinds[size];
    if (dtype === undefined || vlen || shape === null) return;
    const label = JSON.stringify(name.slice(0, 80));
    if (!littleEndian && size > 1) throw this.corrupt(`${label} has big-endian numbers`);
    if (shape.length > MAX_RANK) throw this.corrupt(`${label} has ${shape.length} axes`);
    const bytes = sizeOf(shape) * size;
    if (!(bytes < MAX_BYTES) || bytes > this.#file.content.length * MAX_RATIO) {
      throw this.corrupt(`${label} of shape [${shape}] claims ${bytes} bytes`);
    }
    this.#tensors.set(name, { dtype, shape, read: async (rows) => this.guard(() => this.#read(dataset, rows)) });
  }

  /** Reads the bytes of rows directly from HDF5: the functions of h5wasm do not support 16-bit floats and make copies. */
  #read(dataset: Dataset, { begin, end }: Rows): Uint8Array {
    const { shape, size } = dataset.metadata as { shape: number[]; size: number };
    const bytes = sizeOf([end - begin, ...shape.slice(1)]) * size;
    if (bytes === 0) return new Uint8Array(0);
    const whole = end - begin === rowCount(shape);
    const counts = whole ? null : [end - begin, ...shape.slice(1)].map(BigInt);
    const offsets = whole ? null : shape.map((_, axis) => BigInt(axis === 0 ? begin : 0));
    const strides = whole ? null : shape.map(() => 1n);
    const module = this.#module;
    const at = module._malloc(bytes);
    if (at === 0) throw this.corrupt(`no memory for ${bytes} bytes`);
    try {
      module.HEAPU8.fill(0, at, at + bytes);
      const status = module.get_dataset_data(dataset.file_id, dataset.path, counts, offsets, strides, BigInt(at));
      if (status < 0) throw this.corrupt(`${JSON.stringify(dataset.path.slice(0, 80))} cannot be read`);
      return module.HEAPU8.slice(at, at + bytes);
    } finally {
      module._free(at);
    }
  }
}

/**
 * Opens an HDF5 file. The name of a tensor is its path: `model_weights/block1_conv1/block1_conv1/kernel:0`.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged or hostile; `VGG_ARGUMENT` when the
 *   package h5wasm cannot be loaded.
 */
export async function readHdf5(file: Hdf5File, loader = importHdf5): Promise<WeightSource> {
  const { h5, module } = await load(file.name, loader);
  const reader = new Reader(module, file);
  const path = `/weights-${count++}.h5`;
  // With `canOwn` the library uses this memory instead of a copy: the file of a net has 550 MB.
  module.FS.writeFile(path, file.content, { canOwn: true } as object);
  let h5File: File | undefined;
  const release = () => {
    try {
      withStack(module, () => h5File?.close());
    } catch {
      // Closing a damaged file may fail; removing it frees its memory.
    }
    if (module.FS.analyzePath(path).exists) module.FS.unlink(path);
  };
  try {
    h5File = reader.guard(() => new h5.File(path, 'r'));
    const tensors = reader.tensors(h5File);
    const close = async () => {
      release();
      await file.close();
    };
    return weightSource({ name: file.name, format: file.format, tensors, close });
  } catch (error) {
    release();
    throw error;
  }
}
