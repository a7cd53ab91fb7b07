/** Finds the files of a tar archive by reading its headers alone (docs/decisions/0013). */
import { type FileHandle, open } from 'node:fs/promises';
import { misplaced, VggError } from '@vgg/core';
import { Header, Pax } from 'tar';
import { fsPath, nameOf, readableName } from '../byte-names';

const BLOCK = 512;

/** Largest header that describes the next file, in bytes. */
const MAXIMUM_EXTENSION = 1024 * 1024;

/** Number of bytes that are read at once: headers of small files follow one another closely. */
const WINDOW = 64 * 1024;

/** A file inside an archive. */
export interface TarEntry {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** First bytes of files that are often named `.tar` by mistake. */
const COMPRESSED: readonly { readonly name: string; readonly magic: readonly number[] }[] = [
  { name: 'gzip', magic: [0x1f, 0x8b] },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68] },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
  { name: 'Zstandard', magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'lz4', magic: [0x04, 0x22, 0x4d, 0x18] },
  { name: 'ZIP', magic: [0x50, 0x4b] },
  { name: '7z', magic: [0x37, 0x7a, 0xbc, 0xaf] },
  { name: 'RAR', magic: [0x52, 0x61, 0x72, 0x21] },
];

/** Blocks of a file in ascending order, read in windows. */
class Blocks {
  readonly #file: FileHandle;
  readonly #window = Buffer.alloc(WINDOW);
  #start = 0;
  #length = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Returns 512 bytes at a position, valid until the next call; fewer at the end of the file. */
  async at(position: number): Promise<Buffer> {
    if (position < this.#start || position + BLOCK > this.#start + this.#length) {
      const { bytesRead } = await this.#file.read(this.#window, 0, WINDOW, position);
      this.#start = position;
      this.#length = bytesRead;
    }
    const from = position - this.#start;
    return this.#window.subarray(from, Math.min(from + BLOCK, this.#length));
  }
}

/** Returns the path of a header as its bytes: the tar package decodes names as UTF-8 alone. */
function pathOf(header: Header, block: Buffer): string {
  const path = header.path ?? '';
  if (!path.includes('\ufffd')) return path;
  const field = (from: number, length: number) => {
    const bytes = block.subarray(from, from + length);
    const end = bytes.indexOf(0);
    return nameOf(end < 0 ? bytes : bytes.subarray(0, end));
  };
  const name = field(0, 100);
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? field(345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/**
 * Lists the files of an uncompressed tar archive, in its order, without directories, links and devices.
 * @param limit largest number of files to list. Default: all.
 * @throws VggError `VGG_DATASET` for a file that is missing, truncated or not a tar archive.
 */
export async function tarEntries(path: string, limit = Number.POSITIVE_INFINITY): Promise<TarEntry[]> {
  const fail = (reason: string, cause?: unknown) =>
    new VggError('dataset', `${readableName(path)} cannot be read as an uncompressed tar archive: ${reason}`, {
      cause,
    });
  const file = await open(fsPath(path)).catch((cause: Error) => {
    throw fail(cause.message, cause);
  });
  try {
    const { size } = await file.stat();
    const blocks = new Blocks(file);
    const entries: TarEntry[] = [];
    let local: Pax | undefined;
    let global: Pax | undefined;
    let longPath: string | undefined;
    for (let at = 0; at < size && entries.length < limit; ) {
      if (at === 0) {
        const first = await blocks.at(0);
        const compressed = COMPRESSED.find(({ magic }) => magic.every((byte, i) => first[i] === byte));
        if (compressed) throw fail(`it is compressed (${compressed.name}): decompress it first`);
        const reason = misplaced(first);
        if (reason !== undefined) throw fail(reason);
      }
      if (at + BLOCK > size) throw fail(`it ends ${at + BLOCK - size} bytes too early: is it complete?`);
      const block = await blocks.at(at);
      if (block.length < BLOCK) throw fail('it became shorter while it was read');
      const header = headerOf(block, local, global);
      if (header?.nullBlock) break;
      if (!header?.cksumValid) throw fail(`no valid header at byte ${at}`);
      const length = header.size ?? 0;
      if (!(Number.isSafeInteger(length) && length >= 0)) throw fail(`a file of ${length} bytes at byte ${at}`);
      const name = pathOf(header, block);
      const start = at + BLOCK;
      if (start + length > size) throw fail(`it ends inside ${readableName(name)}: is it complete?`);
      const bytes = async () => {
        if (length > MAXIMUM_EXTENSION) throw fail(`a header of ${length} bytes at byte ${at}`);
        const content = Buffer.alloc(length);
        await file.read(content, 0, length, start);
        return content;
      };
      if (header.type === 'ExtendedHeader') local = Pax.parse((await bytes()).toString('utf8'), local, false);
      else if (header.type === 'GlobalExtendedHeader')
        global = Pax.parse((await bytes()).toString('utf8'), global, true);
      else if (header.type === 'NextFileHasLongPath') {
        const content = await bytes();
        const end = content.indexOf(0);
        longPath = nameOf(end < 0 ? content : content.subarray(0, end));
      } else {
        if (header.type === 'File' || header.type === 'OldFile' || header.type === 'ContiguousFile') {
          entries.push({ path: (longPath ?? name).replace(/^(\.\/)+/, ''), offset: start, length });
        }
        local = undefined;
        longPath = undefined;
      }
      at = start + Math.ceil(length / BLOCK) * BLOCK;
      if (at > size) throw fail(`it ends ${at - size} bytes too early: is it complete?`);
    }
    return entries;
  } finally {
    await file.close();
  }
}

/** Reads a header; `undefined` if its numbers are beyond what the format allows. */
function headerOf(block: Buffer, local: Pax | undefined, global: Pax | undefined): Header | undefined {
  try {
    return new Header(block, 0, local, global);
  } catch {
    return undefined;
  }
}
