/** Reader of JSON that may be hostile: its length and depth are limited, and no key may be repeated. */
import { VggError } from '@vgg/core';
import { jsonDepth, repeatedKey } from '../safetensors/json';
import type { ByteSource } from './bytes';

/** Bytes of a JSON file; `name` is its name in errors. */
export type JsonBytes = Pick<ByteSource, 'name' | 'size' | 'read'>;

export type JsonObject = Readonly<Record<string, unknown>>;

const MAX_BYTES = 64 * 2 ** 20;
const MAX_DEPTH = 64;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads a whole file as a JSON object.
 * @throws VggError `VGG_WEIGHTS` when it is not a JSON object, is longer than 64 MiB, nests deeper than 64 levels or repeats
 *   a key.
 */
export async function readJson(bytes: JsonBytes): Promise<JsonObject> {
  const corrupt = (what: string, cause?: unknown) =>
    new VggError('weights', `${bytes.name} is not valid JSON: ${what}`, { cause });
  if (bytes.size > MAX_BYTES) throw corrupt(`it has ${bytes.size} bytes, above the limit of 64 MiB`);
  const content = await bytes.read(0, bytes.size);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw corrupt('it is not UTF-8', cause);
  }
  if (jsonDepth(text, MAX_DEPTH) > MAX_DEPTH) throw corrupt(`it nests deeper than ${MAX_DEPTH} levels`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw corrupt('it cannot be parsed: cut short?', cause);
  }
  const duplicate = repeatedKey(text);
  if (duplicate !== undefined) throw corrupt(`it has ${JSON.stringify(duplicate.slice(0, 80))} twice`);
  if (!isJsonObject(value)) throw corrupt('it is not an object');
  return value;
}
