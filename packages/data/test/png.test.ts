/** Small PNG files: pngjs has the pixels of sharp, and what is unusual is left to sharp. */
import { randomStream } from '@vgg/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../src/node/decode';
import { decodePng, smallPngSize } from '../src/node/png';
import { chunk, GREY, PALETTE, type PngOptions, pngOf, RGB, SIGNATURE } from './png-files';

/** Returns the RGB pixels that sharp decodes. */
async function pixelsBySharp(bytes: Uint8Array): Promise<Uint8Array> {
  const { data, info } = await sharp(bytes, { ignoreIcc: true })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return info.channels === 3 ? data : Uint8Array.from({ length: data.length * 3 }, (_, i) => data[Math.floor(i / 3)]!);
}

const KINDS: readonly [string, PngOptions][] = [
  ['RGB', { colours: RGB, bits: 8 }],
  ...[1, 2, 4, 8].map((bits): [string, PngOptions] => [`grey of ${bits} bits`, { colours: GREY, bits }]),
  ...[1, 2, 4, 8].map((bits): [string, PngOptions] => [`palette of ${bits} bits`, { colours: PALETTE, bits }]),
];

describe('small PNG files', () => {
  it.each(KINDS)('have the pixels of sharp: %s, rows of every filter', async (_, options) => {
    for (const [i, [width, height]] of [
      [32, 32],
      [7, 13],
      [33, 5],
      [4, 4],
    ].entries()) {
      const bytes = pngOf({ ...options, width: width!, height: height!, random: randomStream(i, 'png') });
      const image = decodePng(bytes)!;
      expect([image.width, image.height]).toEqual([width, height]);
      expect(Buffer.compare(image.data, await pixelsBySharp(bytes))).toBe(0);
    }
  });

  it('written by sharp have the pixels that were written, through decodeImage too', async () => {
    const pixels = Buffer.from(Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * i) >> 4));
    const bytes = await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
      .png({ adaptiveFiltering: true })
      .toBuffer();
    expect(Buffer.compare(decodePng(bytes)!.data, pixels)).toBe(0);
    expect(Buffer.compare((await decodeImage(bytes)).data, pixels)).toBe(0);
  });

  it('may have chunks that do not change the pixels, and pixels in several chunks', async () => {
    const gamma = chunk('gAMA', Buffer.from([0, 0, 0x40, 0]));
    const bytes = pngOf({ colours: RGB, bits: 8, width: 20, height: 20, before: gamma, parts: 3 });
    expect(Buffer.compare(decodePng(bytes)!.data, await pixelsBySharp(bytes))).toBe(0);
  });

  it.each<[string, PngOptions]>([
    ['transparency of a colour', { colours: RGB, bits: 8, before: chunk('tRNS', Buffer.alloc(6)) }],
    ['an orientation', { colours: RGB, bits: 8, before: chunk('eXIf', Buffer.from('MM\0*\0\0\0\x08\0\0')) }],
    ['an alpha channel', { colours: 6, bits: 8 }],
    ['16 bits', { colours: RGB, bits: 16 }],
    ['interlaced rows', { colours: RGB, bits: 8, interlaced: true }],
    ['a palette in an image of grey', { colours: GREY, bits: 8, before: chunk('PLTE', Buffer.alloc(6)) }],
    ['an unknown filter', { colours: RGB, bits: 8, filter: 5 }],
    ['more than 16,384 pixels', { colours: GREY, bits: 8, width: 129, height: 128 }],
  ])('with %s are left to sharp', (_, options) => {
    expect(decodePng(pngOf({ width: 8, height: 8, ...options }))).toBeUndefined();
  });

  it('that are cut short or changed anywhere are left to sharp', () => {
    const bytes = pngOf({ colours: PALETTE, bits: 8, width: 9, height: 9 });
    for (let length = 0; length < bytes.length - 1; length++)
      expect(decodePng(bytes.subarray(0, length))).toBeUndefined();
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i]! ^= 0x10;
      expect(decodePng(changed)).toBeUndefined();
    }
  });

  it('with a number of a colour that the palette lacks are left to sharp', () => {
    const bytes = pngOf({ colours: PALETTE, bits: 8, width: 9, height: 9, paletteSize: 3 });
    expect(decodePng(bytes)).toBeUndefined();
  });

  it('are known by their header; other files are not', () => {
    expect(smallPngSize(pngOf({ colours: RGB, bits: 8, width: 9, height: 5 }))).toEqual({ width: 9, height: 5 });
    expect(smallPngSize(Buffer.concat([SIGNATURE, Buffer.alloc(40)]))).toBeUndefined();
    expect(smallPngSize(Buffer.from('GIF89a'))).toBeUndefined();
  });

  it('refuse the size of an unusable image as other files do', async () => {
    const bytes = pngOf({ colours: GREY, bits: 8, width: 3, height: 9 });
    await expect(decodeImage(bytes)).rejects.toThrow('3x9 is too small');
  });
});
