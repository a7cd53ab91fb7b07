/** Files that hold either the whole old or the whole new content, even after the process or the machine was killed. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VggError } from '../errors';
import { fileError } from './system';

const TEMPORARY = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** True if a file has the name of an incomplete one that a kill during `writeFileAtomically` leaves. */
export function isTemporaryFile(name: string): boolean {
  return TEMPORARY.test(name);
}

/** Makes a rename durable. Systems that cannot sync a folder (Windows) do so themselves. */
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
 * Writes a file under a temporary name, syncs it to the disk and renames it to `path`. After a failure the old file is
 * unchanged and the temporary one is removed.
 *
 * @param parts the file's bytes in order. Each is written before the next is requested.
 * @throws VggError `VGG_IO` when the system refuses. An error thrown by `parts` is passed on.
 */
export async function writeFileAtomically(
  path: string,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  let handle: FileHandle;
  try {
    handle = await open(temporary, 'wx');
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  try {
    for await (const part of parts) await writeAll(handle, part);
    await handle.sync();
    await handle.close();
    await rename(temporary, path);
  } catch (cause) {
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
    throw cause instanceof VggError || !isSystemError(cause) ? cause : fileError('write', path, cause);
  }
  await syncFolder(dirname(path));
}

function isSystemError(value: unknown): boolean {
  return value instanceof Error && 'syscall' in value;
}
