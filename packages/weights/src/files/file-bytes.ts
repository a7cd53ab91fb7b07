/** Files on disk as sources of bytes. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VggError } from '@vgg/core';
import { fileError } from '@vgg/core/node';
import { type ByteSource, checkPart, checkShardName } from '../sources/bytes';

/** Largest number of bytes that one system call reads. */
const READ_BYTES = 2 ** 30;

async function fill(bytes: Uint8Array, handle: FileHandle, begin: number, path: string): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await handle
      .read(bytes, done, Math.min(bytes.length - done, READ_BYTES), begin + done)
      .catch((cause: unknown) => {
        throw fileError('read', path, cause);
      });
    if (bytesRead === 0)
      throw new VggError('weights', `${path} ends at byte ${begin + done}: it was cut short while read`);
    done += bytesRead;
  }
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
      const bytes = new Uint8Array(length);
      await fill(bytes, handle, begin, path);
      return bytes;
    },
    async readInto(begin, out) {
      checkPart({ name: path, size }, begin, out.length);
      await fill(out, handle, begin, path);
    },
    async openSibling(name) {
      checkShardName(path, name);
      return openBytes(join(dirname(path), name));
    },
    close: () => handle.close(),
  };
}
