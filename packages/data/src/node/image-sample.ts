/**
 * Samples of data sets, by which their images are recognised elsewhere: in a folder that has moved, or among the images on which
 * a net is evaluated (docs/decisions/0135).
 */
import { createHash } from 'node:crypto';
import { dirname, relative } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageLocation, ImageSource } from '../source';
import { spread } from '../subset';
import { statsOf } from './file-stats';
import type { DataSet } from './open';
import { readStored } from './read';
import { isTar } from './sources/files';

/** Number of images in a sample. */
const SAMPLE = 64;

/** Image by its place in the data folder and its content. */
export interface SampledImage {
  /** Path in the data folder, with the offset of an image inside of a file. */
  readonly id: string;
  /** Length of its file or its part of one. */
  readonly bytes: number;
  /** Hash of its bytes, in hexadecimal. */
  readonly sha256: string;
  /** Index of its class. Samples of before have none. */
  readonly label?: number | undefined;
}

/** Returns the name of an image that does not depend on where the data folder lies: its path in the folder, and its offset. */
export function imageId(data: string, location: ImageLocation): string {
  if (location.kind === 'pixels' || location.kind === 'bytes')
    throw new VggError('dataset', 'images in memory have no path');
  const folder = isTar(data) ? dirname(data) : data;
  const path = relative(folder, location.path).replaceAll('\\', '/');
  return location.kind === 'file' ? path : `${path}#${location.offset}`;
}

/** Returns the number of bytes of a stored image; undefined if its file cannot be found. */
export function bytesOf(location: ImageLocation): number | undefined {
  if (location.kind === 'pixels' || location.kind === 'bytes') return undefined;
  const file = statsOf(location.path);
  if (file === undefined || location.kind === 'file') return file?.size;
  return location.kind === 'range' ? location.length : 3 * location.width * location.height;
}

/** Returns the SHA-256 of the bytes of a stored image, in hexadecimal; undefined if they cannot be read. */
export function imageHash(location: ImageLocation): string | undefined {
  try {
    return createHash('sha256').update(readStored(location)).digest('hex');
  } catch {
    return undefined;
  }
}

/**
 * Returns 64 images of a source, taken evenly over it, with the hashes of their bytes. Images that cannot be read are left out.
 * @param data path of the data folder.
 */
export function sampleImages(data: string, images: ImageSource): SampledImage[] {
  const source = spread(images, SAMPLE);
  return Array.from({ length: source.length }, (_, i) => i).flatMap((i) => {
    const location = source.location(i);
    const bytes = bytesOf(location);
    const sha256 = bytes === undefined ? undefined : imageHash(location);
    if (bytes === undefined || sha256 === undefined) return [];
    return [{ id: imageId(data, location), bytes, sha256, label: source.label(i) }];
  });
}

/** Returns true if the training and validation images of a data set contain nine tenths of a sample, with the same content and class. */
export function holdsSample(set: DataSet, data: string, sample: readonly SampledImage[]): boolean {
  if (sample.length === 0) return false;
  const wanted = new Set(sample.map(({ id }) => id));
  const found = new Map<string, { readonly location: ImageLocation; readonly label: number }>();
  for (const source of [set.train, set.validation]) {
    for (let i = 0; i < (source?.length ?? 0); i++) {
      const location = source!.location(i);
      const id = imageId(data, location);
      if (wanted.has(id)) found.set(id, { location, label: source!.label(i) });
    }
  }
  const same = sample.filter(({ id, bytes, sha256, label }) => {
    const image = found.get(id);
    if (image === undefined || (label !== undefined && label !== image.label)) return false;
    return bytesOf(image.location) === bytes && imageHash(image.location) === sha256;
  });
  return same.length >= 0.9 * sample.length;
}

/**
 * Returns the number of images of a source that are in a sample, found by their content, whatever their names. Images that cannot
 * be read are left out.
 */
export function countSampled(source: ImageSource, sample: readonly SampledImage[]): number {
  const bySize = new Map<number, Set<string>>();
  for (const { bytes, sha256 } of sample) bySize.set(bytes, (bySize.get(bytes) ?? new Set()).add(sha256));
  const found = new Set<string>();
  for (let i = 0; i < source.length; i++) {
    const location = source.location(i);
    const hashes = bySize.get(bytesOf(location) ?? -1);
    if (hashes === undefined) continue;
    const hash = imageHash(location);
    if (hash !== undefined && hashes.has(hash)) found.add(hash);
  }
  return found.size;
}
