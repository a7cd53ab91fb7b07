/** Mean loss, top-1 and top-5 error (section 4) or another metric over any number of samples. */

/** Sums over samples, plain JSON. Sums of micro-batches, steps and processes can be added. */
export type Totals = {
  samples: number;
  loss: number;
  top1: number;
  top5: number;
  /** Sum of the metric of a loss without classes. Absent otherwise. */
  metric?: number | undefined;
};

/** Means over samples. */
export interface Metrics {
  /** Cross-entropy in nats, or the loss of the run. */
  loss: number;
  /** Top-1 error in %; NaN if the loss has another metric. */
  top1: number;
  /** Top-5 error in %; 0 with five classes or fewer, NaN if the loss has another metric. */
  top5: number;
  /** Metric of the loss, if it is not the top-1 error. */
  metric?: number | undefined;
}

/** Totals of no samples. */
export const NO_SAMPLES: Readonly<Totals> = Object.freeze({ samples: 0, loss: 0, top1: 0, top5: 0 });

export function addTotals(a: Totals, b: Totals): Totals {
  const sums = {
    samples: a.samples + b.samples,
    loss: a.loss + b.loss,
    top1: a.top1 + b.top1,
    top5: a.top5 + b.top5,
  };
  const hasMetric = a.metric !== undefined || b.metric !== undefined;
  return hasMetric ? { ...sums, metric: (a.metric ?? 0) + (b.metric ?? 0) } : sums;
}

/** Returns the means of totals; NaN in every field if there are no samples. */
export function meanOf({ samples, loss, top1, top5, metric }: Totals): Metrics {
  if (metric !== undefined) {
    return { loss: loss / samples, top1: Number.NaN, top5: Number.NaN, metric: metric / samples };
  }
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
