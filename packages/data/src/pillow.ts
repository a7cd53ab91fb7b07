/**
 * Resamples 8-bit images exactly as Pillow does. torchvision, timm and Keras resize images with Pillow, so their nets were
 * trained on such images. Unlike our own filter (resample.ts), Pillow rounds to 8 bits after rows and again after columns.
 * https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
 */
import { checkImage, type RawImage, type Size, type Window } from './image';
import { checkWindow } from './resample';

export type PillowFilter = 'nearest' | 'bilinear' | 'bicubic';

/** Filters as functions of the distance in samples, and the distance that they reach. */
const KERNELS = {
  bilinear: { support: 1, weight: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
} as const;

/** Computes Keys's cubic convolution with a = -0.5. */
function cubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** Integer that stands for weight 1, as in Pillow. */
const ONE = 2 ** 22;

/** First source sample and weights of one output of an axis. */
interface Taps {
  readonly first: number;
  readonly weights: Int32Array;
}

function tapsOf(from: number, to: number, start: number, length: number, filter: keyof typeof KERNELS): Taps[] {
  const { support: reach, weight } = KERNELS[filter];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = reach * stretch;
  return Array.from({ length }, (_, i) => {
    const centre = (start + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const inverse = 1 / stretch;
    const raw = Array.from({ length: end - first }, (_, k) => weight((k + first - centre + 0.5) * inverse));
    const sum = raw.reduce((total, value) => total + value, 0);
    const scaled = raw.map((value) => (sum === 0 ? value : value / sum) * ONE);
    return { first, weights: Int32Array.from(scaled, (value) => Math.trunc(value + (value < 0 ? -0.5 : 0.5))) };
  });
}

function clip(sum: number): number {
  return Math.min(255, Math.max(0, sum >> 22));
}

/** Computes one output pixel, rounded to 8 bits, from source pixels that start at `at` and lie `step` apart. */
function blend(out: Uint8Array, to: number, source: Uint8Array, at: number, step: number, weights: Int32Array): void {
  let red = ONE / 2;
  let green = ONE / 2;
  let blue = ONE / 2;
  for (let k = 0, from = at; k < weights.length; k++, from += step) {
    const weight = weights[k]!;
    red += source[from]! * weight;
    green += source[from + 1]! * weight;
    blue += source[from + 2]! * weight;
  }
  out[to] = clip(red);
  out[to + 1] = clip(green);
  out[to + 2] = clip(blue);
}

function filterWindow(image: RawImage, rescaled: Size, window: Window, filter: keyof typeof KERNELS): Uint8Array {
  const across = tapsOf(image.width, rescaled.width, window.left, window.width, filter);
  const down = tapsOf(image.height, rescaled.height, window.top, window.height, filter);
  const top = down[0]!.first;
  const bottom = down.reduce((end, { first, weights }) => Math.max(end, first + weights.length), 0);
  const row = window.width * 3;
  const rows = new Uint8Array((bottom - top) * row);
  for (let y = top; y < bottom; y++) {
    across.forEach(({ first, weights }, x) => {
      const at = (y * image.width + first) * 3;
      blend(rows, (y - top) * row + x * 3, image.data, at, 3, weights);
    });
  }
  const out = new Uint8Array(window.height * row);
  down.forEach(({ first, weights }, y) => {
    for (let x = 0; x < row; x += 3) blend(out, y * row + x, rows, (first - top) * row + x, row, weights);
  });
  return out;
}

/** Returns the source sample of each output, by Pillow's running sum. */
function nearestOf(from: number, to: number, start: number, length: number): Int32Array {
  const step = from / to;
  const out = new Int32Array(length);
  let at = step * 0.5;
  for (let i = 0; i < start + length; i++, at += step) {
    if (i >= start) out[i - start] = Math.min(from - 1, Math.floor(at));
  }
  return out;
}

function nearestWindow(image: RawImage, rescaled: Size, window: Window): Uint8Array {
  const across = nearestOf(image.width, rescaled.width, window.left, window.width);
  const down = nearestOf(image.height, rescaled.height, window.top, window.height);
  const out = new Uint8Array(window.height * window.width * 3);
  let to = 0;
  for (const y of down) {
    for (const x of across) {
      const at = (y * image.width + x) * 3;
      out.set(image.data.subarray(at, at + 3), to);
      to += 3;
    }
  }
  return out;
}

/**
 * Rescales an image to `rescaled` as `PIL.Image.resize` does. Computes and returns only the `window` of the result.
 * @throws VggError `VGG_SHAPE` if the image's data does not match its sides; `VGG_ARGUMENT` if a side is not a positive integer
 *   or the window is not inside the result.
 */
export function resampleAsPillow(image: RawImage, rescaled: Size, window: Window, filter: PillowFilter): RawImage {
  checkImage(image);
  checkWindow({ left: 0, top: 0, ...rescaled }, rescaled);
  checkWindow(window, rescaled);
  const data =
    filter === 'nearest' ? nearestWindow(image, rescaled, window) : filterWindow(image, rescaled, window, filter);
  return { data, width: window.width, height: window.height };
}
