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

/** Weights of an axis: output `i` is the weighted sum of `count[i]` source samples, starting at `first[i]`. */
export interface PillowAxis {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Weights of output `i` start at `i * taps`; {@link ONE} is 1. */
  readonly weights: Int32Array;
  readonly taps: number;
}

function axisOf(from: number, to: number, start: number, length: number, filter: keyof typeof KERNELS): PillowAxis {
  const { support: reach, weight } = KERNELS[filter];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = reach * stretch;
  const inverse = 1 / stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * taps);
  const raw = new Float64Array(taps);
  for (let i = 0; i < length; i++) {
    const centre = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const samples = Math.min(from, Math.trunc(centre + support + 0.5)) - low;
    let sum = 0;
    for (let k = 0; k < samples; k++) {
      raw[k] = weight((k + low - centre + 0.5) * inverse);
      sum += raw[k]!;
    }
    for (let k = 0; k < samples; k++) {
      const scaled = (sum === 0 ? raw[k]! : raw[k]! / sum) * ONE;
      weights[i * taps + k] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    }
    first[i] = low;
    count[i] = samples;
  }
  return { first, count, weights, taps };
}

function clip(sum: number): number {
  return Math.min(255, Math.max(0, sum >> 22));
}

/** Computes output pixel `to` of an axis, rounded to 8 bits, from source pixels that start at `at` and lie `step` apart. */
function blend(
  out: Uint8Array,
  to: number,
  source: Uint8Array,
  at: number,
  step: number,
  { weights, taps, count }: PillowAxis,
  output: number,
): void {
  let red = ONE / 2;
  let green = ONE / 2;
  let blue = ONE / 2;
  const start = output * taps;
  const end = start + count[output]!;
  for (let k = start, from = at; k < end; k++, from += step) {
    const weight = weights[k]!;
    red = (red + Math.imul(source[from]!, weight)) | 0;
    green = (green + Math.imul(source[from + 1]!, weight)) | 0;
    blue = (blue + Math.imul(source[from + 2]!, weight)) | 0;
  }
  out[to] = clip(red);
  out[to + 1] = clip(green);
  out[to + 2] = clip(blue);
}

/** Part of an image: its pixels and its corner in the whole image. */
export interface Part {
  readonly data: Uint8Array;
  readonly width: number;
  readonly left: number;
  readonly top: number;
}

/** A window of a rescaled image: the part of the image that it needs, and its computation from that part. */
export interface PillowPlan {
  readonly source: Window;
  /** Axes of the filter. Absent for `nearest`. */
  readonly axes?: { readonly across: PillowAxis; readonly down: PillowAxis } | undefined;
  /** Returns the window's pixels. @param part pixels of `source`, or of a larger part. */
  compute(part: Part): Uint8Array;
}

function planFilter(size: Size, rescaled: Size, window: Window, filter: keyof typeof KERNELS): PillowPlan {
  const across = axisOf(size.width, rescaled.width, window.left, window.width, filter);
  const down = axisOf(size.height, rescaled.height, window.top, window.height, filter);
  const [left, right] = reach(across);
  const [top, bottom] = reach(down);
  const row = window.width * 3;
  return {
    source: { left, top, width: right - left, height: bottom - top },
    axes: { across, down },
    compute(part) {
      const rows = new Uint8Array((bottom - top) * row);
      for (let y = top; y < bottom; y++) {
        const line = ((y - part.top) * part.width - part.left) * 3;
        for (let x = 0; x < window.width; x++) {
          blend(rows, (y - top) * row + x * 3, part.data, line + across.first[x]! * 3, 3, across, x);
        }
      }
      const out = new Uint8Array(window.height * row);
      for (let y = 0; y < window.height; y++) {
        const from = (down.first[y]! - top) * row;
        for (let x = 0; x < row; x += 3) blend(out, y * row + x, rows, from + x, row, down, y);
      }
      return out;
    },
  };
}

/** Returns the first source sample that an axis reads, and the end of those it reads. */
function reach({ first, count }: PillowAxis): [first: number, end: number] {
  return [first[0]!, first.reduce((end, low, i) => Math.max(end, low + count[i]!), 0)];
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

function planNearest(size: Size, rescaled: Size, window: Window): PillowPlan {
  const across = nearestOf(size.width, rescaled.width, window.left, window.width);
  const down = nearestOf(size.height, rescaled.height, window.top, window.height);
  const left = across[0]!;
  const top = down[0]!;
  return {
    source: { left, top, width: across.at(-1)! - left + 1, height: down.at(-1)! - top + 1 },
    compute(part) {
      const out = new Uint8Array(window.height * window.width * 3);
      let to = 0;
      for (const y of down) {
        for (const x of across) {
          const at = ((y - part.top) * part.width + x - part.left) * 3;
          out[to++] = part.data[at]!;
          out[to++] = part.data[at + 1]!;
          out[to++] = part.data[at + 2]!;
        }
      }
      return out;
    },
  };
}

/** Plans a window of an image of `size` that is rescaled to `rescaled` as `PIL.Image.resize` does. */
export function planPillow(size: Size, rescaled: Size, window: Window, filter: PillowFilter): PillowPlan {
  checkWindow({ left: 0, top: 0, ...rescaled }, rescaled);
  checkWindow(window, rescaled);
  return filter === 'nearest' ? planNearest(size, rescaled, window) : planFilter(size, rescaled, window, filter);
}

/**
 * Rescales an image to `rescaled` as `PIL.Image.resize` does. Computes and returns only the `window` of the result.
 * @throws VggError `VGG_SHAPE` if the image's data does not match its sides; `VGG_ARGUMENT` if a side is not a positive integer
 *   or the window is not inside the result.
 */
export function resampleAsPillow(image: RawImage, rescaled: Size, window: Window, filter: PillowFilter): RawImage {
  checkImage(image);
  const { data, width } = image;
  const plan = planPillow(image, rescaled, window, filter);
  return { data: plan.compute({ data, width, left: 0, top: 0 }), width: window.width, height: window.height };
}
