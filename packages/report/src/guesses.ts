/** Predictions of a net for the images of a data set: counted by class, with the most confident mistakes. */
import type { ClassFigures, ClassTable, Confusion } from './data';

/** Predicted class of one image. */
export interface Prediction {
  readonly key: string;
  /** Index of its true class. */
  readonly label: number;
  /** Index of the most likely class, and its probability. */
  readonly predicted: number;
  readonly probability: number;
}

/** Counts of pairs of classes, and the most confident mistakes, as plain JSON. */
export interface Guesses {
  readonly protocol: string;
  readonly images: number;
  /** `[label, predicted, images]` of each pair that occurs. */
  readonly confusion: readonly (readonly [number, number, number])[];
  readonly mistakes: readonly Prediction[];
}

/** Number of mistakes that a page shows. */
const MISTAKES = 24;
/** Number of classes that a matrix can show legibly. */
const MATRIX = 30;

export class GuessBook {
  readonly #protocol: string;
  readonly #classes: number;
  readonly #counts = new Map<number, number>();
  #mistakes: Prediction[] = [];
  #images = 0;

  constructor(protocol: string, classes: number) {
    this.#protocol = protocol;
    this.#classes = classes;
  }

  add(guess: Prediction): void {
    const { label, predicted, probability } = guess;
    const pair = label * this.#classes + predicted;
    this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + 1);
    this.#images += 1;
    if (label === predicted) return;
    const least = this.#mistakes.at(-1);
    if (this.#mistakes.length >= MISTAKES && least !== undefined && probability <= least.probability) return;
    const place = this.#mistakes.findIndex((other) => other.probability < probability);
    this.#mistakes.splice(place < 0 ? this.#mistakes.length : place, 0, guess);
    this.#mistakes = this.#mistakes.slice(0, MISTAKES);
  }

  /** Adds images by their logits, [labels.length, classes]. */
  addScores(scores: Float32Array, labels: Int32Array, keys: (i: number) => string): void {
    for (let i = 0; i < labels.length; i++) {
      const own = scores.subarray(i * this.#classes, (i + 1) * this.#classes);
      const max = own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      const sum = own.reduce((total, score) => total + Math.exp(score - max), 0);
      this.add({ key: keys(i), label: labels[i]!, predicted: own.indexOf(max), probability: 1 / sum });
    }
  }

  get guesses(): Guesses {
    const confusion = [...this.#counts].map(
      ([pair, images]) => [Math.floor(pair / this.#classes), pair % this.#classes, images] as const,
    );
    return { protocol: this.#protocol, images: this.#images, confusion, mistakes: this.#mistakes };
  }
}

/** Returns the matrix to show: all classes, or those with the most mistakes between them, in their order. */
export function confusionMatrix({ confusion, images, protocol }: Guesses, names: readonly string[]): Confusion {
  const mistakes = new Float64Array(names.length);
  const totals = new Float64Array(names.length);
  for (const [label, predicted, count] of confusion) {
    totals[label]! += count;
    if (label === predicted) continue;
    mistakes[label]! += count;
    mistakes[predicted]! += count;
  }
  const shown = [...names.keys()]
    .sort((a, b) => mistakes[b]! - mistakes[a]! || a - b)
    .slice(0, MATRIX)
    .sort((a, b) => a - b);
  const place = new Map(shown.map((label, i) => [label, i]));
  const counts = new Array<number>(shown.length ** 2).fill(0);
  for (const [label, predicted, count] of confusion) {
    const row = place.get(label);
    const column = place.get(predicted);
    if (row !== undefined && column !== undefined) counts[row * shown.length + column] = count;
  }
  return {
    classes: shown.map((label) => names[label]!),
    counts,
    totals: shown.map((label) => totals[label]!),
    images,
    of: names.length,
    protocol,
  };
}

/** Returns precision, recall and F1 of all classes that have images, or of those with the lowest F1. */
export function classTable({ confusion, images, protocol }: Guesses, names: readonly string[]): ClassTable {
  const counts = names.map(() => ({ images: 0, predicted: 0, right: 0 }));
  for (const [label, predicted, count] of confusion) {
    counts[label]!.images += count;
    counts[predicted]!.predicted += count;
    if (label === predicted) counts[label]!.right += count;
  }
  const quotient = (count: number, of: number) => (of === 0 ? null : count / of);
  const all = counts.map((count, i): ClassFigures => {
    const { right, predicted } = count;
    return {
      name: names[i]!,
      images: count.images,
      precision: quotient(right, predicted),
      recall: quotient(right, count.images),
      f1: quotient(2 * right, count.images + predicted),
    };
  });
  const known = all.filter((figures) => figures.images > 0);
  const rows = known.length <= MATRIX ? known : [...known].sort((a, b) => a.f1! - b.f1!).slice(0, MATRIX);
  return { rows, of: known.length, images, protocol };
}
