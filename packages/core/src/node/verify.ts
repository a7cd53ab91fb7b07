/** Comparison of a file with the expected size and hash. */
import { stat } from 'node:fs/promises';
import { VggError } from '../errors';
import { hashFile } from './hash';
import { fileError, systemCode } from './system';

/** Algorithm and at least the first 8 hexadecimal digits: `sha256:397923af`. */
export type ExpectedHash = `${'sha256' | 'sha384' | 'md5'}:${string}`;

/** Number of hexadecimal digits of a whole hash. */
const DIGITS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, md5: 32 };

export interface Expected {
  /** Size in bytes. */
  readonly size?: number | undefined;
  readonly hash?: ExpectedHash | undefined;
}

/** Throws VggError `VGG_ARGUMENT` unless the size is a number of bytes and the hash has the form above. */
export function checkExpected({ size, hash }: Expected): void {
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw new VggError('argument', `expected a size in bytes, got ${size}`);
  }
  const [, algorithm, digits] = /^(sha256|sha384|md5):([0-9a-f]{8,})$/.exec(hash ?? '') ?? [];
  if (hash === undefined || (digits !== undefined && digits.length <= DIGITS[algorithm!]!)) return;
  throw new VggError('argument', `expected a hash like sha256:397923af, 8 digits up to the algorithm's, got ${hash}`);
}

/**
 * Returns the difference between the file at `path` and the expected one, in words; `missing` if there is no file;
 * undefined if it is the expected file.
 */
export async function difference(
  path: string,
  { size, hash }: Expected,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) throw new VggError('io', `${path} is not a file: a download cannot replace it`);
    if (size !== undefined && stats.size !== size) return `expected ${size} bytes, got ${stats.size}`;
    if (hash === undefined) return undefined;
    const [algorithm, digits] = hash.split(':') as [string, string];
    const got = await hashFile(path, algorithm, signal);
    return got.startsWith(digits) ? undefined : `expected ${algorithm} ${digits}, got ${got.slice(0, digits.length)}`;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 'missing';
    signal?.throwIfAborted();
    throw cause instanceof VggError ? cause : fileError('read', path, cause);
  }
}
