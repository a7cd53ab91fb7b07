/**
 * What tells one content of a source from another (docs/decisions/0014): the names, labels and places of its images, the
 * size and time of change of the files that hold them, and the bytes of images in memory.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { ImageSource } from '../source';

/** A hexadecimal SHA-256 of what the source holds. Reads no image file. */
export function fingerprint(source: ImageSource): string {
  const hash = createHash('sha256');
  const files = new Map<string, string>();
  for (let i = 0; i < source.length; i++) {
    const location = source.location(i);
    if (location.kind === 'pixels') {
      hash.update(`${location.width}x${location.height}:`).update(location.data);
      continue;
    }
    const offset = location.kind === 'file' ? 0 : location.offset;
    hash.update(`${source.key(i)}\n${source.label(i)}\n${offset}\n`);
    const state = files.get(location.path) ?? fileState(location.path);
    if (location.kind !== 'file') files.set(location.path, state);
    hash.update(`${state}\n`);
  }
  return hash.digest('hex');
}

function fileState(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.size} ${found.mtimeMs}` : 'missing';
}
