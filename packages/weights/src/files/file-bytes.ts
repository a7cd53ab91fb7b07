/** Files on disk as sources of bytes. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VggError } from '@vgg/core';
import { fileError } from '@vgg/core/node';
import { type ByteSource, checkPart, checkShardName } from '../sources/bytes';

/** Largest number of bytes that one system call reads. */
const READ_BYTES = 2 ** 30;

async function readExactly(handle: FileHandle, begin: number, length: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle
      .read(bytes, done, Math.min(length - done, READ_BYTES), begin + done)
      .catch((cause: unknown) => {
        throw fileError('read', path, cause);
      });
    if (bytesRead === 0)
      throw new VggError('weights', `${path} ends at byte ${begin + done}: it was cut short while read`);
    done += bytesRead;
  }
  return bytes;
}

/**
 * Opens a file for reading in parts.
 * @throws VggError `VGG_IO` when the system refuses, `VGG_WEIGHTS` for a folder or device.
 */
export async function openBytes(path: string): Promise<ByteSource> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new VggError('weights', `${path} is not a file: expected a file of weights`);
  }
  const { size } = stats;
  return {
    name: path,
    size,
    async read(begin, length) {
      checkPart({ name: path, size }, begin, length);
      return readExactly(handle, begin, length, path);
    },
    async openSibling(name) {
      checkShardName(path, name);
      return openBytes(join(dirname(path), name));
    },
    close: () => handle.close(),
  };
}
