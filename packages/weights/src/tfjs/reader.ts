/**
 * Reader of TF.js's `model.json` with its shards, of layers models and graph models, with or without quantised weights.
 * https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
 */
import { sizeOf, VggError } from '@vgg/core';
import { GRAPH_CONSTANTS } from '../export/preprocess';
import { modelOfTopology, withEpsilons } from '../keras/epsilons';
import { DTYPE_BYTES, type Dtype } from '../safetensors/dtypes';
import type { ByteSource } from '../sources/bytes';
import { isJsonObject, type JsonObject } from '../sources/json';
import { type Rows, rowRange, type StoredTensor, type WeightSource, weightSource } from '../sources/source';

/** Types by their names in the manifest; `bool` is a byte. */
const DTYPES: ReadonlyMap<unknown, Dtype> = new Map([
  ['float32', 'F32'],
  ['int32', 'I32'],
  ['bool', 'BOOL'],
  ['float16', 'F16'],
]);
const QUANTISED: ReadonlyMap<unknown, Dtype> = new Map([
  ['uint8', 'U8'],
  ['uint16', 'U16'],
  ['float16', 'F16'],
]);
/** Largest number of shards: the converter's are 4 MiB of at most 2 GiB. */
const MAX_SHARDS = 4096;
const MAX_RANK = 16;

/** Weight in the bytes of its group. */
interface Stored {
  readonly name: string;
  /** Type in the file. */
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Parameters of a quantised weight: the values are the stored numbers · scale + min. */
  readonly linear: { readonly scale: number; readonly min: number } | undefined;
}

type Fail = (what: string) => VggError;

function parseWeight(entry: unknown, fail: Fail): Stored {
  if (!isJsonObject(entry) || typeof entry.name !== 'string') throw fail('a weight without a name');
  const { name, shape, dtype, quantization } = entry;
  const label = JSON.stringify(name.slice(0, 80));
  if (
    !Array.isArray(shape) ||
    shape.length > MAX_RANK ||
    !shape.every((side) => Number.isSafeInteger(side) && side >= 0)
  ) {
    throw fail(`${label} has no shape of non-negative integers`);
  }
  const known = DTYPES.get(dtype);
  if (known === undefined) throw fail(`${label} is of type ${String(dtype).slice(0, 20)}, expected float32`);
  if (quantization === undefined) return { name, shape, dtype: known, linear: undefined };
  const kind = isJsonObject(quantization) ? QUANTISED.get(quantization.dtype) : undefined;
  if (kind === undefined || known !== 'F32') throw fail(`${label} is quantised in an unknown way`);
  if (kind === 'F16') return { name, shape, dtype: kind, linear: undefined };
  const { scale, min } = quantization as JsonObject;
  if (!Number.isFinite(scale) || !Number.isFinite(min)) throw fail(`${label} has no scale and min`);
  return { name, shape, dtype: kind, linear: { scale: scale as number, min: min as number } };
}

/** Bytes of consecutive shards. */
interface Run {
  readonly size: number;
  read(begin: number, length: number): Promise<Uint8Array>;
}

function concatenate(shards: readonly ByteSource[]): Run {
  const size = shards.reduce((sum, shard) => sum + shard.size, 0);
  return {
    size,
    async read(begin, length) {
      const out = new Uint8Array(length);
      let start = 0;
      for (const shard of shards) {
        const from = Math.max(begin, start);
        const to = Math.min(begin + length, start + shard.size);
        if (from < to) out.set(await shard.read(from - start, to - from), from - begin);
        start += shard.size;
      }
      return out;
    },
  };
}

function dequantise(bytes: Uint8Array, dtype: Dtype, { scale, min }: NonNullable<Stored['linear']>): Uint8Array {
  const stored = dtype === 'U8' ? bytes : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const values = new Float32Array(stored.length);
  for (let i = 0; i < values.length; i++) values[i] = stored[i]! * scale + min;
  return new Uint8Array(values.buffer);
}

function storedTensor({ dtype, shape, linear }: Stored, run: Run, offset: number): StoredTensor {
  const read = (rows: Rows) => {
    const { begin, length } = rowRange({ dtype, shape }, rows);
    return run.read(offset + begin, length);
  };
  if (linear === undefined) return { dtype, shape, read };
  return { dtype: 'F32', shape, read: async (rows) => dequantise(await read(rows), dtype, linear) };
}

/** Returns the text values in the metadata of a model. */
function metadataOf({ userDefinedMetadata }: JsonObject): Record<string, string> {
  const entries = isJsonObject(userDefinedMetadata) ? Object.entries(userDefinedMetadata) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/**
 * Opens a TF.js model by its `model.json`; the shards are in the same folder.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, for a manifest that is not valid or shards whose size does not
 *   fit it; `VGG_IO` for a shard that is missing.
 */
export async function readTfjs(bytes: ByteSource, json: JsonObject): Promise<WeightSource> {
  const fail: Fail = (what) => new VggError('weights', `${bytes.name} is not a valid TF.js model: ${what}`);
  const groups = json.weightsManifest;
  if (!Array.isArray(groups)) throw fail('its weightsManifest is not a list');
  const files: ByteSource[] = [];
  const close = async () => {
    for (const shard of files) await shard.close();
  };
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const group of groups) {
      if (!isJsonObject(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights)) {
        throw fail('a group without paths and weights');
      }
      const shards: ByteSource[] = [];
      for (const path of group.paths) {
        if (typeof path !== 'string') throw fail('a path that is not text');
        if (files.length === MAX_SHARDS) throw fail(`more than ${MAX_SHARDS} shards`);
        shards.push(await bytes.openSibling(path));
        files.push(shards.at(-1)!);
      }
      const run = concatenate(shards);
      let offset = 0;
      for (const entry of group.weights) {
        const stored = parseWeight(entry, fail);
        if (tensors.has(stored.name)) throw fail(`it has ${JSON.stringify(stored.name.slice(0, 80))} twice`);
        if (!GRAPH_CONSTANTS.has(stored.name)) tensors.set(stored.name, storedTensor(stored, run, offset));
        offset += sizeOf(stored.shape) * DTYPE_BYTES[stored.dtype];
      }
      if (offset !== run.size) throw fail(`its weights need ${offset} bytes, its shards have ${run.size}: cut short?`);
    }
    return weightSource({
      name: bytes.name,
      format: 'tfjs',
      tensors: withEpsilons(tensors, modelOfTopology(json), bytes.name),
      metadata: metadataOf(json),
      close: async () => {
        await close();
        await bytes.close();
      },
    });
  } catch (error) {
    await close();
    throw error;
  }
}
