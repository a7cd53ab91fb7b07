/** Sources of a file's bytes: memory, a Blob, or a disk (`@vgg/weights/node`). Readers read only the parts they need. */
import { didYouMean, VggError } from '@vgg/core';

/** File that is read in parts. The caller closes it. */
export interface ByteSource {
  /** Name of the file in errors: a path, a URL or a file name. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /**
   * Reads `length` bytes, starting at byte `begin`. The result may be a view of shared memory: do not write to it.
   * @throws VggError `VGG_WEIGHTS` when the file has fewer, `VGG_IO` when the system refuses.
   */
  read(begin: number, length: number): Promise<Uint8Array>;
  /**
   * Fills `out` with the bytes from `begin` on. Several calls may run at once. Absent where `read` makes no copy, or cannot be
   * given memory.
   * @throws VggError as `read`.
   */
  readInto?(begin: number, out: Uint8Array): Promise<void>;
  /**
   * Opens a file of the same folder: a shard. Its name must be a plain file name, not a path.
   * @throws VggError `VGG_WEIGHTS` when the name is a path, `VGG_IO` when there is no such file.
   */
  openSibling(name: string): Promise<ByteSource>;
  close(): Promise<void>;
}

/** @throws VggError `VGG_WEIGHTS` unless the part is inside the file. */
export function checkPart({ name, size }: Pick<ByteSource, 'name' | 'size'>, begin: number, length: number): void {
  if (Number.isSafeInteger(begin) && begin >= 0 && length >= 0 && begin + length <= size) return;
  throw new VggError('weights', `${name} has ${size} bytes, expected ${length} at byte ${begin}: cut short?`);
}

/** @throws VggError `VGG_WEIGHTS` for a shard's name that could be outside the folder, or is not valid Unicode. */
export function checkShardName(source: string, name: string): void {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\\:\0\p{Surrogate}]/u.test(name)) return;
  throw new VggError(
    'weights',
    `${source} names the shard ${JSON.stringify(name.slice(0, 80))}: expected a plain file name`,
  );
}

/** Files in memory, or selected in a browser, by name. */
export type FileSet = ReadonlyMap<string, Uint8Array | Blob>;

function missingShard(source: string, name: string, files: FileSet): VggError {
  return new VggError('io', `${source} needs ${name}, which is missing${didYouMean(name, files.keys())}`);
}

/**
 * Returns bytes in memory or a Blob (such as a `File` that the user of a browser selects) as a source of bytes. Only the
 * parts of a Blob that are read come into memory.
 * @param name name of the file in errors.
 * @param siblings other files of the same folder, for formats of several files.
 */
export function bytesOf(content: Uint8Array | Blob, name = 'the file', siblings: FileSet = new Map()): ByteSource {
  const size = content instanceof Uint8Array ? content.length : content.size;
  return {
    name,
    size,
    async read(begin, length) {
      checkPart({ name, size }, begin, length);
      if (content instanceof Uint8Array) return content.subarray(begin, begin + length);
      return new Uint8Array(await content.slice(begin, begin + length).arrayBuffer());
    },
    async openSibling(shard) {
      checkShardName(name, shard);
      const sibling = siblings.get(shard);
      if (sibling === undefined) throw missingShard(name, shard, siblings);
      return bytesOf(sibling, shard, siblings);
    },
    async close() {},
  };
}
