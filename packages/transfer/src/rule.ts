/** Rule by which images are described. */

/** Rule of a descriptor. Plain JSON: it is saved with a predictor. */
export interface DescriptorRule {
  /** Smallest sides Q of the rescaled images, in pixels, from 1 to 4096; at most 16. Default the scale of the net's transform. */
  readonly scales?: readonly number[] | undefined;
  /** Layer, such as `relu7` or `pool4`. Default the last hidden one. */
  readonly tap?: string | undefined;
  /** Averages the descriptors of the image and its mirror image. Default true. */
  readonly flip?: boolean | undefined;
  /** Combination of several scales: their mean, or their concatenation. Default `average`. */
  readonly combination?: 'average' | 'stack' | undefined;
}

/** Largest scale Q, in pixels. */
export const MAX_SCALE = 4096;
/** Largest number of scales: an image is in memory at all of them. */
const MAX_SCALES = 16;

/** Returns the first error in a rule with scales, or undefined. It may come from a file. */
export function ruleFault(rule: unknown): string | undefined {
  if (typeof rule !== 'object' || rule === null) return 'expected the rule of its descriptors';
  const { scales, tap, flip, combination } = rule as Readonly<Record<string, unknown>>;
  const expected = `expected scales Q as integers from 1 to ${MAX_SCALE}`;
  if (!Array.isArray(scales) || scales.length === 0) return `${expected}, got none`;
  if (scales.length > MAX_SCALES) return `expected at most ${MAX_SCALES} scales Q, got ${scales.length}`;
  const bad = scales.find((scale) => !Number.isInteger(scale) || scale < 1 || scale > MAX_SCALE);
  if (bad !== undefined) return `${expected}, got ${bad}`;
  if (tap !== undefined && typeof tap !== 'string') return `expected tap to be the name of a layer, got ${tap}`;
  if (flip !== undefined && typeof flip !== 'boolean') return `expected flip to be true or false, got ${flip}`;
  if (combination === undefined || combination === 'average' || combination === 'stack') return undefined;
  return `expected combination to be average or stack, got ${combination}`;
}
