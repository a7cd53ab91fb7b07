/** Reads the small files that accompany a data set. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { fsPath } from '../byte-names';

/** Largest file that is read, in bytes. Any real file of its kind is smaller. */
const MAXIMUM_BYTES = 64 * 1024 * 1024;

/**
 * Reads a file of at most 64 MiB.
 * @throws VggError `VGG_DATASET` if it is larger or cannot be read.
 */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(fsPath(path));
    if (size <= MAXIMUM_BYTES) return await readFile(fsPath(path));
  } catch (cause) {
    throw new VggError('dataset', `cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  throw new VggError('dataset', `${path} is larger than ${MAXIMUM_BYTES} bytes: is it what its name says?`);
}

/** Reads the lines of a text file, trimmed, without empty lines. */
export async function readLines(path: string): Promise<string[]> {
  const text = (await readBytes(path)).toString('utf8');
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Returns the path of the first of `names` that exists below `root`. */
export function firstExisting(root: string, names: readonly string[]): string | undefined {
  return names.map((name) => join(root, name)).find((path) => existsSync(fsPath(path)));
}
