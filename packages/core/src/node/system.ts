/** Errors of the file system in words. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { VggError } from '../errors';
import { formatBytes } from '../format';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'part of the path is a file',
  EEXIST: 'there is a file of that name',
  EISDIR: 'it is a folder',
  ENOENT: 'there is no such file or folder',
  EIO: 'the disk fails (input/output error)',
  EMFILE: 'too many files are open',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
};

/**
 * Returns the system's code (`ENOENT`) of an error or of its innermost cause, or undefined. An error of `fetch` wraps
 * several errors if a host has several addresses; the first counts.
 */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  const deeper = systemCode(cause) ?? (Array.isArray(errors) ? systemCode(errors[0]) : undefined);
  return deeper ?? (typeof code === 'string' ? code : undefined);
}

/** Returns the reason of a system error in words. For an unknown code this is the message of the error. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  return (code === undefined ? undefined : REASONS[code]) ?? (error instanceof Error ? error.message : String(error));
}

/** Returns the free and total size of the disk that holds a folder, in words; '' where the system does not say. */
function fullness(folder: string): string {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return ` (${formatBytes(bavail * bsize)} free of the ${formatBytes(blocks * bsize)} that hold ${folder})`;
  } catch {
    return '';
  }
}

/**
 * Returns a `VGG_IO` error for a system error about a file. Its message is one line that names the file, and the free
 * space if the disk is full.
 *
 * @param doing the attempted action, a verb: `read`, `write`.
 */
export function fileError(doing: string, path: string, cause: unknown): VggError {
  const full = systemCode(cause) === 'ENOSPC' ? `${fullness(dirname(path))}: make room there` : '';
  return new VggError('io', `cannot ${doing} ${path}: ${systemReason(cause)}${full}`, { cause, details: { path } });
}
