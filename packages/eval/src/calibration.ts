/**
 * Calibration: the confidence of a net compared with its accuracy. The expected calibration error (Guo et al.,
 * arXiv:1706.04599) is the mean difference of the two over bins of equal width, weighted by the images of each bin.
 */

/** Number of bins, as in the paper. */
const BINS = 15;

/** Counts of predictions by confidence. */
export class Calibration {
  readonly #images = new Uint32Array(BINS);
  readonly #right = new Uint32Array(BINS);
  readonly #confidence = new Float64Array(BINS);

  /** Counts one image. @param confidence probability of the most probable class, from 0 to 1. */
  add(confidence: number, right: boolean): void {
    // A bin has its upper end, not its lower one: (0, 1/15], (1/15, 2/15], ...
    const bin = Math.min(BINS - 1, Math.max(0, Math.ceil(confidence * BINS) - 1));
    this.#images[bin]! += 1;
    this.#right[bin]! += Number(right);
    this.#confidence[bin]! += confidence;
  }

  /** Returns the expected calibration error, from 0 to 1; null without images. */
  error(): number | null {
    const images = this.#images.reduce((sum, count) => sum + count, 0);
    if (images === 0) return null;
    return (
      this.#confidence.reduce((sum, confidence, bin) => sum + Math.abs(confidence - this.#right[bin]!), 0) / images
    );
  }
}
