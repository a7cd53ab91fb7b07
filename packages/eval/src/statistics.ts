/** Standard errors of classification errors, and tests of the difference between two classifiers on the same images. */
import { VggError } from '@vgg/core';

/** Outcomes of one net: 1 for each image whose prediction is wrong, else 0, in a fixed order of the images. */
export type Outcomes = Uint8Array;

/** Error in % and one standard error of it, in %. */
export interface ErrorEstimate {
  readonly error: number;
  readonly standardError: number;
}

/** Difference of two errors. */
export interface Comparison {
  /** Error of the second minus error of the first, in %. */
  readonly difference: number;
  /** One standard error of the difference, in %. */
  readonly standardError: number;
  /** Two-sided probability of a difference at least as large if the two are equally good. */
  readonly p: number;
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Returns the variance around the mean, divided by n - 1; 0 for one value. */
function varianceOf(values: ArrayLike<number>): number {
  if (values.length < 2) return 0;
  const mean = meanOf(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - mean) ** 2;
  return sum / (values.length - 1);
}

function checkOutcomes(runs: readonly Outcomes[]): number {
  const images = runs[0]?.length ?? 0;
  if (images > 0 && runs.every(({ length }) => length === images)) return images;
  const lengths = runs.map(({ length }) => length).join(', ');
  throw new VggError('argument', `expected outcomes of the same images for every net, got ${lengths || 'none'}`);
}

/** Returns the mean outcome of each image over several runs. */
function byImage(runs: readonly Outcomes[], images: number): Float64Array {
  return Float64Array.from({ length: images }, (_, i) => meanOf(runs.map((run) => run[i]!)));
}

/** Returns one standard error, in %, of an error of `percent` measured on a number of images, by the binomial distribution. */
export function binomialError(percent: number, images: number): number {
  const share = percent / 100;
  return 100 * Math.sqrt((share * (1 - share)) / images);
}

/**
 * Returns the error of a net and its standard error. With one run this is the binomial error; with runs of several random
 * seeds, the variances of images and of seeds are added.
 *
 * @param runs outcomes of the net on the same images, one array for each random seed.
 * @throws VggError `VGG_ARGUMENT` if there are no outcomes, or of different numbers of images.
 */
export function errorOf(runs: readonly Outcomes[]): ErrorEstimate {
  const images = checkOutcomes(runs);
  const errors = runs.map((run) => 100 * meanOf(run));
  const error = meanOf(errors);
  if (runs.length === 1) return { error, standardError: binomialError(error, images) };
  const ofImages = (100 ** 2 * varianceOf(byImage(runs, images))) / images;
  return { error, standardError: Math.sqrt(ofImages + varianceOf(errors) / runs.length) };
}

/**
 * Returns the two-sided p of the exact test of McNemar (1947): the probability, if both classifiers are equally good, that the
 * images on which they differ divide at least as unevenly.
 *
 * @param first number of images that only the first got wrong.
 * @param second number of images that only the second got wrong.
 */
export function mcnemar(first: number, second: number): number {
  const n = first + second;
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= Math.min(first, second); k++) {
    logTerm += Math.log((n - k + 1) / k);
    tail += Math.exp(logTerm);
  }
  return Math.min(1, 2 * tail);
}

/** Returns the continued fraction of the incomplete beta function (Numerical Recipes, section 6.4). */
function betaFraction(a: number, b: number, x: number): number {
  const tiny = 1e-300;
  const kept = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    result *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return result;
}

/** Returns ln of the gamma function for x > 0, by Stirling's series. */
function logGamma(x: number): number {
  if (x < 10) return logGamma(x + 1) - Math.log(x);
  const series = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5) - 1 / (1680 * x ** 7);
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

/** Returns the two-sided p of Student's distribution. */
function studentP(t: number, freedom: number): number {
  const x = freedom / (freedom + t * t);
  const a = freedom / 2;
  const b = 0.5;
  const front = Math.exp(a * Math.log(x) + b * Math.log(1 - x) + logGamma(a + b) - logGamma(a) - logGamma(b));
  if (x === 1) return 1;
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(a, b, x)) / a : 1 - (front * betaFraction(b, a, 1 - x)) / b;
}

/**
 * Compares two nets on the same images.
 *
 * With one run of each, p is that of {@link mcnemar}. With runs of several random seeds, p is that of Student's t test on the
 * mean difference of the errors. Its variance is the sum of two parts: that of the images, from the differences of the mean outcomes
 * image by image; and that of the seeds, from the differences run by run, since both runs of a seed share its images and its
 * random numbers, or are one net under two protocols. The degrees of freedom follow Welch and Satterthwaite.
 *
 * @param first outcomes of the first net, one array for each random seed.
 * @param second outcomes of the second net on the same images, of the same seeds in the same order.
 * @throws VggError `VGG_ARGUMENT` if there are no outcomes, different numbers of images, or different numbers of runs.
 */
export function compareErrors(first: readonly Outcomes[], second: readonly Outcomes[]): Comparison {
  const images = checkOutcomes([...first, ...second]);
  const runs = first.length;
  if (second.length !== runs) {
    throw new VggError('argument', `expected runs of the same seeds for both nets, got ${runs} and ${second.length}`);
  }
  const before = byImage(first, images);
  const differences = byImage(second, images).map((value, i) => value - before[i]!);
  const difference = 100 * meanOf(differences);
  const ofImages = (100 ** 2 * varianceOf(differences)) / images;
  if (runs === 1) {
    const only = (sign: number) => differences.reduce((sum, value) => sum + Number(value === sign), 0);
    return { difference, standardError: Math.sqrt(ofImages), p: mcnemar(only(-1), only(1)) };
  }
  const ofSeeds = varianceOf(second.map((run, i) => 100 * (meanOf(run) - meanOf(first[i]!)))) / runs;
  const variance = ofImages + ofSeeds;
  if (variance === 0) return { difference, standardError: 0, p: difference === 0 ? 1 : 0 };
  const freedom = variance ** 2 / (ofImages ** 2 / Math.max(1, images - 1) + ofSeeds ** 2 / (runs - 1));
  const standardError = Math.sqrt(variance);
  return { difference, standardError, p: studentP(difference / standardError, freedom) };
}
