/**
 * Reader of zip archives of weights (`.pth`, `.npz`, `.keras`) in parts: stored members at any place, deflated members
 * forwards, without keeping them in memory. zip.js reads the archive's structure (docs/decisions/0085). Duplicate names and
 * names outside the folder are refused.
 */
import { VggError } from '@vgg/core';
import { type FileEntry, Reader, ZipReader } from '@zip.js/zip.js/index-native.js';
import type { ByteSource } from './bytes';

/** File in an archive. */
export interface ZipMember {
  readonly name: string;
  /** Uncompressed size in bytes. */
  readonly size: number;
  /**
   * Reads `length` bytes, starting at byte `begin`. A deflated member is read forwards; a step back starts again at 0.
   * @throws VggError `VGG_WEIGHTS` when it has fewer, or is damaged.
   */
  read(begin: number, length: number): Promise<Uint8Array>;
}

/** Files of an archive by name. */
export type Zip = ReadonlyMap<string, ZipMember>;

const LOCAL_HEADER = { bytes: 30, signature: 0x04034b50, nameLength: 26, extraLength: 28 } as const;
/** Largest number of files in an archive; no file of weights has so many. */
const MAX_MEMBERS = 100_000;
const MAX_DIRECTORY_BYTES = 64 * 2 ** 20;
/** Largest compression ratio of deflate: 258 bytes in 2 bits. */
const MAX_RATIO = 1032;

function corrupt({ name }: ByteSource, what: string, cause?: unknown): VggError {
  return new VggError('weights', `${name} is not a valid zip archive: ${what}`, { cause });
}

/** Returns the reason of an error of zip.js as one line. */
function reasonOf(error: unknown): string {
  const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 200);
  return /^End of central directory/.test(reason) ? 'it has no list of its files at its end: is it complete?' : reason;
}

/** Runs `work`, and converts all errors but our own to one that names the archive. */
async function guard<T>(bytes: ByteSource, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof VggError ? error : corrupt(bytes, reasonOf(error), error);
  }
}

class BytesReader extends Reader<ByteSource> {
  readonly #bytes: ByteSource;

  constructor(bytes: ByteSource) {
    super(bytes);
    this.#bytes = bytes;
    this.size = bytes.size;
  }

  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const available = Math.max(0, Math.min(length, this.#bytes.size - index));
    if (available > MAX_DIRECTORY_BYTES) throw corrupt(this.#bytes, 'its directory is larger than 64 MiB');
    return this.#bytes.read(Math.min(index, this.#bytes.size), available);
  }
}

/** Returns the offset of a member's data, which follows its local header. */
async function dataStart(bytes: ByteSource, entry: FileEntry): Promise<number> {
  const head = await bytes.read(entry.offset, LOCAL_HEADER.bytes);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(0, true) !== LOCAL_HEADER.signature) {
    throw corrupt(bytes, `${JSON.stringify(entry.filename.slice(0, 80))} does not lie where its directory says`);
  }
  const lengths = view.getUint16(LOCAL_HEADER.nameLength, true) + view.getUint16(LOCAL_HEADER.extraLength, true);
  return entry.offset + LOCAL_HEADER.bytes + lengths;
}

/** Decompression of a deflated member from its start. */
class Inflation {
  /** Number of bytes decompressed so far. */
  position = 0;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(entry: FileEntry) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#reader = readable.getReader();
    // An error ends the stream; the next read throws it.
    entry
      .getData(writable, { useWebWorkers: false, checkOverlappingEntry: true })
      .catch((error: unknown) => writable.abort(error).catch(() => {}));
  }

