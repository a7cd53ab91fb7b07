/**
 * Safetensors in several files: `model.safetensors.index.json` says in its `weight_map` which tensor is in which file of the
 * same folder. https://huggingface.co/docs/transformers/big_models
 */
import { VggError } from '@vgg/core';
import type { ByteSource } from '../sources/bytes';
import { isJsonObject, type JsonObject } from '../sources/json';
import { type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import { storedTensors } from './reader';

const MAX_SHARDS = 1000;

function corrupt(name: string, what: string): VggError {
  return new VggError('weights', `${name} is not a sound index of safetensors files: ${what}`);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

/** The names of the tensors of each shard. */
function tensorsByShard(name: string, map: unknown): Map<string, string[]> {
  if (!isJsonObject(map)) throw corrupt(name, 'its weight_map must be an object');
  const shards = new Map<string, string[]>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string') throw corrupt(name, `the file of ${quoted(tensor)} must be a name`);
    const listed = shards.get(shard);
    if (listed === undefined) shards.set(shard, [tensor]);
    else listed.push(tensor);
  }
  if (shards.size > MAX_SHARDS) throw corrupt(name, `it names ${shards.size} files, more than ${MAX_SHARDS}`);
  return shards;
}

/** A shard's tensors, which must be those that the index lists. */
async function readShard(
  index: string,
  bytes: ByteSource,
  listed: readonly string[],
): Promise<Map<string, StoredTensor>> {
  const { tensors } = await storedTensors(bytes);
  const missing = listed.find((tensor) => !tensors.has(tensor));
  if (missing !== undefined) throw corrupt(index, `${bytes.name} lacks ${quoted(missing)}`);
  const known = new Set(listed);
  const unlisted = [...tensors.keys()].find((tensor) => !known.has(tensor));
  if (unlisted !== undefined)
    throw corrupt(index, `${bytes.name} holds ${quoted(unlisted)}, which is not listed there`);
  return tensors;
}

/** Opens every shard of an index. */
export async function readSharded(bytes: ByteSource, index: JsonObject): Promise<WeightSource> {
  const { name } = bytes;
  const shards = tensorsByShard(name, index.weight_map);
  const open: ByteSource[] = [bytes];
  const closeAll = async () => {
    for (const file of open) await file.close();
  };
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const [shard, listed] of shards) {
      const file = await bytes.beside(shard);
      open.push(file);
      for (const [tensor, stored] of await readShard(name, file, listed)) tensors.set(tensor, stored);
    }
    return weightSource({ name, format: 'safetensors', tensors, close: closeAll });
  } catch (error) {
    await closeAll();
    throw error;
  }
}
