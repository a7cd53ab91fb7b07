/**
 * The training set's mean RGB value (section 2.1) and the principal components of its RGB values (section 3.1), gathered
 * in one pass. Every pixel of every image, at its original size, counts once.
 */
import { VggError } from '@vgg/core';
import { checkImage, type RawImage, type Rgb } from './image';

/** Mean and principal components of the RGB values of a training set. Plain JSON. */
export interface TrainingStatistics {
  /** On the 0..255 scale. */
  readonly mean: Rgb;
  /** Eigenvalues of the covariance matrix of RGB on the 0..1 scale, largest first; the covariance divides by the count. */
  readonly eigenvalues: Rgb;
  /** Row `i` is the unit eigenvector of `eigenvalues[i]`; its component of largest magnitude is positive. */
  readonly eigenvectors: readonly [Rgb, Rgb, Rgb];
  /** Pixels that were counted. */
  readonly count: number;
}

/** Count, mean and co-moments of the pixels seen: `[n, r, g, b, rr, rg, rb, gg, gb, bb]`, the last six about the mean. */
export type RgbMoments = Float64Array;

/** Numbers in an {@link RgbMoments}. */
export const MOMENTS = 10;

/** The two channels of each co-moment. */
const PAIRS = [
  [0, 0],
  [0, 1],
  [0, 2],
  [1, 1],
  [1, 2],
  [2, 2],
] as const;

/** The moments of one image. Its sums are integers below 2^53, so they are exact. */
export function imageMoments(image: RawImage): RgbMoments {
  checkImage(image);
  const { data } = image;
  let [r, g, b, rr, rg, rb, gg, gb, bb] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
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

/** The moments of two sets of pixels together (Chan, Golub & LeVeque 1979): stable whatever their sizes. */
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
 * Mean and principal components from moments.
 * @throws VggError `VGG_DATASET` when no pixel was counted.
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

/** Eigenvalues, largest first, and unit eigenvectors (rows) of a symmetric 3x3 matrix, by cyclic Jacobi rotations. */
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
  const vectors = order.map((k) => positive([v[0]![k]!, v[1]![k]!, v[2]![k]!])) as [Rgb, Rgb, Rgb];
  return { values: order.map((k) => a[k]![k]!) as unknown as Rgb, vectors };
}

/** Rotates rows and columns p and q so that `a[p][q]` becomes 0, and the eigenvectors' columns along. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const off = a[p]![q]!;
  if (off === 0) return;
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const turn = (rows: number[][], k: number) => {
    const [x, y] = [rows[k]![p]!, rows[k]![q]!];
    rows[k]![p] = c * x - s * y;
    rows[k]![q] = s * x + c * y;
  };
  for (let k = 0; k < 3; k++) turn(a, k);
  const [rowP, rowQ] = [a[p]!, a[q]!];
  for (let k = 0; k < 3; k++) {
    const [x, y] = [rowP[k]!, rowQ[k]!];
    rowP[k] = c * x - s * y;
    rowQ[k] = s * x + c * y;
  }
  a[p]![q] = 0;
  a[q]![p] = 0;
  for (let k = 0; k < 3; k++) turn(v, k);
}

/** The vector or its opposite: the one whose component of largest magnitude is positive. */
function positive(vector: Rgb): Rgb {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? [-vector[0], -vector[1], -vector[2]] : vector;
}
