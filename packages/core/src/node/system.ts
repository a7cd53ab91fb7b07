/** What the system says when it refuses a file, in words. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { VggError } from '../errors';

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
};

/** The system's code at the bottom of an error of fetch, which wraps it; several addresses give several errors. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  const deeper = systemCode(cause) ?? (Array.isArray(errors) ? systemCode(errors[0]) : undefined);
  return deeper ?? (typeof code === 'string' ? code : undefined);
}

/** Why the system refused something, in words; an unknown reason in the system's own. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  return (code === undefined ? undefined : REASONS[code]) ?? (error instanceof Error ? error.message : String(error));
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 30 ? 1 : 0)} MiB`;
}

/** How full the disk that holds a folder is; empty where the system does not say. */
function fullness(folder: string): string {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return ` (${mebibytes(bavail * bsize)} free of the ${mebibytes(blocks * bsize)} that hold ${folder})`;
  } catch {
    return '';
  }
}

/** What the system said of a file, as `VGG_IO`: one line that names the file, and of a full disk how full it is. */
export function fileError(doing: string, path: string, cause: unknown): VggError {
  const full = systemCode(cause) === 'ENOSPC' ? `${fullness(dirname(path))}: make room there` : '';
  return new VggError('io', `cannot ${doing} ${path}: ${systemReason(cause)}${full}`, { cause, details: { path } });
}
