/** Search for the images of a folder that are most like one image. */
import { requireInteger } from '@vgg/core';
import { findImages } from '@vgg/data/node';
import type { DescribedImages, DescribingNet } from '../describe';
import { nearest } from '../neighbours';
import { type CachedDescribeOptions, describeWithCache, foundItems } from './describe-source';
import { netHash } from './net-hash';

/** Options of {@link searchImages}. */
export interface SearchOptions extends Omit<CachedDescribeOptions, 'hash' | 'onProgress'> {
  /** Number of images to find. Default 5. */
  readonly neighbours?: number | undefined;
  /** Called as images are described. */
  readonly onDescribe?: ((images: number, of: number) => void) | undefined;
}

/** Results of {@link searchImages}. */
export interface SearchResult extends Pick<DescribedImages, 'skipped'> {
  /** The nearest images, nearest first. */
  readonly found: readonly { readonly image: string; readonly distance: number }[];
}

/**
 * Returns the images that are most like one image by the Euclidean distance of their descriptors.
 * @param query path of the image.
 * @param words files, folders and patterns of the images to search, as for `findImages` of `@vgg/data/node`.
 * @throws VggError `VGG_ARGUMENT` for a number of neighbours below 1; as `describeWithCache`; `VGG_IMAGE` for a query that cannot be used.
 */
export async function searchImages(
  net: DescribingNet,
  query: string,
  words: readonly string[],
  { neighbours = 5, onDescribe, ...options }: SearchOptions,
): Promise<SearchResult> {
  requireInteger('neighbours', neighbours, 1);
  const hash = await netHash(net.model);
  const one = await describeWithCache(net, foundItems(findImages([query])), { ...options, hash, strict: true });
  const images = foundItems(findImages(words));
  const { descriptors, items, skipped } = await describeWithCache(net, images, {
    ...options,
    hash,
    onProgress: (done) => onDescribe?.(done, images.length),
  });
  const found = nearest(descriptors, one.descriptors.values, neighbours).map(({ row, distance }) => ({
    image: images[items[row]!]!.key,
    distance,
  }));
  return { found, skipped };
}
