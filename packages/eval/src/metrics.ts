/** Error measures (section 3.2): top-1 and top-5 error, by class, and the confusion matrix. */

/** The paper's top-5. */
const TOP = 5;

/** How many guesses count as top-5: all of them when there are fewer than five classes. */
export function topK(classes: number): number {
  return Math.min(TOP, classes);
}

/** The indices of the `k` largest probabilities, largest first; among equals the lower index comes first. */
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

/** Errors in % of the labelled images; null where there are none. */
export interface Errors {
  /** Number of labelled images. */
  readonly images: number;
  /** How often the most probable class is not the label. */
  readonly top1Error: number | null;
  /** How often the label is not among the five most probable classes (see {@link topK}). */
  readonly top5Error: number | null;
}

/** Counts right and wrong answers, image by image. */
export class Tally {
  readonly classes: number;
  /** Images with label `l` whose most probable class is `p`, at `l * classes + p`; only if asked for. */
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
   * @param top its most probable classes as {@link topClasses} gives them, {@link topK} of them.
   */
  add(label: number, top: readonly number[]): void {
    this.#images[label]! += 1;
    if (top[0] !== label) this.#wrong1[label]! += 1;
    if (!top.includes(label)) this.#wrong5[label]! += 1;
    if (this.confusion) this.confusion[label * this.classes + top[0]!]! += 1;
  }

  /** Over all images. */
  overall(): Errors {
    const total = (counts: Uint32Array) => counts.reduce((sum, count) => sum + count, 0);
    return errors(total(this.#images), total(this.#wrong1), total(this.#wrong5));
  }

  /** For each class the errors on the images that have it as label. */
  perClass(): Errors[] {
    return Array.from(this.#images, (images, i) => errors(images, this.#wrong1[i]!, this.#wrong5[i]!));
  }
}

function errors(images: number, wrong1: number, wrong5: number): Errors {
  const percent = (wrong: number) => (images === 0 ? null : (100 * wrong) / images);
  return { images, top1Error: percent(wrong1), top5Error: percent(wrong5) };
}
