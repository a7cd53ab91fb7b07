/** What a net took the images of a data set for: counted by class, and the mistakes it was surest of. */
import type { Confusion } from './data';

/** One image that was taken for another class. */
export interface Wrong {
  readonly key: string;
  /** Its class, and the one it was taken for. */
  readonly label: number;
  readonly predicted: number;
  /** How sure the net was. */
  readonly probability: number;
}

/** Counts of pairs of classes, and the surest mistakes, as plain JSON. */
export interface Guesses {
  readonly protocol: string;
  readonly images: number;
  /** `[label, predicted, images]` where there are any. */
  readonly confusion: readonly (readonly [number, number, number])[];
  readonly mistakes: readonly Wrong[];
}

/** As many mistakes as a page shows. */
const MISTAKES = 24;
/** As many classes as a matrix can show legibly. */
const MATRIX = 30;

export class GuessBook {
  readonly #protocol: string;
  readonly #classes: number;
  readonly #counts = new Map<number, number>();
  #mistakes: Wrong[] = [];
  #images = 0;

  constructor(protocol: string, classes: number) {
    this.#protocol = protocol;
    this.#classes = classes;
  }

  add(guess: Wrong): void {
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

  /** Counts images from their class scores before the soft-max, [size, classes], in one go. */
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

/** The matrix to show: all classes, or the ones with the most mistakes between them, in their order. */
export function confusionMatrix({ confusion, images, protocol }: Guesses, names: readonly string[]): Confusion {
  const mistaken = new Float64Array(names.length);
  const totals = new Float64Array(names.length);
  for (const [label, predicted, count] of confusion) {
    totals[label]! += count;
    if (label === predicted) continue;
    mistaken[label]! += count;
    mistaken[predicted]! += count;
  }
  const shown = [...names.keys()]
    .sort((a, b) => mistaken[b]! - mistaken[a]! || a - b)
    .slice(0, MATRIX)
    .sort((a, b) => a - b);
  const place = new Map(shown.map((label, i) => [label, i]));
  const counts = new Array<number>(shown.length ** 2).fill(0);
  for (const [label, predicted, count] of confusion) {
    const [row, column] = [place.get(label), place.get(predicted)];
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
