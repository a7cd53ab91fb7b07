/**
 * Weights and images of recorded fixtures: hashes of (stream, index), which tools/fixtures/models.py computes in the same
 * way, so that they need not be stored.
 */
import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';

/** Returns numbers in [0, 1), multiples of 2^-24, from the 32-bit finaliser of MurmurHash3 over (stream, index). */
export function hashed(stream: number, length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => {
    let x = (i + Math.imul(stream, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 8) * 2 ** -24;
  });
}

/** Returns images [count, height, width, 3] of stream `seed`, uniform in [-amplitude, amplitude). */
export function hashedImages(
  { seed, amplitude }: { seed: number; amplitude: number },
  count: number,
  height: number,
  width: number,
): Tensor4D {
  const values = hashed(seed, count * height * width * 3).map((u) => (2 * u - 1) * amplitude);
  return tensor4d(Float32Array.from(values), [count, height, width, 3]);
}

const VALUE = {
  weight: (u: number, fanIn: number) => (2 * u - 1) * Math.sqrt(6 / fanIn),
  bias: (u: number) => (2 * u - 1) * 0.1,
  scale: (u: number) => 0.5 + u,
  offset: (u: number) => (2 * u - 1) * 0.2,
  mean: (u: number) => (2 * u - 1) * 0.2,
  variance: (u: number) => 0.5 + u,
};

interface Spec {
  role: keyof typeof VALUE;
  shape: readonly number[];
}

/** Returns an initialiser for `@vgg/models`: one stream per variable, in the net's order, from `seed` + 1 on. */
export function hashedInitialiser({ seed }: { seed: number }): (spec: Spec) => Float32Array {
  let stream = seed;
  return ({ role, shape }) => {
    stream += 1;
    const size = shape.reduce((product, n) => product * n, 1);
    const fanIn = size / shape.at(-1)!;
    return Float32Array.from(hashed(stream, size), (u) => VALUE[role](u, fanIn));
  };
}
