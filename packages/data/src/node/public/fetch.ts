/** Public data sets by name: brought from their homes once, checked, unpacked and kept. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { VggError } from '@vgg/core';
import { cacheFolder, type DownloadProgress, download } from '@vgg/core/node';
import { openSource } from '../open';
import { PUBLIC_DATA_SETS, type PublicDataSet, type PublicDataSetName } from './sets';
import { unpackMember, unpackTar } from './unpack';

export interface FetchOptions {
  /** Folder in which data sets are kept, each in one of its name; `vgg/data` in the user's cache folder unless given. */
  readonly cache?: string;
  /** An address that holds the same archives under the same names, used instead of their homes. */
  readonly mirror?: string;
  readonly signal?: AbortSignal;
  /** Called while the archive arrives. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Called once the archive is there and checked. */
  readonly onUnpack?: () => void;
}

/** In a data set's folder: where it is from. The name is hidden, so that it is no part of the data set. */
const ORIGIN = '.origin.json';

async function isKept(folder: string): Promise<boolean> {
  return readFile(join(folder, ORIGIN), 'utf8').then(
    () => true,
    () => false,
  );
}

/** Whether what was unpacked is the data set, whole. */
async function checkContent(folder: string, expected: PublicDataSet): Promise<void> {
  const { classes, train, validation } = await openSource(folder);
  const found = [classes.length, train?.length ?? 0, validation?.length ?? 0];
  const wanted = [expected.classes, expected.train, expected.validation];
  if (found.join() === wanted.join()) return;
  const told = ([c, t, v]: number[]) => `${c} classes, ${t} images for training, ${v} for validation`;
  throw new VggError('dataset', `${expected.name}: expected ${told(wanted)}, the archive holds ${told(found)}`);
}

async function unpackInto(archive: string, folder: string, set: PublicDataSet, signal?: AbortSignal): Promise<void> {
  if (set.member === undefined) return unpackTar(archive, folder, set.unpacked, signal);
  const inner = join(folder, '.archive.tar.gz');
  await unpackMember(archive, set.member, inner, set.unpacked.bytes);
  await unpackTar(inner, folder, set.unpacked, signal);
  await rm(inner);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * The folder of a public data set, for `openSource`: as it is kept, or after it was downloaded, checked and unpacked. A
 * download that was interrupted goes on where it stopped; the folder appears only whole. The archive is not kept.
 *
 * @param wanted a name, or what `PUBLIC_DATA_SETS` says of one.
 * @throws VggError `VGG_IO`, one line: offline, refused, no such file, another size or hash, disk full; `VGG_DATASET` when
 *   the archive cannot be unpacked safely or holds something else. The signal's reason when aborted.
 */
export async function fetchDataSet(
  wanted: PublicDataSetName | PublicDataSet,
  { cache = cacheFolder('data'), mirror, signal, onProgress, onUnpack }: FetchOptions = {},
): Promise<string> {
  const set = typeof wanted === 'string' ? PUBLIC_DATA_SETS[wanted] : wanted;
  const folder = join(cache, set.name);
  if (await isKept(folder)) return folder;
  const file = basename(new URL(set.url).pathname);
  const url = mirror === undefined ? set.url : `${mirror.replace(/\/+$/, '')}/${file}`;
  const archive = join(cache, file);
  await download(url, {
    ...{ to: archive, size: set.size, hash: set.hash },
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
  onUnpack?.();
  await mkdir(cache, { recursive: true });
  const part = await mkdtemp(join(cache, `.${set.name}-`));
  try {
    await unpackInto(archive, part, set, signal);
    await checkContent(part, set);
    const origin = { name: set.name, url, size: set.size, sha256: await sha256(archive) };
    await writeFile(join(part, ORIGIN), `${JSON.stringify(origin, null, 2)}\n`);
    await putInPlace(part, folder);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
  await rm(archive, { force: true });
  return folder;
}

/** Another process may have been faster: its folder is as good. */
async function putInPlace(part: string, folder: string): Promise<void> {
  try {
    await rename(part, folder);
  } catch (cause) {
    if (await isKept(folder)) return;
    throw new VggError('io', `cannot put the data set in place: ${folder} is something else: move it away`, { cause });
  }
}
