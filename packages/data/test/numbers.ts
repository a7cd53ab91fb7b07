/** Creates the same test images as fixtures/regenerate.py, and decodes its recorded numbers. */
import type { RawImage } from '../src';

/** Returns the upper bits of a linear congruential generator. */
function noise(count: number, state: number): Uint8Array {
  let word = state;
  return Uint8Array.from({ length: count }, () => {
    word = Number((1103515245n * BigInt(word) + 12345n) % 2147483648n);
    return (word >> 16) & 255;
  });
}

/** Returns an image of noise with correlated channels. */
export function noiseImage(width: number, height: number, state: number): RawImage {
  const first = noise(width * height, state);
  const second = noise(width * height, state + 1);
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < first.length; i++) {
    data[i * 3] = first[i]!;
    data[i * 3 + 1] = Math.floor((first[i]! * 3 + second[i]!) / 4);
    data[i * 3 + 2] = 255 - Math.floor((first[i]! + second[i]!) / 2);
  }
  return { data, width, height };
}

export function floats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
}

export function bytes(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, 'base64'));
}
