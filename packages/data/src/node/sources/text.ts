/** Small files that accompany a data set, and errors that say what they should hold. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VggError } from '@vgg/core';

/** A file that may be larger than any real one of its kind is not read. */
const MAXIMUM_BYTES = 64 * 1024 * 1024;

export async function readBytes(path: string): Promise<Buffer> {
  try {
    const bytes = await readFile(path);
    if (bytes.length <= MAXIMUM_BYTES) return bytes;
  } catch (cause) {
    throw new VggError('dataset', `cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  throw new VggError('dataset', `${path} is larger than ${MAXIMUM_BYTES} bytes: is it what its name says?`);
}

/** The lines of a text file without the empty ones, trimmed. */
export async function readLines(path: string): Promise<string[]> {
  const text = (await readBytes(path)).toString('utf8');
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The first of `names` that exists below `root`. */
export function firstExisting(root: string, names: readonly string[]): string | undefined {
  return names.map((name) => join(root, name)).find((path) => existsSync(path));
}
