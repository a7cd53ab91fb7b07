/**
 * Computes the mean RGB value of a training set (section 2.1) and the principal components of its RGB values (section 3.1) in one
 * pass. Every pixel of every image counts once, at the image's original size.
 */
import { VggError } from '@vgg/core';
import { checkImage, type RawImage, type Rgb } from './image';

/** Mean and principal components of the RGB values of a training set. Plain JSON. */
export interface TrainingStatistics {
  /** Mean RGB on the 0..255 scale. */
  readonly mean: Rgb;
  /** Eigenvalues of the covariance matrix (divided by `count`) of RGB on the 0..1 scale, largest first. */
  readonly eigenvalues: Rgb;
  /** Unit eigenvectors: row `i` belongs to `eigenvalues[i]`. The component of largest magnitude is positive. */
  readonly eigenvectors: readonly [Rgb, Rgb, Rgb];
  /** Number of pixels. */
  readonly count: number;
}

/** Count, mean and co-moments of pixels: `[n, r, g, b, rr, rg, rb, gg, gb, bb]`, the last six about the mean. */
export type RgbMoments = Float64Array;

/** Length of {@link RgbMoments}. */
export const MOMENTS = 10;

/** Pair of channels of each co-moment. */
const PAIRS = [
  [0, 0],
  [0, 1],
  [0, 2],
  [1, 1],
  [1, 2],
  [2, 2],
] as const;

/** Computes the moments of one image. Its sums are integers below 2^53, so they are exact. */
export function imageMoments(image: RawImage): RgbMoments {
  checkImage(image);
  const { data } = image;
  let r = 0;
  let g = 0;
  let b = 0;
  let rr = 0;
  let rg = 0;
  let rb = 0;
  let gg = 0;
  let gb = 0;
  let bb = 0;
  for (let i = 0; i < data.length; i += 3) {
    const red = data[i]!;
    const green = data[i + 1]!;
    const blue = data[i + 2]!;
    r += red;
    g += green;
    b += blue;
    rr += red * red;
    rg += red * green;
    rb += red * blue;
    gg += green * green;
    gb += green * blue;
    bb += blue * blue;
  }
  const n = data.length / 3;
  const sums = [r, g, b] as const;
  const products = [rr, rg, rb, gg, gb, bb];
  const comoments = PAIRS.map(([i, j], k) => products[k]! - (sums[i] * sums[j]) / n);
  return Float64Array.of(n, r / n, g / n, b / n, ...comoments);
}

/** Combines the moments of two sets of pixels (Chan, Golub & LeVeque 1979). Numerically stable for any sizes. */
export function mergeMoments(a: RgbMoments, b: RgbMoments): RgbMoments {
  const n = a[0]! + b[0]!;
  if (n === 0) return a;
  const delta = [b[1]! - a[1]!, b[2]! - a[2]!, b[3]! - a[3]!] as const;
  const share = b[0]! / n;
  const means = delta.map((d, i) => a[i + 1]! + d * share);
  const comoments = PAIRS.map(([i, j], k) => a[4 + k]! + b[4 + k]! + delta[i] * delta[j] * a[0]! * share);
  return Float64Array.of(n, ...means, ...comoments);
}

/**
 * Computes the mean and the principal components from moments.
 * @throws VggError `VGG_DATASET` if the moments are those of no pixel.
 */
export function statisticsOf(moments: RgbMoments): TrainingStatistics {
  const [count, red, green, blue, ...comoments] = moments as unknown as [number, number, number, number, ...number[]];
  if (!(count > 0)) throw new VggError('dataset', 'the statistics of a training set need at least one pixel, got none');
  const [rr, rg, rb, gg, gb, bb] = comoments.map((value) => value / count / 255 ** 2) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const { values, vectors } = symmetricEigen([
    [rr, rg, rb],
    [rg, gg, gb],
    [rb, gb, bb],
  ]);
  return { mean: [red, green, blue], eigenvalues: values, eigenvectors: vectors, count };
}

/** Returns eigenvalues, largest first, and unit eigenvectors (rows) of a symmetric 3x3 matrix, by cyclic Jacobi rotations. */
export function symmetricEigen(matrix: readonly [Rgb, Rgb, Rgb]): { values: Rgb; vectors: [Rgb, Rgb, Rgb] } {
  const a = matrix.map((row) => [...row]);
  const v = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  for (let sweep = 0; sweep < 32 && Math.abs(a[0]![1]!) + Math.abs(a[0]![2]!) + Math.abs(a[1]![2]!) > 0; sweep++) {
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      rotate(a, v, p, q);
    }
  }
  const order = [0, 1, 2].sort((i, j) => a[j]![j]! - a[i]![i]!);
  const vectors = order.map((k) => withPositiveSign([v[0]![k]!, v[1]![k]!, v[2]![k]!])) as [Rgb, Rgb, Rgb];
  return { values: order.map((k) => a[k]![k]!) as unknown as Rgb, vectors };
}

/** Rotates rows and columns p and q so that `a[p][q]` becomes 0. Rotates the columns of the eigenvectors in the same way. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const off = a[p]![q]!;
  if (off === 0) return;
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const rotateColumns = (row: number[]) => {
    const x = row[p]!;
    const y = row[q]!;
    row[p] = c * x - s * y;
    row[q] = s * x + c * y;
  };
  a.forEach(rotateColumns);
  const rowP = a[p]!;
  const rowQ = a[q]!;
  for (let k = 0; k < 3; k++) {
    const x = rowP[k]!;
    const y = rowQ[k]!;
    rowP[k] = c * x - s * y;
    rowQ[k] = s * x + c * y;
  }
  a[p]![q] = 0;
  a[q]![p] = 0;
  v.forEach(rotateColumns);
}

/** Returns the vector or its opposite: the one whose component of largest magnitude is positive. */
function withPositiveSign(vector: Rgb): Rgb {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? [-vector[0], -vector[1], -vector[2]] : vector;
}
