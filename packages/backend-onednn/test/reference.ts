/**
 * Convolutions in float64, written from their definitions, at a sample of places: whole results at VGG's sizes would
 * take minutes.
 */
import { type RandomStream, randomStream } from '@vgg/core';

export interface ConvolutionCase {
  n: number;
  h: number;
  w: number;
  cin: number;
  cout: number;
  k: number;
  stride: number;
  pad: 'same' | 'valid';
}

export interface Geometry extends ConvolutionCase {
  oh: number;
  ow: number;
  top: number;
  left: number;
}

/** Returns output size and padding as TensorFlow defines them. */
export function geometryOf(c: ConvolutionCase): Geometry {
  const out = (size: number) =>
    c.pad === 'same' ? Math.ceil(size / c.stride) : Math.floor((size - c.k) / c.stride) + 1;
  const before = (size: number) =>
    c.pad === 'same' ? Math.floor(Math.max(0, (out(size) - 1) * c.stride + c.k - size) / 2) : 0;
  return { ...c, oh: out(c.h), ow: out(c.w), top: before(c.h), left: before(c.w) };
}

/** Returns normal numbers, the same for the same address. */
export function normals(length: number, ...address: number[]): Float32Array {
  return randomStream(7, 'test', ...address).fillNormal(new Float32Array(length));
}

/** Returns the first, the last and `count` random indices of an array of that length. */
export function places(
  length: number,
  count: number,
  stream: RandomStream = randomStream(9, 'places', length),
): number[] {
  return [0, length - 1, ...Array.from({ length: count }, () => stream.integer(length))];
}

/** Returns |actual - expected| / |expected| over the sample. */
export function relativeError(actual: readonly number[], expected: readonly number[]): number {
  const norm = (values: readonly number[]) => Math.hypot(...values);
  return norm(actual.map((v, i) => v - expected[i]!)) / norm(expected);
}

/** Returns y at a flat index: the sum over the window and input channels. */
export function convolutionAt(g: Geometry, x: Float32Array, filter: Float32Array, index: number): number {
  const oc = index % g.cout;
  const ox = Math.floor(index / g.cout) % g.ow;
  const oy = Math.floor(index / g.cout / g.ow) % g.oh;
  const image = Math.floor(index / g.cout / g.ow / g.oh);
  let sum = 0;
  for (let ky = 0; ky < g.k; ky++) {
    const iy = oy * g.stride - g.top + ky;
    if (iy < 0 || iy >= g.h) continue;
    for (let kx = 0; kx < g.k; kx++) {
      const ix = ox * g.stride - g.left + kx;
      if (ix < 0 || ix >= g.w) continue;
      const at = ((image * g.h + iy) * g.w + ix) * g.cin;
      const from = (ky * g.k + kx) * g.cin * g.cout + oc;
      for (let ic = 0; ic < g.cin; ic++) sum += x[at + ic]! * filter[from + ic * g.cout]!;
    }
  }
  return sum;
}

/** Returns the gradient of the input at a flat index: the sum over the windows that contain it and output channels. */
export function inputGradientAt(g: Geometry, dy: Float32Array, filter: Float32Array, index: number): number {
  const ic = index % g.cin;
  const ix = Math.floor(index / g.cin) % g.w;
  const iy = Math.floor(index / g.cin / g.w) % g.h;
  const image = Math.floor(index / g.cin / g.w / g.h);
  let sum = 0;
  for (let ky = 0; ky < g.k; ky++) {
    const oy = (iy + g.top - ky) / g.stride;
    if (!Number.isInteger(oy) || oy < 0 || oy >= g.oh) continue;
    for (let kx = 0; kx < g.k; kx++) {
      const ox = (ix + g.left - kx) / g.stride;
      if (!Number.isInteger(ox) || ox < 0 || ox >= g.ow) continue;
      const at = ((image * g.oh + oy) * g.ow + ox) * g.cout;
      const from = ((ky * g.k + kx) * g.cin + ic) * g.cout;
      for (let oc = 0; oc < g.cout; oc++) sum += dy[at + oc]! * filter[from + oc]!;
    }
  }
  return sum;
}

/** Returns the gradient of the filter at a flat index: the sum over images and positions. */
export function filterGradientAt(g: Geometry, x: Float32Array, dy: Float32Array, index: number): number {
  const oc = index % g.cout;
  const ic = Math.floor(index / g.cout) % g.cin;
  const kx = Math.floor(index / g.cout / g.cin) % g.k;
  const ky = Math.floor(index / g.cout / g.cin / g.k);
  let sum = 0;
  for (let image = 0; image < g.n; image++) {
    for (let oy = 0; oy < g.oh; oy++) {
      const iy = oy * g.stride - g.top + ky;
      if (iy < 0 || iy >= g.h) continue;
      for (let ox = 0; ox < g.ow; ox++) {
        const ix = ox * g.stride - g.left + kx;
        if (ix < 0 || ix >= g.w) continue;
        sum += x[((image * g.h + iy) * g.w + ix) * g.cin + ic]! * dy[((image * g.oh + oy) * g.ow + ox) * g.cout + oc]!;
      }
    }
  }
  return sum;
}
