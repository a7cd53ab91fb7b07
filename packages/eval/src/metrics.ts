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

/** Counts of right and wrong predictions, image by image. */
export class Tally {
  readonly classes: number;
  /** Number of images with label `l` whose most probable class is `p`, at `l * classes + p`; null unless requested. */
  readonly confusion: Uint32Array | null;
  readonly #images: Uint32Array;
  readonly #wrong1: Uint32Array;
  readonly #wrong5: Uint32Array;

  constructor(classes: number, { confusion = false }: { confusion?: boolean } = {}) {
    this.classes = classes;
    this.confusion = confusion ? new Uint32Array(classes * classes) : null;
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
    if (this.confusion) this.confusion[label * this.classes + top[0]!]! += 1;
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
