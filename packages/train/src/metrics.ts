/** Mean loss, top-1 and top-5 error over any number of samples (section 4). */

/** Sums over samples, plain JSON. Sums of micro-batches, steps and processes can be added. */
export type Totals = { samples: number; loss: number; top1: number; top5: number };

/** Means over samples. */
export interface Metrics {
  /** Cross-entropy in nats. */
  loss: number;
  /** Top-1 error in %. */
  top1: number;
  /** Top-5 error in %; 0 with five classes or fewer. */
  top5: number;
}

/** Totals of no samples. */
export const NO_SAMPLES: Readonly<Totals> = Object.freeze({ samples: 0, loss: 0, top1: 0, top5: 0 });

export function addTotals(a: Totals, b: Totals): Totals {
  return { samples: a.samples + b.samples, loss: a.loss + b.loss, top1: a.top1 + b.top1, top5: a.top5 + b.top5 };
}

/** Returns the means of totals; NaN in every field if there are no samples. */
export function meanOf({ samples, loss, top1, top5 }: Totals): Metrics {
  return { loss: loss / samples, top1: (100 * top1) / samples, top5: (100 * top5) / samples };
}

/**
 * Returns the number of classes that rank before the label: those with a greater score, and those with the same score
 * and a lower index, so that a net with equal scores for all classes is not right by accident. A NaN ranks last.
 */
function rankOf(scores: ArrayLike<number>, from: number, classes: number, label: number): number {
  const own = scores[from + label]!;
  if (Number.isNaN(own)) return classes;
  let rank = 0;
  for (let c = 0; c < classes; c++) {
    const score = scores[from + c]!;
    if (score > own || (score === own && c < label)) rank += 1;
  }
  return rank;
}

/**
 * Counts the samples whose label does not have the best score (top-1), or is not among the best five (top-5).
 *
 * @param scores row-major [labels.length, classes].
 */
export function countErrors(scores: ArrayLike<number>, labels: ArrayLike<number>): { top1: number; top5: number } {
  const classes = scores.length / labels.length;
  let top1 = 0;
  let top5 = 0;
  for (let i = 0; i < labels.length; i++) {
    const rank = rankOf(scores, i * classes, classes, labels[i]!);
    if (rank >= 1) top1 += 1;
    if (rank >= 5) top5 += 1;
  }
  return { top1, top5 };
}
