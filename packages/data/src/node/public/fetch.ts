/** Downloads public data sets by name, checks and unpacks them, and keeps them for later calls. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { VggError } from '@vgg/core';
import { cacheFolder, type DownloadProgress, download, sha256File } from '@vgg/core/node';
import { openSource } from '../open';
import { PUBLIC_DATA_SETS, type PublicDataSet, type PublicDataSetName } from './sets';
import { unpackMember, unpackTar } from './unpack';

export interface FetchOptions {
  /** Folder that holds a folder for each data set. Default: `vgg/data` in the user's cache folder. */
  readonly cache?: string | undefined;
  /** Address of a copy of the archives, under the same names. Default: the publisher's address. */
  readonly mirror?: string | undefined;
  /** Stops the call. The received part of the archive is kept for the next call. */
  readonly signal?: AbortSignal | undefined;
  /** Called during the download. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Called after the download, before the archive is unpacked. */
  readonly onUnpack?: (() => void) | undefined;
}

/** File in the data set's folder that records its origin. The name is hidden, so that the file is not part of the data set. */
const ORIGIN = '.origin.json';

async function isComplete(folder: string): Promise<boolean> {
  return readFile(join(folder, ORIGIN), 'utf8').then(
    () => true,
    () => false,
  );
}

/** Throws if the unpacked folder is not the whole data set. */
async function checkContent(folder: string, expected: PublicDataSet): Promise<void> {
  const { classes, train, validation } = await openSource(folder);
  const contentOf = (classCount: number, trainImages: number, validationImages: number) =>
    `${classCount} classes, ${trainImages} images for training, ${validationImages} for validation`;
  const wanted = contentOf(expected.classes, expected.train, expected.validation);
  const got = contentOf(classes.length, train?.length ?? 0, validation?.length ?? 0);
  if (got !== wanted) throw new VggError('dataset', `${expected.name}: expected ${wanted}, the archive has ${got}`);
}

async function unpackInto(archive: string, folder: string, set: PublicDataSet, signal?: AbortSignal): Promise<void> {
  if (set.member === undefined) return unpackTar(archive, folder, set.unpacked, signal);
  const inner = join(folder, '.archive.tar.gz');
  await unpackMember(archive, set.member, inner, set.unpacked.bytes);
  await unpackTar(inner, folder, set.unpacked, signal);
  await rm(inner);
}

/**
 * Returns the folder of a public data set, for `openSource`. Downloads, checks and unpacks the data set the first time. An
 * interrupted download is resumed. The folder appears only when it is complete. The archive is deleted afterwards.
 *
 * @param nameOrSet name of a data set, or an entry like those of `PUBLIC_DATA_SETS`.
 * @throws VggError `VGG_IO` if the machine is offline, the server refuses or does not have the file, the size or the hash is
 *   wrong, or the disk is full; `VGG_DATASET` if the archive cannot be unpacked safely or has other content. Throws the
 *   signal's reason if it is aborted.
 */
export async function fetchDataSet(
  nameOrSet: PublicDataSetName | PublicDataSet,
  { cache = cacheFolder('data'), mirror, signal, onProgress, onUnpack }: FetchOptions = {},
): Promise<string> {
  const set = typeof nameOrSet === 'string' ? PUBLIC_DATA_SETS[nameOrSet] : nameOrSet;
  const folder = join(cache, set.name);
  if (await isComplete(folder)) return folder;
  const file = basename(new URL(set.url).pathname);
  const url = mirror === undefined ? set.url : `${mirror.replace(/\/+$/, '')}/${file}`;
  const archive = join(cache, file);
  await download(url, { to: archive, size: set.size, hash: set.hash, signal, onProgress });
  onUnpack?.();
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, `.${set.name}-`));
  try {
    await unpackInto(archive, temporary, set, signal);
    await checkContent(temporary, set);
    const origin = { name: set.name, url, size: set.size, sha256: await sha256File(archive) };
    await writeFile(join(temporary, ORIGIN), `${JSON.stringify(origin, null, 2)}\n`);
    await putInPlace(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  await rm(archive, { force: true });
  return folder;
}

/** Renames the unpacked folder. If another process has done that in the meantime, its folder is kept. */
async function putInPlace(temporary: string, folder: string): Promise<void> {
  try {
    await rename(temporary, folder);
  } catch (cause) {
    if (await isComplete(folder)) return;
    throw new VggError('io', `cannot put the data set at ${folder}: another file or folder is there: move it away`, {
      cause,
    });
  }
}
