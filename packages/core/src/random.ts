/**
 * Addressed random numbers: a stream is a pure function of (seed, purpose, indices). The numbers of a run therefore do
 * not depend on the number of workers, the prefetch depth or the number of machines, and a resumed run gets the same
 * numbers as one that was never interrupted.
 *
 * The generator is Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
 * 2011): only 32-bit additions, rotations and exclusive-ors, so the bits are the same on every JavaScript engine and in
 * C++.
 */
import { VggError } from './errors';

const PARITY = 0x1bd11bda;

/** Bit that marks a counter which derives a key: no counter that draws numbers can equal it. */
const DERIVE = 0x80000000;

/**
 * Threefry-2x32-20: encrypts the counter (c0, c1) under the key (k0, k1). Writes two unsigned 32-bit words to `out`.
 * The rounds are written out: a loop over the rotations is three times slower, and full-size nets draw 10^8 numbers.
 */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number, out: Uint32Array): void {
  const k2 = PARITY ^ k0 ^ k1;
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  x0 = (x0 + k1) | 0;
  x1 = (x1 + k2 + 1) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0;
  x0 = (x0 + k2) | 0;
  x1 = (x1 + k0 + 2) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  x0 = (x0 + k0) | 0;
  x1 = (x1 + k1 + 3) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0;
  x0 = (x0 + k1) | 0;
  x1 = (x1 + k2 + 4) | 0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0;
  x0 = (x0 + x1) | 0;
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0;
  x0 = (x0 + k2) | 0;
  x1 = (x1 + k0 + 5) | 0;
  out[0] = x0;
  out[1] = x1;
}

function low(value: number): number {
  return value >>> 0;
}

function high(value: number): number {
  return Math.floor(value / 0x100000000) >>> 0;
}

function checkIndex(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new VggError('argument', `${what} of a random stream must be an integer from 0 to 2^53 - 1, got ${value}`);
  }
}

/** Sequence of random numbers, determined by its address. */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #block = new Uint32Array(2);
  #counter = 0;
  #used = 2;
  /** Second number of the last Box-Muller pair, until it is returned. */
  #spareNormal: number | undefined;

  /** @internal Use {@link randomStream}. */
  constructor(key: readonly [number, number]) {
    this.#key = key;
  }

  /** Returns a uniform integer in [0, 2^32). */
  uint32(): number {
    if (this.#used === 2) {
      threefry2x32(this.#key[0], this.#key[1], low(this.#counter), high(this.#counter), this.#block);
      this.#counter += 1;
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /**
   * Skips the next `count` integers and returns their address, for code that draws them elsewhere with the same
   * generator. Integer i is word i mod 2 of the block that encrypts the counter ⌊i / 2⌋ under the key.
   */
  take(count: number): { key: readonly [number, number]; start: number } {
    checkIndex(count, 'a count');
    const start = this.#counter * 2 - (2 - this.#used);
    const end = start + count;
    this.#counter = Math.floor(end / 2);
    this.#used = 2;
    if (end % 2 === 1) {
      this.uint32();
    }
    return { key: this.#key, start };
  }

  /** Returns a uniform number in [0, 1). It is a multiple of 2^-24, exact in float32, so it never rounds up to 1. */
  uniform(): number {
    return (this.uint32() >>> 8) * 2 ** -24;
  }

  /** Returns a normal number with mean 0 and variance 1 (Box-Muller: two numbers from two integers). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 0.5) * 2 ** -32));
    const angle = 2 * Math.PI * (this.uint32() + 0.5) * 2 ** -32;
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /**
   * Returns a uniform integer in [0, bound), without modulo bias.
   *
   * @param bound an integer from 1 to 2^32.
   * @throws VggError `VGG_ARGUMENT` for any other bound.
   */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 0x100000000) {
      throw new VggError('argument', `the bound of a random integer must be an integer from 1 to 2^32, got ${bound}`);
    }
    const limit = 0x100000000 - (0x100000000 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** Fills `out` with uniform numbers in [0, 1) and returns it. */
  fillUniform(out: Float32Array): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = this.uniform();
    return out;
  }

  /** Fills `out` with normal numbers (mean 0, variance 1) and returns it. */
  fillNormal(out: Float32Array): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = this.normal();
    return out;
  }

  /** Returns a uniformly random permutation of 0 … length - 1 (Fisher-Yates). */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swap = order[i]!;
      order[i] = order[j]!;
      order[j] = swap;
    }
    return order;
  }
}

/**
 * Returns the stream at an address.
 *
 * @param seed random seed of the run, an integer from 0 to 2^53 - 1.
 * @param purpose use of the numbers: `'crop'`, `'dropout/fc6'`. Streams of different purposes are independent.
 * @param indices place in the run: epoch, sample, micro-batch …; each an integer from 0 to 2^53 - 1. Streams with
 *   different lists of indices, or lists of different lengths, are independent.
 * @throws VggError `VGG_ARGUMENT` if the seed or an index is not such an integer.
 */
export function randomStream(seed: number, purpose: string, ...indices: readonly number[]): RandomStream {
  checkIndex(seed, 'the seed');
  const key = Uint32Array.of(low(seed), high(seed));
  const mix = (first: number, second: number) => threefry2x32(key[0]!, key[1]!, first, (second | DERIVE) >>> 0, key);
  // Two UTF-16 units of the purpose per block, then its length: no two purposes give the same words.
  for (let i = 0; i < purpose.length; i += 2) {
    const second = i + 1 < purpose.length ? purpose.charCodeAt(i + 1) : 0;
    mix(((purpose.charCodeAt(i) << 16) | second) >>> 0, 0x20000000);
  }
  mix(purpose.length, 0x40000000);
  for (const index of indices) {
    checkIndex(index, 'an index');
    mix(low(index), high(index));
  }
  return new RandomStream([key[0]!, key[1]!]);
}
