/** Keeps track of the images of a source that were found unusable, for all epochs of a loader. */
import { VggError } from '@vgg/core';
import type { SkippedImage } from '../batch';
import type { ImageSource } from '../source';

export class UsableImages {
  readonly source: ImageSource;
  readonly #skipped = new Map<number, SkippedImage>();

  constructor(source: ImageSource) {
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

  /** Returns `index`, or the next usable index of the source if that image is unusable; `undefined` if all are. */
  atOrAfter(index: number): number | undefined {
    if (this.#skipped.size === this.source.length) return undefined;
    let usable = index;
    while (this.#skipped.has(usable)) usable = (usable + 1) % this.source.length;
    return usable;
  }

  /** Builds the error for a source of which no image is usable. */
  noneUsable(): VggError {
    const { length, name } = this.source;
    return new VggError('dataset', `none of the ${length} images of ${name} can be used: ${this.skipped[0]?.reason}`);
  }
}