  /** Fills `out` with the next bytes, or skips them if there is no `out`. */
  async next(length: number, out?: Uint8Array): Promise<void> {
    for (let done = 0; done < length; ) {
      if (this.#rest.length === 0) {
        const { value } = await this.#reader.read();
        if (value === undefined) throw new Error(`a member ends ${length - done} bytes early`);
        this.#rest = value;
        continue;
      }
      const part = this.#rest.subarray(0, length - done);
      out?.set(part, done);
      this.#rest = this.#rest.subarray(part.length);
      this.position += part.length;
      done += part.length;
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}

function deflatedMember(bytes: ByteSource, entry: FileEntry): ZipMember['read'] {
  let inflation: Inflation | undefined;
  return (begin, length) =>
    guard(bytes, async () => {
      if (inflation !== undefined && inflation.position > begin) {
        await inflation.cancel();
        inflation = undefined;
      }
      inflation ??= new Inflation(entry);
      await inflation.next(begin - inflation.position);
      const out = new Uint8Array(length);
      await inflation.next(length, out);
      if (inflation.position === entry.uncompressedSize) {
        await inflation.cancel();
        inflation = undefined;
      }
      return out;
    });
}

/** Member of an archive with the place of its bytes in the file. */
interface Placement {
  readonly member: ZipMember;
  readonly begin: number;
  readonly end: number;
}

async function place(bytes: ByteSource, entry: FileEntry): Promise<Placement> {
  const { filename: name, uncompressedSize: size, compressedSize, compressionMethod, encrypted } = entry;
  const label = JSON.stringify(name.slice(0, 80));
  if (encrypted) throw corrupt(bytes, `${label} is encrypted`);
  if (compressionMethod !== 0 && compressionMethod !== 8) {
    throw corrupt(bytes, `${label} is compressed by method ${compressionMethod}, expected stored or deflated`);
  }
  const start = await dataStart(bytes, entry);
  const isStored = compressionMethod === 0;
  if (start + compressedSize > bytes.size) throw corrupt(bytes, `${label} ends beyond the file: cut short?`);
  if (isStored ? size !== compressedSize : size > compressedSize * MAX_RATIO) {
    throw corrupt(bytes, `${label} claims ${size} bytes in ${compressedSize}`);
  }
  const read = isStored
    ? (begin: number, length: number) => bytes.read(start + begin, length)
    : deflatedMember(bytes, entry);
  const member: ZipMember = {
    name,
    size,
    async read(begin, length) {
      if (begin >= 0 && length >= 0 && begin + length <= size) return read(begin, length);
      throw corrupt(bytes, `${label} has ${size} bytes, expected ${length} at byte ${begin}`);
    },
  };
  return { member, begin: entry.offset, end: start + compressedSize };
}

/** @throws VggError `VGG_WEIGHTS` when two members share bytes: otherwise a small file could claim to be a large one. */
function checkNoOverlap(bytes: ByteSource, placements: readonly Placement[]): void {
  let last = 0;
  for (const { member, begin, end } of [...placements].sort((a, b) => a.begin - b.begin)) {
    if (begin < last) throw corrupt(bytes, `${JSON.stringify(member.name.slice(0, 80))} overlaps another member`);
    last = end;
  }
}

/**
 * Opens a zip archive; its folders are ignored. `bytes` must stay open while members are read.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged or hostile.
 */
export function openZip(bytes: ByteSource): Promise<Zip> {
  return guard(bytes, async () => {
    const reader = new ZipReader(new BytesReader(bytes), {
      filenameValidation: 'strict',
      useWebWorkers: false,
    });
    const placements: Placement[] = [];
    const names = new Set<string>();
    for await (const entry of reader.getEntriesGenerator()) {
      if (placements.length >= MAX_MEMBERS) throw corrupt(bytes, `it has more than ${MAX_MEMBERS} members`);
      if (entry.directory) continue;
      const { filename } = entry;
      if (names.has(filename)) throw corrupt(bytes, `${JSON.stringify(filename.slice(0, 80))} is there twice`);
      names.add(filename);
      placements.push(await place(bytes, entry));
    }
    checkNoOverlap(bytes, placements);
    return new Map(placements.map(({ member }) => [member.name, member]));
  });
}
