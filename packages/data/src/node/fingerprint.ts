/**
 * Identifies the content of a source (docs/decisions/0014) by the names, labels and offsets of its images, the size and
 * modification time of their files, and the bytes of images in memory.
 */
import { createHash } from 'node:crypto';
import { type AsyncImageSource, locationOf } from '../source';
import { statsOf } from './file-stats';

/**
 * Returns a hexadecimal SHA-256 of the content of a source. Reads no image file. Returns undefined for a source whose images must
 * be fetched first.
 */
export function fingerprint(source: AsyncImageSource): string | undefined {
  const hash = createHash('sha256');
  const files = new Map<string, string>();
  for (let i = 0; i < source.length; i++) {
    const location = locationOf(source, i);
    if (location instanceof Promise) {
      location.catch(() => {}); // The error is thrown where the image is used.
      return undefined;
    }
    if (location.kind === 'pixels' || location.kind === 'bytes') {
      const size = location.kind === 'pixels' ? `${location.width}x${location.height}:` : `${location.data.length}:`;
      hash.update(size).update(location.data);
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
  const stats = statsOf(path);
  return stats ? `${stats.size} ${stats.mtimeMs}` : 'missing';
}
