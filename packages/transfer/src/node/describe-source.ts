/** Description of the images of a data set or a folder, with a cache on disk. */
import { resolve } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageLocation, ImageSource } from '@vgg/data';
import { decodeImage, type FoundImage, imageHash } from '@vgg/data/node';
import {
  type DescribedImages,
  type DescribedItem,
  type DescribeOptions,
  type DescribingNet,
  describeImages,
  scalesOf,
} from '../describe';
import { openDescriptorCache } from './descriptor-cache';
import { netHash } from './net-hash';

function itemOf(key: string, locate: () => ImageLocation): DescribedItem {
  return {
    key,
    hash: () => {
      const hash = imageHash(locate());
      if (hash === undefined) throw new VggError('image', `${key}: the file cannot be read`);
      return hash;
    },
    load: () => decodeImage(locate(), { name: key }),
  };
}

/** Returns the images of a data set for `describeImages`. */
export function sourceItems(source: ImageSource): DescribedItem[] {
  return Array.from({ length: source.length }, (_, i) => itemOf(source.key(i), () => source.location(i)));
}

/** Returns images that `findImages` of `@vgg/data/node` found in folders for `describeImages`. */
export function foundItems(images: readonly FoundImage[]): DescribedItem[] {
  return images.map(({ name, path = name, kind, fault }) =>
    itemOf(name, () => {
      if (fault !== undefined) throw new VggError('image', fault);
      if (kind !== 'file') throw new VggError('image', `${name}: expected a file`);
      return { kind: 'file', path: resolve(path) };
    }),
  );
}

/** Options of {@link describeWithCache}. */
export interface CachedDescribeOptions extends Omit<DescribeOptions, 'cache'> {
  /** Folder of the caches. */
  readonly folder: string;
  /** Hash of the net. Default computed by `netHash`. */
  readonly hash?: string | undefined;
  /** Precision of the computation, in whose cache only such descriptors are. Default `float32`. */
  readonly precision?: string | undefined;
}

/**
 * Describes images as `describeImages` does, with a cache on disk: those described before with the same net and rule are read from it,
 * also after an interruption.
 * @throws VggError as `describeImages` and `openDescriptorCache`.
 */
export async function describeWithCache(
  net: DescribingNet,
  items: readonly DescribedItem[],
  { folder, hash, precision = 'float32', ...options }: CachedDescribeOptions,
): Promise<DescribedImages> {
  const { scales: _, tap, flip, combination } = options;
  const scales = scalesOf(net, options);
  const cache = openDescriptorCache(folder, {
    net: hash ?? (await netHash(net.model)),
    transform: net.transform!,
    rule: { scales, tap, flip, combination },
    precision,
  });
  try {
    return await describeImages(net, items, { ...options, cache });
  } finally {
    cache.close();
  }
}
