/** Image files on disk: which names are images, and reading folders so that every error says what was expected. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { VggError } from '@vgg/core';

/** File names that hold an image, by extension, in any case. Other files are ignored. */
export const IMAGE_EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif'];

export function isImageName(name: string): boolean {
  return IMAGE_EXTENSIONS.includes(extname(name).toLowerCase());
}

/** By code unit: the same everywhere, whatever the locale. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What a folder holds, hidden entries left out, sorted by name. */
export async function listFolder(path: string): Promise<{ folders: string[]; files: string[] }> {
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (cause) {
    throw new VggError('dataset', `cannot read the data folder ${path}: ${reason(cause)}`, { cause });
  }
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const isFolder = entry.isSymbolicLink() ? await leadsToFolder(join(path, entry.name)) : entry.isDirectory();
    (isFolder ? folders : files).push(entry.name);
  }
  return { folders: folders.sort(byName), files: files.sort(byName) };
}

async function leadsToFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (target) => target.isDirectory(),
    () => false,
  );
}

function reason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'there is no such folder';
  if (code === 'ENOTDIR') return 'it is not a folder';
  if (code === 'EACCES') return 'permission denied';
  return cause instanceof Error ? cause.message : String(cause);
}
