/** Published nets, brought from the network when asked for and kept. */
import { VggError } from '@vgg/core';
import { cacheFolder, type DownloadProgress, download } from '@vgg/core/node';
import { openWeights } from '../detect';
import { type KnownWeights, knownWeights } from '../known';
import { type LoadedNet, loadNet } from '../load-net';
import { type NetWeights, recogniseNet } from '../names/recognise';
import type { WeightSource } from '../sources/source';
import { openBytes } from './file-bytes';

export interface FetchOptions {
  /** Where files are kept. Default `weights` in the cache (`XDG_CACHE_HOME/vgg`). */
  readonly folder?: string;
  /** An address that has the files under their own names, in place of their publishers'. Default `VGG_WEIGHTS_MIRROR`. */
  readonly mirror?: string;
  /** Stops the download; what was received is kept for the next. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** The file's name: the last part of its address. */
function fileName({ url }: KnownWeights): string {
  return url.slice(url.lastIndexOf('/') + 1);
}

/**
 * Brings a published net's file, unless it is there: resumed where an earlier download stopped, checked by hash and size,
 * once for several processes. A file that is there and right needs no network.
 * @param name of `KNOWN_WEIGHTS`: `vgg16.tv_in1k`.
 * @returns the file's path.
 * @throws VggError `VGG_ARGUMENT` for an unknown name; `VGG_IO`, one line, where it cannot be had: no connection, refused,
 *   another hash, disk full. The signal's reason when aborted.
 */
export async function fetchWeights(name: string, options: FetchOptions = {}): Promise<string> {
  const known = knownWeights(name);
  const { folder = cacheFolder('weights'), mirror = process.env.VGG_WEIGHTS_MIRROR, signal, onProgress } = options;
  const file = fileName(known);
  const { size, hash } = known;
  return download(mirror ? `${mirror.replace(/\/$/, '')}/${file}` : known.url, {
    to: `${folder}/${file}`,
    hash,
    ...(size !== undefined && { size }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
}

/** @throws VggError `VGG_WEIGHTS` unless the net in the file is the one that was published under the name. */
function checkKnown(name: string, { options }: NetWeights, source: WeightSource): void {
  const { configuration, batchNorm, head } = knownWeights(name);
  const expected = {
    configuration,
    batchNorm,
    inputSize: 224,
    width: 1,
    head,
    ...(head === 'paper' && { classes: 1000 }),
  };
  for (const [key, value] of Object.entries(expected)) {
    const got = options[key as keyof typeof options];
    if (got === value) continue;
    throw new VggError('weights', `${source.name} is not ${name}: expected a net of ${key} ${value}, got ${got}`);
  }
}

/**
 * A published net, brought when it is not there, with its class order and preprocessing. The caller disposes `model`.
 * @throws VggError as {@link fetchWeights}; `VGG_WEIGHTS` when the file holds another net than was published.
 */
export async function loadKnown(name: string, options: FetchOptions = {}): Promise<LoadedNet> {
  const { head, preprocessing } = knownWeights(name);
  const source = await openWeights(await openBytes(await fetchWeights(name, options)));
  try {
    const which = head === 'none' ? ({ head } as const) : {};
    checkKnown(name, recogniseNet(source, which), source);
    return await loadNet(source, { ...which, preprocessing });
  } finally {
    await source.close();
  }
}
