/** Recognition of a file's format by its content, never by its name. The reader of a format is loaded when it is needed. */
import { misplaced, VggError } from '@vgg/core';
import type { Hdf5Loader } from './keras/hdf5';
import type { ByteSource } from './sources/bytes';
import type { JsonObject } from './sources/json';
import type { WeightSource } from './sources/source';
import type { Zip } from './sources/zip';

/** Format that is recognised by the first bytes of a file. */
interface Format {
  /** Name of the format in errors. */
  readonly title: string;
  /** Returns true if a file that begins with `head`, its first 64 bytes or fewer, has this format. */
  matches(head: Uint8Array): boolean;
  open(bytes: ByteSource, hdf5?: Hdf5Loader): Promise<WeightSource>;
}

/** Format of a JSON file with other files in the same folder, recognised by the keys of the JSON. */
interface JsonFormat {
  readonly title: string;
  matches(json: JsonObject): boolean;
  open(bytes: ByteSource, json: JsonObject): Promise<WeightSource>;
}

/** Format of zip archives, recognised by the names of their members. */
interface ZipFormat {
  readonly title: string;
  matches(zip: Zip): boolean;
  open(bytes: ByteSource, zip: Zip, hdf5?: Hdf5Loader): Promise<WeightSource>;
}

const HEAD_BYTES = 64;

function startsWith(head: Uint8Array, ...start: number[]): boolean {
  return start.every((byte, i) => head[i] === byte);
}

function hasMember(zip: Zip, ending: string): boolean {
  return [...zip.keys()].some((name) => name.endsWith(ending));
}

const ZIP_FORMATS: readonly ZipFormat[] = [
  {
    title: 'PyTorch (.pth, .pt)',
    matches: (zip) => hasMember(zip, '/data.pkl'),
    open: async (bytes, zip) => (await import('./pytorch/zip-format')).readPytorchZip(bytes, zip),
  },
  {
    title: 'NumPy (.npz)',
    matches: (zip) => hasMember(zip, '.npy'),
    open: async (bytes, zip) => (await import('./npz')).readNpz(bytes, zip),
  },
  {
    title: 'Keras (.keras)',
    matches: (zip) => zip.has('model.weights.h5'),
    open: async (bytes, zip, hdf5) => (await import('./keras/reader')).readKeras(bytes, zip, hdf5),
  },
];

const JSON_FORMATS: readonly JsonFormat[] = [
  {
    title: 'safetensors index (.safetensors.index.json)',
    matches: (json) => 'weight_map' in json,
    open: async (bytes, json) => (await import('./safetensors/sharded')).readSharded(bytes, json),
  },
  {
    title: 'TF.js (model.json)',
    matches: (json) => 'weightsManifest' in json,
    open: async (bytes, json) => (await import('./tfjs/reader')).readTfjs(bytes, json),
  },
];

async function openJson(bytes: ByteSource): Promise<WeightSource> {
  const json = await (await import('./sources/json')).readJson(bytes);
  const format = JSON_FORMATS.find(({ matches }) => matches(json));
  if (format !== undefined) return format.open(bytes, json);
  const titles = JSON_FORMATS.map(({ title }) => title).join(', ');
  throw new VggError('weights', `${bytes.name} is JSON, but of no known kind: expected ${titles}`);
}

async function openArchive(bytes: ByteSource, hdf5?: Hdf5Loader): Promise<WeightSource> {
  const zip = await (await import('./sources/zip')).openZip(bytes);
  const format = ZIP_FORMATS.find(({ matches }) => matches(zip));
  if (format !== undefined) return format.open(bytes, zip, hdf5);
  const titles = ZIP_FORMATS.map(({ title }) => title).join(', ');
  throw new VggError('weights', `${bytes.name} is a zip archive, but of no known kind: expected ${titles}`);
}

/** First bytes of the fields of ONNX's ModelProto. */
const MODEL_TAGS: readonly number[] = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72];

/** Formats in the order in which they are tried. Errors list the formats inside the first two instead of these. */
const FORMATS: readonly Format[] = [
  { title: 'zip', matches: (head) => startsWith(head, 0x50, 0x4b), open: openArchive },
  {
    title: 'JSON',
    matches: (head) => !head.includes(0) && /^[\s\ufeff]*\{/.test(new TextDecoder().decode(head)),
    open: openJson,
  },
  {
    title: 'PyTorch before 1.6',
    // The protocol of a pickle, then the magic number.
    matches: (head) => head[0] === 0x80 && startsWith(head.subarray(2), 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20),
    open: async (bytes) => (await import('./pytorch/legacy-format')).readPytorchLegacy(bytes),
  },
  {
    title: 'safetensors',
    // The header's length, then the `{` of its JSON.
    matches: (head) => head[8] === 0x7b,
    open: async (bytes) => (await import('./safetensors/reader')).readSafetensors(bytes),
  },
  {
    title: 'Keras (.h5)',
    // The signature of HDF5.
    matches: (head) => startsWith(head, 0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a),
    open: async (bytes, hdf5) => (await import('./keras/reader')).readKerasH5(bytes, hdf5),
  },
  {
    title: 'ONNX (.onnx)',
    // A ModelProto begins with its version, below 128, then another field of it: texts, the graph, ...
    matches: (head) => head[0] === 0x08 && head[1]! < 0x80 && MODEL_TAGS.includes(head[2]!),
    open: async (bytes) => (await import('./onnx/reader')).readOnnx(bytes),
  },
  {
    title: 'Caffe (.caffemodel)',
    // A NetParameter begins with its name or a layer of either kind. Caffe has no magic number, so it comes last.
    matches: (head) => head[0] === 0x0a || head[0] === 0x12 || startsWith(head, 0xa2, 0x06),
    open: async (bytes) => (await import('./caffe/reader')).readCaffe(bytes),
  },
];

/**
 * Opens a file of weights of any format that this package reads. Closing the result closes `bytes`; when this function
 * throws, it closes `bytes` itself.
 * @param hdf5 loader of the package h5wasm. Default `import('h5wasm')`.
 * @throws VggError `VGG_WEIGHTS` when the format is not known or the file is damaged; `VGG_IO` when the system refuses.
 */
export async function openWeights(bytes: ByteSource, hdf5?: Hdf5Loader): Promise<WeightSource> {
  try {
    const head = await bytes.read(0, Math.min(HEAD_BYTES, bytes.size));
    const format = FORMATS.find(({ matches }) => matches(head));
    if (format !== undefined) return await format.open(bytes, hdf5);
    const reason = misplaced(head);
    if (reason !== undefined) throw new VggError('weights', `${bytes.name} holds no weights: ${reason}`);
    const got = bytes.size === 0 ? ', got an empty file: is it complete?' : '';
    const titles = [...ZIP_FORMATS, ...JSON_FORMATS, ...FORMATS.slice(2)].map(({ title }) => title);
    throw new VggError('weights', `${bytes.name} is of no known format: expected ${titles.join(', ')}${got}`);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}
