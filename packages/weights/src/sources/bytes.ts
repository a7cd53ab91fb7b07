/** Where a file's bytes come from: memory, a Blob, a disk (`@vgg/weights/node`). Readers take what they need of them. */
import { didYouMean, VggError } from '@vgg/core';

/** A file that is read in parts. Close it when done. */
export interface ByteSource {
  /** What errors call it: a path, an address, a name. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /**
   * The `length` bytes from `begin` on. They may be a view of memory that others see: not to be written to.
   * @throws VggError `VGG_WEIGHTS` when the file has fewer, `VGG_IO` when the system refuses.
   */
  read(begin: number, length: number): Promise<Uint8Array>;
  /**
   * Opens a file of the same folder: a shard. Its name is a plain file name, no path.
   * @throws VggError `VGG_WEIGHTS` when the name is a path, `VGG_IO` when there is no such file.
   */
  beside(name: string): Promise<ByteSource>;
  close(): Promise<void>;
}

/** @throws VggError `VGG_WEIGHTS` unless the part lies inside the file. */
export function checkPart({ name, size }: Pick<ByteSource, 'name' | 'size'>, begin: number, length: number): void {
  if (Number.isSafeInteger(begin) && begin >= 0 && length >= 0 && begin + length <= size) return;
  throw new VggError('weights', `${name} has ${size} bytes, expected ${length} at byte ${begin}: cut short?`);
}

/** @throws VggError `VGG_WEIGHTS` for a shard's name that leads out of the folder. */
export function checkBesideName(source: string, name: string): void {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\\:\0]/.test(name)) return;
  throw new VggError(
    'weights',
    `${source} names the shard ${JSON.stringify(name.slice(0, 80))}: expected a plain file name`,
  );
}

/** Files in memory or picked in a browser, by name. */
export type FileSet = ReadonlyMap<string, Uint8Array | Blob>;

function notBeside(source: string, name: string, files: FileSet): VggError {
  return new VggError('io', `${source} needs ${name}, which was not given${didYouMean(name, files.keys())}`);
}

/**
 * A file in memory, or a Blob (a `File` that a browser's user chose), of which only the parts read are brought to memory.
 * @param name what errors call it.
 * @param beside the files of the same folder, for formats of several files.
 */
export function bytesOf(content: Uint8Array | Blob, name = 'the file', beside: FileSet = new Map()): ByteSource {
  const size = content instanceof Uint8Array ? content.length : content.size;
  return {
    name,
    size,
    async read(begin, length) {
      checkPart({ name, size }, begin, length);
      if (content instanceof Uint8Array) return content.subarray(begin, begin + length);
      return new Uint8Array(await content.slice(begin, begin + length).arrayBuffer());
    },
    async beside(shard) {
      checkBesideName(name, shard);
      const found = beside.get(shard);
      if (found === undefined) throw notBeside(name, shard, beside);
      return bytesOf(found, shard, beside);
    },
    async close() {},
  };
}
