/**
 * Error measures: top-1 and top-5 error (section 3.2), the confusion matrix, and precision, recall and F1 of each class.
 */

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
  /** Share of images whose label is not among the five most probable classes; null with five classes or fewer. */
  readonly top5Error: number | null;
}

/** Errors on the images of one class, and its precision, recall and F1 from 0 to 1; null where they divide by 0 images. */
export interface ClassErrors extends Errors {
  /** Share of the images predicted as the class that are of it. */
  readonly precision: number | null;
  /** Share of the images of the class that are predicted as it. */
  readonly recall: number | null;
  /** 2·precision·recall / (precision + recall), which is 0 if no image is right. */
  readonly f1: number | null;
}

/** Returns the mean F1 over the classes that have images; null if there are none. */
export function meanF1(classes: readonly ClassErrors[]): number | null {
  const values = classes.filter(({ images }) => images > 0).map(({ f1 }) => f1 ?? 0);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
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
  readonly #predicted: Uint32Array;

  constructor(classes: number, { confusion = false }: { confusion?: boolean } = {}) {
    this.classes = classes;
    const isSparse = classes > MATRIX_CLASSES;
    this.confusion = confusion && !isSparse ? new Uint32Array(classes * classes) : null;
    this.#sparse = confusion && isSparse ? new Map() : null;
    this.#images = new Uint32Array(classes);
    this.#wrong1 = new Uint32Array(classes);
    this.#wrong5 = new Uint32Array(classes);
    this.#predicted = new Uint32Array(classes);
  }

  /**
   * Counts one image.
   * @param label its class, from 0 to `classes - 1`.
   * @param top its {@link topK} most probable classes, as returned by {@link topClasses}.
   */
  add(label: number, top: readonly number[]): void {
    this.#images[label]! += 1;
    this.#predicted[top[0]!]! += 1;
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
    return this.#errors(total(this.#images), total(this.#wrong1), total(this.#wrong5));
  }

  /** Returns, for each class, the errors on the images that have it as label, and precision, recall and F1. */
  perClass(): ClassErrors[] {
    return Array.from(this.#images, (images, i) => {
      const right = images - this.#wrong1[i]!;
      const predicted = this.#predicted[i]!;
      return {
        ...this.#errors(images, this.#wrong1[i]!, this.#wrong5[i]!),
        precision: quotient(right, predicted),
        recall: quotient(right, images),
        f1: quotient(2 * right, images + predicted),
      };
    });
  }

  #errors(images: number, wrong1: number, wrong5: number): Errors {
    const percent = (wrong: number) => (images === 0 ? null : (100 * wrong) / images);
    return { images, top1Error: percent(wrong1), top5Error: this.classes > TOP ? percent(wrong5) : null };
  }
}

function quotient(count: number, of: number): number | null {
  return of === 0 ? null : count / of;
}
