/** Input of the narrow nets of test/fixtures/pytorch, and the outputs of torch. */
import { readFileSync } from 'node:fs';
import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';

export const FIXTURES = new URL('./fixtures/pytorch/', import.meta.url);

/** Returns two images of 64 x 64 with the values of generate.py. */
export function narrowImages(): Tensor4D {
  const values = Float32Array.from({ length: 2 * 64 * 64 * 3 }, (_, i) => {
    const hashed = (Math.imul(i, 2654435761) + 7) >>> 0;
    return (hashed >>> 8) * 2 ** -24 * 2 - 1;
  });
  return tensor4d(values, [2, 64, 64, 3]);
}

/** Logits of the images by the fixture's file name. */
export const EXPECTED = JSON.parse(readFileSync(new URL('expected.json', FIXTURES), 'utf8')) as Record<
  string,
  number[]
>;
