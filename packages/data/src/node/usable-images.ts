/** Keeps track of the images of a source that were found unusable, for all epochs of a loader. */
import { randomStream, VggError } from '@vgg/core';
import type { SkippedImage } from '../batch';
import type { AsyncImageSource } from '../source';

/** Number of random draws before the class is searched in order. */
const DRAWS = 64;

export class UsableImages {
  readonly source: AsyncImageSource;
  readonly #skipped = new Map<number, SkippedImage>();
  #members: Uint32Array[] | undefined;

  constructor(source: AsyncImageSource) {
    this.source = source;
  }

  /** Unusable images so far, in the order of their index. */
  get skipped(): readonly SkippedImage[] {
    return [...this.#skipped.values()].sort((a, b) => a.index - b.index);
  }

  /** Marks image `index` as unusable. */
  skip(index: number, reason: string): void {
    this.#skipped.set(index, { index, key: this.source.key(index), reason });
  }

  /** Returns false for an image that was found unusable. */
  has(index: number): boolean {
    return !this.#skipped.has(index);
  }

  /**
   * Returns `index`, or a usable image of the same class if that image is unusable: the first usable one of a random sequence
   * that depends only on the seed, the epoch and `index`. So the result does not depend on which images are known to be
   * unusable, and every class keeps its share of an epoch.
   * @throws VggError `VGG_DATASET` if no image of the class is usable.
   */
  inPlaceOf(index: number, { seed, epoch }: { readonly seed: number; readonly epoch: number }): number {
    if (this.has(index)) return index;
    const members = this.#membersOf(this.source.label(index));
    const stream = randomStream(seed, 'replacement', epoch, index);
    let place = 0;
    for (let draw = 0; draw < DRAWS; draw++) {
      place = stream.integer(members.length);
      if (this.has(members[place]!)) return members[place]!;
    }
    for (let step = 1; step <= members.length; step++) {
      const member = members[(place + step) % members.length]!;
      if (this.has(member)) return member;
    }
    throw this.#noneUsable(index, members.length);
  }

  /** Returns the images of a class. */
  #membersOf(label: number): Uint32Array {
    this.#members ??= membersByClass(this.source);
    return this.#members[label]!;
  }

  #noneUsable(index: number, count: number): VggError {
    const { name, classes } = this.source;
    const reason = this.#skipped.get(index)!.reason;
    return noneUsable(name, classes[this.source.label(index)]!, count, reason);
  }
}

/** Builds the error for a class of which no image is usable. */
export function noneUsable(source: string, name: string, count: number, reason: string): VggError {
  return new VggError(
    'dataset',
    `none of the ${count} images of class ${name} in ${source} can be used: repair them or remove the class; ${reason}`,
  );
}

/** Returns the indices of the images of each class. */
export function membersByClass(source: AsyncImageSource): Uint32Array[] {
  const counts = new Uint32Array(source.classes.length);
  for (let i = 0; i < source.length; i++) counts[source.label(i)]! += 1;
  const members = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let i = 0; i < source.length; i++) {
    const own = source.label(i);
    members[own]![counts[own]!++] = i;
  }
  return members;
}
