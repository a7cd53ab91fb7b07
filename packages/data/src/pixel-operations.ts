/**
 * Operations on the pixels of a training crop: those of torchvision's ColorJitter and TrivialAugmentWide, with the same
 * definitions, on the 0..255 scale. They are not in the VGG paper.
 */

import { GREY } from './grey';
import type { Size } from './image';

/** One operation. Plain JSON. */
export type PixelOperation =
  /** Blends with black by a factor: 0 black, 1 unchanged, 2 twice as bright. */
  | { readonly kind: 'brightness'; readonly factor: number }
  /** Blends with the mean grey of the crop. */
  | { readonly kind: 'contrast'; readonly factor: number }
  /** Blends with the grey crop. */
  | { readonly kind: 'saturation'; readonly factor: number }
  /** Blends with a smoothed crop. */
  | { readonly kind: 'sharpness'; readonly factor: number }
  /** Keeps the upper bits of each value. */
  | { readonly kind: 'posterise'; readonly bits: number }
  /** Inverts values from a threshold on. */
  | { readonly kind: 'solarise'; readonly threshold: number }
  /** Stretches each channel to 0..255. */
  | { readonly kind: 'autocontrast' }
  /** Makes the histogram of each channel uniform. */
  | { readonly kind: 'equalise' }
  /**
   * Moves pixels: the pixel at (x, y) comes from (a·x + b·y + c, d·x + e·y + f), counted from the crop's upper left corner to
   * the centres of pixels; the nearest pixel is used, and 0 outside the crop.
   */
  | { readonly kind: 'affine'; readonly matrix: readonly [number, number, number, number, number, number] };

/** Weight of the centre and sum of the weights of the smoothing kernel, whose other weights are 1. */
const SMOOTHING = { centre: 5, sum: 13 } as const;

function clamp(value: number): number {
  return Math.min(255, Math.max(0, value));
}

function greyAt(pixels: Float32Array, at: number): number {
  return GREY[0] * pixels[at]! + GREY[1] * pixels[at + 1]! + GREY[2] * pixels[at + 2]!;
}

/** Replaces every value by a function of itself and its index. */
function mapValues(pixels: Float32Array, map: (value: number, index: number) => number): void {
  for (let i = 0; i < pixels.length; i++) pixels[i] = map(pixels[i]!, i);
}

/** Replaces each value v by factor · v + (1 - factor) · other(index), clamped. */
function blend(pixels: Float32Array, factor: number, other: (index: number) => number): void {
  mapValues(pixels, (value, i) => clamp(factor * value + (1 - factor) * other(i)));
}

/** Returns the crop smoothed by a 3×3 kernel; its border is unchanged. */
function smoothed(pixels: Float32Array, { width, height }: Size): Float32Array {
  const result = pixels.slice();
  const row = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * row + 3; i < (y + 1) * row - 3; i++) {
      let sum = (SMOOTHING.centre - 1) * pixels[i]!;
      for (const line of [-row, 0, row]) sum += pixels[i + line - 3]! + pixels[i + line]! + pixels[i + line + 3]!;
      result[i] = sum / SMOOTHING.sum;
    }
  }
  return result;
}

/** Replaces the values of each channel by those of a table, indexed by the rounded value. */
function mapChannels(pixels: Float32Array, tableOf: (values: Uint8Array) => ArrayLike<number> | undefined): void {
  for (let channel = 0; channel < 3; channel++) {
    const values = Uint8Array.from({ length: pixels.length / 3 }, (_, i) =>
      Math.round(clamp(pixels[i * 3 + channel]!)),
    );
    const table = tableOf(values);
    if (table !== undefined) for (let i = 0; i < values.length; i++) pixels[i * 3 + channel] = table[values[i]!]!;
  }
}

/** Returns the table that stretches a channel; undefined for a channel of one value. */
function stretching(values: Uint8Array): number[] | undefined {
  let low = 255;
  let high = 0;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (high === low) return undefined;
  return Array.from({ length: 256 }, (_, value) => clamp(((value - low) * 255) / (high - low)));
}

/** Returns the table that equalises a channel as Pillow does; undefined if it would change nothing. */
function equalising(values: Uint8Array): number[] | undefined {
  const counts = new Uint32Array(256);
  for (const value of values) counts[value]! += 1;
  const last = counts.filter((count) => count > 0).at(-1) ?? 0;
  const step = Math.floor((values.length - last) / 255);
  if (step === 0) return undefined;
  let sum = Math.floor(step / 2);
  return Array.from(counts, (count) => {
    const value = Math.min(255, Math.floor(sum / step));
    sum += count;
    return value;
  });
}

function move(pixels: Float32Array, { width, height }: Size, [a, b, c, d, e, f]: readonly number[]): void {
  const from = pixels.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromX = Math.floor(a! * (x + 0.5) + b! * (y + 0.5) + c!);
      const fromY = Math.floor(d! * (x + 0.5) + e! * (y + 0.5) + f!);
      const inside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
      const at = (fromY * width + fromX) * 3;
      for (let k = 0; k < 3; k++) pixels[(y * width + x) * 3 + k] = inside ? from[at + k]! : 0;
    }
  }
}

/** Applies an operation in place to a crop [height, width, 3] of RGB on the 0..255 scale. */
export function applyOperation(pixels: Float32Array, size: Size, operation: PixelOperation): void {
  switch (operation.kind) {
    case 'brightness':
      blend(pixels, operation.factor, () => 0);
      break;
    case 'contrast': {
      let sum = 0;
      for (let i = 0; i < pixels.length; i += 3) sum += greyAt(pixels, i);
      const mean = (sum * 3) / pixels.length;
      blend(pixels, operation.factor, () => mean);
      break;
    }
    case 'saturation': {
      const grey = Float32Array.from({ length: pixels.length / 3 }, (_, i) => greyAt(pixels, i * 3));
      blend(pixels, operation.factor, (i) => grey[Math.floor(i / 3)]!);
      break;
    }
    case 'sharpness': {
      const smooth = smoothed(pixels, size);
      blend(pixels, operation.factor, (i) => smooth[i]!);
      break;
    }
    case 'posterise': {
      const step = 2 ** (8 - operation.bits);
      mapValues(pixels, (value) => Math.floor(Math.round(value) / step) * step);
      break;
    }
    case 'solarise':
      mapValues(pixels, (value) => (value >= operation.threshold ? 255 - value : value));
      break;
    case 'autocontrast':
      mapChannels(pixels, stretching);
      break;
    case 'equalise':
      mapChannels(pixels, equalising);
      break;
    case 'affine':
      move(pixels, size, operation.matrix);
      break;
  }
}
