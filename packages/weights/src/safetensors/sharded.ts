/**
 * Reader of safetensors in several files: the `weight_map` of `model.safetensors.index.json` has the file of each tensor, in
 * the same folder. https://huggingface.co/docs/transformers/big_models
 */
import { VggError } from '@vgg/core';
import type { ByteSource } from '../sources/bytes';
import { isJsonObject, type JsonObject } from '../sources/json';
import { type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import { storedTensors } from './reader';

const MAX_SHARDS = 1000;

function corrupt(name: string, what: string): VggError {
  return new VggError('weights', `${name} is not a valid index of safetensors files: ${what}`);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

/** Returns the names of the tensors of each shard. */
function tensorsByShard(name: string, map: unknown): Map<string, string[]> {
  if (!isJsonObject(map)) throw corrupt(name, 'its weight_map must be an object');
  const shards = new Map<string, string[]>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string') throw corrupt(name, `the file of ${quote(tensor)} must be a name`);
    const names = shards.get(shard);
    if (names === undefined) shards.set(shard, [tensor]);
    else names.push(tensor);
  }
  if (shards.size > MAX_SHARDS) throw corrupt(name, `it names ${shards.size} files, more than ${MAX_SHARDS}`);
  return shards;
}

/** Returns a shard's tensors, after checking that they are those in the index. */
async function readShard(
  index: string,
  bytes: ByteSource,
  names: readonly string[],
): Promise<Map<string, StoredTensor>> {
  const { tensors } = await storedTensors(bytes);
  const missing = names.find((tensor) => !tensors.has(tensor));
  if (missing !== undefined) throw corrupt(index, `${bytes.name} lacks ${quote(missing)}`);
  const known = new Set(names);
  const unlisted = [...tensors.keys()].find((tensor) => !known.has(tensor));
  if (unlisted !== undefined) throw corrupt(index, `${bytes.name} holds ${quote(unlisted)}, which is not listed there`);
  return tensors;
}

/** Opens all shards of an index as one source. */
export async function readSharded(bytes: ByteSource, index: JsonObject): Promise<WeightSource> {
  const { name } = bytes;
  const shards = tensorsByShard(name, index.weight_map);
  const open: ByteSource[] = [bytes];
  const closeAll = async () => {
    for (const file of open) await file.close();
  };
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const [shard, names] of shards) {
      const file = await bytes.openSibling(shard);
      open.push(file);
      for (const [tensorName, tensor] of await readShard(name, file, names)) tensors.set(tensorName, tensor);
    }
    return weightSource({ name, format: 'safetensors', tensors, close: closeAll });
  } catch (error) {
    await closeAll();
    throw error;
  }
}
