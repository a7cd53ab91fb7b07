/**
 * What PyTorch computed (tools/fixtures/models.py), read back, and the weights and images that it computed it from, which
 * are a hash of (stream, index) and so need no storing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import type { Initialiser, ResolvedVggOptions, VariableRole } from '../src/index';

const FOLDER = new URL('./fixtures/', import.meta.url);

export interface Recorded {
  options: ResolvedVggOptions;
  /** Stream of the images; the variables have the streams after it. */
  seed: number;
  amplitude: number;
  labels: number[];
  tensors: Map<string, { shape: number[]; values: Float32Array }>;
}

/** The names of the recorded nets. */
export const RECORDED_NETS = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.safetensors'))
  .map((file) => file.replace('.safetensors', ''))
  .filter((name) => name !== 'local-response-norm');

export function readRecorded(name: string): Recorded {
  const bytes = readFileSync(new URL(`${name}.safetensors`, FOLDER));
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...entries } = JSON.parse(bytes.toString('utf8', 8, start));
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const [key, { shape, data_offsets }] of Object.entries<{ shape: number[]; data_offsets: [number, number] }>(
    entries,
  )) {
    const data = bytes.subarray(start + data_offsets[0], start + data_offsets[1]);
    tensors.set(key, { shape, values: new Float32Array(Uint8Array.from(data).buffer) });
  }
  return { ...JSON.parse(__metadata__.fixture), tensors };
}

/** Numbers in [0, 1), multiples of 2^-24, from the 32-bit finaliser of MurmurHash3 over (stream, index). */
export function hashed(stream: number, length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => {
    let x = (i + Math.imul(stream, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 8) * 2 ** -24;
  });
}

export function recordedImages(
  { seed, amplitude }: Pick<Recorded, 'seed' | 'amplitude'>,
  count: number,
  height: number,
  width: number,
): Tensor4D {
  const values = hashed(seed, count * height * width * 3).map((u) => (2 * u - 1) * amplitude);
  return tensor4d(Float32Array.from(values), [count, height, width, 3]);
}

const VALUE: Record<VariableRole, (u: number, fanIn: number) => number> = {
  weight: (u, fanIn) => (2 * u - 1) * Math.sqrt(6 / fanIn),
  bias: (u) => (2 * u - 1) * 0.1,
  scale: (u) => 0.5 + u,
  offset: (u) => (2 * u - 1) * 0.2,
  mean: (u) => (2 * u - 1) * 0.2,
  variance: (u) => 0.5 + u,
};

/** A recorded net's weights: a stream per variable, numbered in the order of the net. */
export function recordedInitialiser({ seed }: Pick<Recorded, 'seed'>): Initialiser {
  let stream = seed;
  return ({ role, shape }) => {
    stream += 1;
    const size = shape.reduce((product, n) => product * n, 1);
    const fanIn = size / shape.at(-1)!;
    return Float32Array.from(hashed(stream, size), (u) => VALUE[role](u, fanIn));
  };
}
