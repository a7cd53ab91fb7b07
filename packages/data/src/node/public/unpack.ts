/** Unpacks downloaded archives safely: writes nothing outside the folder, creates no links, and stops at given limits. */
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { VggError } from '@vgg/core';
import { type FileEntry, Reader, ZipReader } from '@zip.js/zip.js/index-native.js';
import { extract } from 'tar';

export interface Limits {
  readonly bytes: number;
  readonly files: number;
}

function unpackError(archive: string, why: string, cause?: unknown): VggError {
  return new VggError('dataset', `${archive} cannot be unpacked: ${why}`, { cause });
}

/** True if a name stays in the folder that it is unpacked to. */
function isInside(name: string): boolean {
  return !posix.isAbsolute(name) && !/^[a-z]:|\\/i.test(name) && !name.split('/').includes('..');
}

/**
 * Unpacks a compressed tar archive of files and folders into a folder, without the archive's own top folder. If that fails, the
 * files that were unpacked before stay.
 * @throws VggError `VGG_DATASET` for a file that is not such an archive or is truncated, a name that leads out of the folder, a
 *   link, a device, or more bytes or files than the limits; `VGG_IO` if the disk is full.
 */
export async function unpackTar(archive: string, folder: string, limits: Limits, signal?: AbortSignal): Promise<void> {
  const stop = new AbortController();
  let files = 0;
  let bytes = 0;
  let problem: VggError | undefined;
  const refuse = (why: string) => {
    problem ??= unpackError(archive, why);
    stop.abort();
    return false;
  };
  const unpacker = extract({
    cwd: folder,
    strict: true,
    strip: 1,
    noMtime: true,
    filter: (name, entry) => {
      if (problem !== undefined) return false;
      const type = 'type' in entry ? entry.type : 'File';
      if (!isInside(name)) return refuse(`the name ${JSON.stringify(name.slice(0, 80))} leads out of the folder`);
      if (type === 'Directory' || type === 'GNUDumpDir') return true;
      if (type !== 'File' && type !== 'OldFile') return refuse(`${name} is a ${type}, expected files and folders`);
      files += 1;
      bytes += entry.size ?? 0;
      if (files > limits.files) return refuse(`it has more than ${limits.files} files`);
      if (bytes > limits.bytes) return refuse(`it has more than ${limits.bytes} bytes`);
      return true;
    },
  });
  const signals = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  try {
    await pipeline(createReadStream(archive), unpacker, { signal: signals });
  } catch (cause) {
    signal?.throwIfAborted();
    if (problem !== undefined) throw problem;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC')
      throw new VggError('io', `cannot unpack ${archive} to ${folder}: the disk is full`, { cause });
    throw unpackError(archive, message.split('\n', 1)[0]!, cause);
  }
  if (files === 0) throw unpackError(archive, 'it has no files: expected a compressed tar archive');
}

/** Reads parts of a file, for zip.js. */
class FileReader extends Reader<FileHandle> {
  readonly #file: FileHandle;
  constructor(file: FileHandle) {
    super(file);
    this.#file = file;
  }

  override async init(): Promise<void> {
    this.size = (await this.#file.stat()).size;
  }

  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await this.#file.read(bytes, 0, length, index);
    return bytes.subarray(0, bytesRead);
  }
}

/**
 * Writes the member of a zip archive whose name ends in `ending` to a file.
 * @throws VggError `VGG_DATASET` for a file that is not a zip archive, has no such member, or one of more than `limit` bytes.
 */
export async function unpackMember(archive: string, ending: string, to: string, limit: number): Promise<void> {
  const file = await open(archive);
  try {
    const zip = new ZipReader(new FileReader(file), { useWebWorkers: false });
    const isWanted = (entry: { directory: boolean; filename: string }) =>
      !entry.directory && entry.filename.endsWith(ending) && !entry.filename.startsWith('__MACOSX/');
    const member = (await zip.getEntries()).find(isWanted) as FileEntry | undefined;
    if (member === undefined) throw unpackError(archive, `it has no member *${ending}`);
    if (member.uncompressedSize > limit) {
      throw unpackError(archive, `${member.filename} has ${member.uncompressedSize} bytes, more than ${limit}`);
    }
    await member.getData(Writable.toWeb(createWriteStream(to)), { useWebWorkers: false, checkSignature: true });
  } catch (cause) {
    if (cause instanceof VggError) throw cause;
    throw unpackError(archive, `it is not a readable zip archive (${(cause as Error).message})`, cause);
  } finally {
    await file.close();
  }
}
