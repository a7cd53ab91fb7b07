/**
 * Finds images of one part of a data set that are nearly the same as images of another part, by perceptual hashes: for each pixel
 * of a 9x9 grey image, one bit says whether it is darker than its right neighbour, and one bit whether it is darker than
 * the pixel below ("dHash", N. Krawetz, "Kind of Like That", 2013). Rescaling, compression and small changes of colour keep most
 * bits; cropping and mirroring do not.
 */
import { isVggError } from '@vgg/core';
import { resample } from '../resample';
import type { AsyncImageSource } from '../source';
import { decodeImage } from './decode';

/** Two images that are nearly the same. */
export interface NearDuplicate {
  /** Index of the image in the first source. */
  readonly first: number;
  /** Index of the image in the second source. */
  readonly second: number;
}

export interface NearDuplicateOptions {
  /** Called after every few images of both sources. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

const SIDE = 9;
const WORDS = 4;
/** Largest number of differing bits among the 64 of each direction. With 3, one of four words of 16 bits is equal. */
const LARGEST_DISTANCE = 3;
/** Fewest bits of either value in each direction: images with fewer are nearly flat, and are not compared. */
const LEAST_DETAIL = 8;
/** Smallest difference that counts, on a scale from 0 to 1020: one level of grey. */
const LEAST_STEP = 4;
/** Number of images that are decoded at once. */
const AHEAD = 8;

/** Hash of one image: 4 words of 16 bits for each direction. */
function hashOf(grey: Float32Array): Uint16Array | undefined {
  const hash = new Uint16Array(2 * WORDS);
  const bits = [0, 0];
  for (let direction = 0; direction < 2; direction++) {
    const step = direction === 0 ? 1 : SIDE;
    for (let i = 0; i < 64; i++) {
      const at = Math.floor(i / 8) * SIDE + (i % 8);
      if (grey[at + step]! - grey[at]! < LEAST_STEP) continue;
      hash[direction * WORDS + (i >> 4)]! |= 1 << (i & 15);
      bits[direction]! += 1;
    }
  }
  const isDetailed = bits.every((count) => Math.min(count, 64 - count) >= LEAST_DETAIL);
  return isDetailed ? hash : undefined;
}

/** Returns the hashes of a source; images that are flat or unusable have none. */
async function hashesOf(source: AsyncImageSource, onImage: () => void): Promise<(Uint16Array | undefined)[]> {
  const hashes: (Uint16Array | undefined)[] = [];
  const hash = async (index: number) => {
    try {
      const image = await decodeImage(await source.location(index), source.key(index), 2 * SIDE);
      const { data } = resample(image, { width: SIDE, height: SIDE });
      const grey = Float32Array.from(
        { length: SIDE * SIDE },
        (_, i) => data[3 * i]! + 2 * data[3 * i + 1]! + data[3 * i + 2]!,
      );
      hashes[index] = hashOf(grey);
    } catch (error) {
      if (!isVggError(error) || error.code !== 'VGG_IMAGE') throw error;
      hashes[index] = undefined;
    }
    onImage();
  };
  for (let start = 0; start < source.length; start += AHEAD) {
    const count = Math.min(AHEAD, source.length - start);
    await Promise.all(Array.from({ length: count }, (_, i) => hash(start + i)));
  }
  return hashes;
}

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** True if the hashes differ in at most three bits of each direction. */
function areNear(a: Uint16Array, b: Uint16Array): boolean {
  for (let direction = 0; direction < 2; direction++) {
    let distance = 0;
    for (let word = direction * WORDS; word < (direction + 1) * WORDS; word++)
      distance += bitCount(a[word]! ^ b[word]!);
    if (distance > LARGEST_DISTANCE) return false;
  }
  return true;
}

/**
 * Returns for each image of `second` that is nearly the same as an image of `first` one such pair, in the order of `second`.
 * @throws VggError `VGG_IO` if a file is gone.
 */
export async function nearDuplicates(
  first: AsyncImageSource,
  second: AsyncImageSource,
  { onProgress }: NearDuplicateOptions = {},
): Promise<NearDuplicate[]> {
  const total = first.length + second.length;
  let done = 0;
  const onImage = () => {
    done += 1;
    if (done % 64 === 0 || done === total) onProgress?.(done, total);
  };
  const known = await hashesOf(first, onImage);
  const byWord = Array.from({ length: WORDS }, () => new Map<number, number[]>());
  known.forEach((hash, index) => {
    if (hash === undefined) return;
    byWord.forEach((places, word) => {
      const same = places.get(hash[word]!);
      if (same) same.push(index);
      else places.set(hash[word]!, [index]);
    });
  });
  const pairs: NearDuplicate[] = [];
  const others = await hashesOf(second, onImage);
  others.forEach((hash, index) => {
    if (hash === undefined) return;
    for (const [word, places] of byWord.entries()) {
      const near = places.get(hash[word]!)?.find((candidate) => areNear(known[candidate]!, hash));
      if (near === undefined) continue;
      pairs.push({ first: near, second: index });
      return;
    }
  });
  return pairs;
}
