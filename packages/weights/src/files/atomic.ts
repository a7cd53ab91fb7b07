/** Files that are either the old one or the whole new one, whatever kills the process or the machine. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VggError } from '@vgg/core';
import { fileError } from '@vgg/core/node';

/** Makes a rename last. Systems that cannot sync a folder (Windows) order it themselves. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, 'r');
  } catch {
    return;
  }
  try {
    await handle.sync();
  } catch {
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let position = 0; position < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, position, Math.min(bytes.length - position, 2 ** 30));
    position += bytesWritten;
  }
}

/**
 * Writes a file beside its place, syncs it to the disk, and renames it there. On failure nothing is left behind and the
 * old file stands.
 * @param parts the file's bytes in order; taken one at a time.
 * @throws VggError `VGG_IO` when the system refuses; whatever `parts` throws passes through.
 */
export async function writeFileAtomically(
  path: string,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const beside = `${path}.${randomUUID()}.tmp`;
  let handle: FileHandle;
  try {
    handle = await open(beside, 'wx');
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  try {
    for await (const part of parts) await writeAll(handle, part);
    await handle.sync();
    await handle.close();
    await rename(beside, path);
  } catch (cause) {
    await handle.close().catch(() => {});
    await rm(beside, { force: true });
    throw cause instanceof VggError || !isSystemError(cause) ? cause : fileError('write', path, cause);
  }
  await syncFolder(dirname(path));
}

function isSystemError(value: unknown): boolean {
  return value instanceof Error && 'syscall' in value;
}
