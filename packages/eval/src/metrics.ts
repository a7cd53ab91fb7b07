/** Error measures (section 3.2): top-1 and top-5 error, by class, and the confusion matrix. */

/** Number of guesses in the paper's top-5 error. */
const TOP = 5;

/** Returns the number of guesses that the top-5 error allows: 5, or the number of classes if there are fewer. */
export function topK(classes: number): number {
  return Math.min(TOP, classes);
}

/** Returns the indices of the `k` largest probabilities, largest first; among equals the lower index comes first. */
export function topClasses(posterior: ArrayLike<number>, k: number): number[] {
  const top: number[] = [];
  for (let i = 0; i < posterior.length; i++) {
    let place = top.length;
    while (place > 0 && posterior[i]! > posterior[top[place - 1]!]!) place -= 1;
    if (place < k) {
      top.splice(place, 0, i);
      if (top.length > k) top.pop();
    }
  }
  return top;
}

/** Errors in % of the labelled images; null if there are no labelled images. */
export interface Errors {
  /** Number of labelled images. */
  readonly images: number;
  /** Share of images whose most probable class is not the label. */
  readonly top1Error: number | null;
  /** Share of images whose label is not among the five most probable classes (see {@link topK}). */
  readonly top5Error: number | null;
}

/** Largest number of classes for which the confusion matrix is kept as a whole: above it takes more than 64 MiB. */
const MATRIX_CLASSES = 4096;

/** Number of images of one class that were predicted as one class. */
export type ConfusedPair = readonly [label: number, predicted: number, images: number];

/** Counts of right and wrong predictions, image by image. */
export class Tally {
  readonly classes: number;
  /**
   * Number of images with label `l` whose most probable class is `p`, at `l * classes + p`; null if not requested, or for more than
   * 4096 classes, of which {@link pairs} has the counts.
   */
  readonly confusion: Uint32Array | null;
  /** Counts for more classes, by `l * classes + p`. */
  readonly #sparse: Map<number, number> | null;
  readonly #images: Uint32Array;
  readonly #wrong1: Uint32Array;
  readonly #wrong5: Uint32Array;

  constructor(classes: number, { confusion = false }: { confusion?: boolean } = {}) {
    this.classes = classes;
    const isSparse = classes > MATRIX_CLASSES;
    this.confusion = confusion && !isSparse ? new Uint32Array(classes * classes) : null;
    this.#sparse = confusion && isSparse ? new Map() : null;
    this.#images = new Uint32Array(classes);
    this.#wrong1 = new Uint32Array(classes);
    this.#wrong5 = new Uint32Array(classes);
  }

  /**
   * Counts one image.
   * @param label its class, from 0 to `classes - 1`.
   * @param top its {@link topK} most probable classes, as returned by {@link topClasses}.
   */
  add(label: number, top: readonly number[]): void {
    this.#images[label]! += 1;
    if (top[0] !== label) this.#wrong1[label]! += 1;
    if (!top.includes(label)) this.#wrong5[label]! += 1;
    const pair = label * this.classes + top[0]!;
    if (this.confusion) this.confusion[pair]! += 1;
    this.#sparse?.set(pair, (this.#sparse.get(pair) ?? 0) + 1);
  }

  /** Returns the non-zero counts of the confusion matrix, by label and predicted class; null if not requested. */
  pairs(): ConfusedPair[] | null {
    const { classes } = this;
    const pairs: ConfusedPair[] = [];
    const add = (pair: number, images: number) => pairs.push([Math.floor(pair / classes), pair % classes, images]);
    if (this.#sparse) {
      for (const [pair, images] of [...this.#sparse].sort(([a], [b]) => a - b)) add(pair, images);
      return pairs;
    }
    if (this.confusion === null) return null;
    for (let pair = 0; pair < this.confusion.length; pair++) {
      const images = this.confusion[pair]!;
      if (images > 0) add(pair, images);
    }
    return pairs;
  }

  /** Returns the errors over all images. */
  overall(): Errors {
    const total = (counts: Uint32Array) => counts.reduce((sum, count) => sum + count, 0);
    return errors(total(this.#images), total(this.#wrong1), total(this.#wrong5));
  }

  /** Returns, for each class, the errors on the images that have it as label. */
  perClass(): Errors[] {
    return Array.from(this.#images, (images, i) => errors(images, this.#wrong1[i]!, this.#wrong5[i]!));
  }
}

function errors(images: number, wrong1: number, wrong5: number): Errors {
  const percent = (wrong: number) => (images === 0 ? null : (100 * wrong) / images);
  return { images, top1Error: percent(wrong1), top5Error: percent(wrong5) };
}
