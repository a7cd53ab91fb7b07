/** Finds the files of a tar archive by reading its headers alone (docs/decisions/0013). */
import { open } from 'node:fs/promises';
import { VggError } from '@vgg/core';
import { Header, Pax } from 'tar';

const BLOCK = 512;

/** Largest header that describes the next file, in bytes. */
const MAXIMUM_EXTENSION = 1024 * 1024;

/** A file inside an archive. */
export interface TarEntry {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Lists the files of an uncompressed tar archive, in its order, without directories, links and devices.
 * @throws VggError `VGG_DATASET` for a file that is missing, truncated or not a tar archive.
 */
export async function tarEntries(path: string): Promise<TarEntry[]> {
  const fail = (reason: string, cause?: unknown) =>
    new VggError('dataset', `${path} cannot be read as an uncompressed tar archive: ${reason}`, { cause });
  const file = await open(path).catch((cause: Error) => {
    throw fail(cause.message, cause);
  });
  try {
    const { size } = await file.stat();
    const entries: TarEntry[] = [];
    const block = Buffer.alloc(BLOCK);
    let local: Pax | undefined;
    let global: Pax | undefined;
    let longPath: string | undefined;
    for (let at = 0; at < size; ) {
      if (at + BLOCK > size) throw fail(`it ends ${at + BLOCK - size} bytes too early: is it complete?`);
      await file.read(block, 0, BLOCK, at);
      const header = new Header(block, 0, local, global);
      if (header.nullBlock) break;
      if (!header.cksumValid) throw fail(`no valid header at byte ${at}`);
      const length = header.size ?? 0;
      const start = at + BLOCK;
      if (start + length > size) throw fail(`it ends inside ${header.path}: is it complete?`);
      const text = async () => {
        if (length > MAXIMUM_EXTENSION) throw fail(`a header of ${length} bytes at byte ${at}`);
        const bytes = Buffer.alloc(length);
        await file.read(bytes, 0, length, start);
        return bytes.toString('utf8');
      };
      if (header.type === 'ExtendedHeader') local = Pax.parse(await text(), local, false);
      else if (header.type === 'GlobalExtendedHeader') global = Pax.parse(await text(), global, true);
      else if (header.type === 'NextFileHasLongPath') longPath = (await text()).replace(/\0.*$/s, '');
      else {
        if (header.type === 'File' || header.type === 'OldFile' || header.type === 'ContiguousFile') {
          entries.push({ path: (longPath ?? header.path ?? '').replace(/^\.\//, ''), offset: start, length });
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
