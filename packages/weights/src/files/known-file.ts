/** Published nets, downloaded when they are requested and cached. */
import { VggError } from '@vgg/core';
import { cacheFolder, type DownloadProgress, download } from '@vgg/core/node';
import { type KnownAlias, type KnownConfiguration, type KnownName, type KnownWeights, knownWeights } from '../known';
import type { LoadedNet } from '../load-net';
import { loadNet } from './open-file';

/** Options of {@link fetchWeights} and {@link loadKnown}. */
export interface FetchOptions {
  /** Folder of the downloaded files. Default `weights` in the cache (`XDG_CACHE_HOME/vgg`). */
  readonly folder?: string | undefined;
  /** URL of a folder with all files, used instead of their publishers' URLs. Default `VGG_WEIGHTS_MIRROR`. */
  readonly mirror?: string | undefined;
  /** Signal that stops the download; the next one continues from the received bytes. */
  readonly signal?: AbortSignal | undefined;
  /** Receives the progress of the download. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/** Returns the name of the file: the last part of its URL. */
function fileName({ url }: KnownWeights): string {
  return url.slice(url.lastIndexOf('/') + 1);
}

/**
 * Downloads the file of a published net, unless a valid file exists. An interrupted download is resumed; hash and size are
 * checked; several processes share one download.
 * @param name name in `KNOWN_WEIGHTS`, or a short name: `vgg16` is `vgg16.tv_in1k`.
 * @returns the path of the file.
 * @throws VggError `VGG_ARGUMENT` for an unknown name; `VGG_IO`, one line, when it cannot be downloaded: no connection,
 *   refused, another hash, disk full. The signal's reason when aborted.
 */
export async function fetchWeights(name: string, options: FetchOptions = {}): Promise<string> {
  return fetchFile(knownWeights(name), options);
}

function fetchFile(known: KnownWeights, options: FetchOptions): Promise<string> {
  const { folder = cacheFolder('weights'), mirror = process.env.VGG_WEIGHTS_MIRROR, signal, onProgress } = options;
  const file = fileName(known);
  const { size, hash } = known;
  return download(mirror ? `${mirror.replace(/\/$/, '')}/${file}` : known.url, {
    to: `${folder}/${file}`,
    hash,
    size,
    signal,
    onProgress,
  });
}

/** @throws VggError `VGG_WEIGHTS` unless a loaded net is the published one. */
function checkKnown(known: KnownWeights, { model }: LoadedNet, name: string): void {
  const { configuration, batchNorm, head } = known;
  const { options } = model;
  // The published nets without a head have no classes to compare.
  const classes = head === 'paper' ? 1000 : options.classes;
  const expected = { configuration, batchNorm, inputSize: 224, width: 1, head, classes };
  for (const [key, value] of Object.entries(expected)) {
    const got = options[key as keyof typeof options];
    if (got === value) continue;
    model.dispose();
    throw new VggError('weights', `${fileName(known)} is not ${name}: expected a net of ${key} ${value}, got ${got}`);
  }
}

/**
 * Loads a published net with its class order and preprocessing, after downloading its file if necessary. The caller disposes
 * `model`, whose type knows its configuration.
 * @param name name in `KNOWN_WEIGHTS`, or a short name: `vgg16` is `vgg16.tv_in1k`.
 * @throws VggError as {@link fetchWeights}; `VGG_WEIGHTS` when the file does not hold the published net.
 */
export async function loadKnown<const N extends KnownName | KnownAlias>(
  name: N,
  options: FetchOptions = {},
): Promise<LoadedNet<KnownConfiguration<N>>> {
  const known = knownWeights(name);
  const { head, preprocessing } = known;
  const file = await fetchFile(known, options);
  const net = await loadNet(file, { head: head === 'none' ? head : undefined, preprocessing });
  checkKnown(known, net, name);
  return net as LoadedNet<KnownConfiguration<N>>;
}
