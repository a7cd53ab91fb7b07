/**
 * Finds images that lie in several classes as copies of the same bytes. Candidates are found by what is known of them anyway: the
 * moments of their pixels while the statistics are computed, or the sizes of their files. Only candidates are read.
 */
import { createHash } from 'node:crypto';
import { type AsyncImageSource, type ImageSource, locationOf } from '../source';
import { bytesOf, imageHash } from './image-sample';

/** Names of images with the same bytes that are not all of one class. */
export type ClassCopies = readonly string[];

/** Returns a whole number below 2^53 that depends on every bit of some numbers: a part of their SHA-1. */
export function keyOfNumbers(numbers: Float64Array): number {
  return Number(createHash('sha1').update(numbers).digest().readBigUInt64LE() >> 11n);
}

/** Returns the sets of images with the same key that are not all of one class. @param keys of the images; NaN for those to leave out. */
function candidatesOf(source: AsyncImageSource, keys: Float64Array): number[][] {
  const sorted = keys.slice().sort();
  const sets = new Map<number, number[]>();
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) sets.set(sorted[i]!, []);
  for (const [i, key] of keys.entries()) sets.get(key)?.push(i);
  return inSeveralClasses(source, sets);
}

function inSeveralClasses(source: AsyncImageSource, sets: ReadonlyMap<unknown, number[]>): number[][] {
  return [...sets.values()].filter((images) => images.some((i) => source.label(i) !== source.label(images[0]!)));
}

/**
 * Returns the images that have copies in other classes, among those with the same key.
 * @param keys a number for each image that is the same for images with the same bytes; NaN for those to leave out.
 */
export async function copiesByKey(source: AsyncImageSource, keys: Float64Array): Promise<ClassCopies[]> {
  const copies: number[][] = [];
  for (const images of candidatesOf(source, keys)) {
    const byHash = new Map<string, number[]>();
    for (const i of images) {
      const hash = imageHash(await locationOf(source, i)) ?? '';
      const same = byHash.get(hash);
      if (same === undefined) byHash.set(hash, [i]);
      else same.push(i);
    }
    byHash.delete(''); // Images that cannot be read.
    for (const same of inSeveralClasses(source, byHash)) copies.push(same);
  }
  return copies.sort((a, b) => a[0]! - b[0]!).map((images) => images.map((i) => source.key(i)));
}

/** Returns the images of a source that have copies in other classes. Reads every image that has the size of another one. */
export async function classCopies(source: ImageSource): Promise<ClassCopies[]> {
  const sizes = Float64Array.from({ length: source.length }, (_, i) => bytesOf(source.location(i)) ?? Number.NaN);
  return copiesByKey(source, sizes);
}
