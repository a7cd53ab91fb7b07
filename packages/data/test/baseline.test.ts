/** Compares our JPEG decoder with libjpeg, which is part of sharp: it returns the same pixels, bit for bit, or `undefined`. */
import { readFile } from 'node:fs/promises';
import sharp, { type JpegOptions } from 'sharp';
import { describe, expect, it } from 'vitest';
import { compile } from '../assembly/build.mjs';
import type { RawImage, Window } from '../src';
import { decodeBaseline } from '../src/node/baseline';
import { BASELINE_WASM } from '../src/node/baseline.wasm';
import { PARAMETERS } from '../src/node/wasm-module';
import { patternImage } from './images';
import { noiseImage } from './numbers';

const whole = ({ width, height }: { width: number; height: number }): Window => ({ left: 0, top: 0, width, height });

async function libjpeg(file: Buffer, window: Window): Promise<Uint8Array> {
  return new Uint8Array(await sharp(file, { ignoreIcc: true }).extract(window).toColourspace('srgb').raw().toBuffer());
}

function encode({ data, width, height }: RawImage, options: JpegOptions): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg(options)
    .toBuffer();
}

const pixels = (found: Uint8Array | undefined) => found && Uint8Array.from(found);

describe('decodeBaseline', () => {
  const sizes = [
    [16, 16],
    [17, 19],
    [61, 43],
    [130, 97],
    [64, 33],
  ] as const;

  it.each(['4:4:4', '4:2:0'])(
    "returns libjpeg's pixels of whole images with %s chroma, of any size and quality",
    async (chromaSubsampling) => {
      for (const [width, height] of sizes) {
        for (const quality of [30, 90, 100]) {
          for (const image of [patternImage(width, height, 1), noiseImage(width, height, 3)]) {
            const file = await encode(image, { quality, chromaSubsampling });
            expect(pixels(decodeBaseline(file, whole(image)))).toEqual(await libjpeg(file, whole(image)));
          }
        }
      }
    },
  );

  it('returns them for windows at any place', async () => {
    for (const chromaSubsampling of ['4:4:4', '4:2:0']) {
      const file = await encode(noiseImage(130, 97, 5), { quality: 80, chromaSubsampling });
      for (const [left, top, width, height] of [
        [0, 0, 1, 1],
        [129, 96, 1, 1],
        [15, 15, 2, 2],
        [16, 16, 17, 33],
        [31, 1, 99, 96],
        [1, 47, 64, 50],
      ] as const) {
        const window = { left, top, width, height };
        expect(pixels(decodeBaseline(file, window))).toEqual(await libjpeg(file, window));
      }
    }
  });

  it('reads grey and 4:2:2', async () => {
    const halved = await readFile(new URL('fixtures/chroma-422.jpg', import.meta.url));
    for (const window of [whole({ width: 61, height: 43 }), { left: 7, top: 5, width: 33, height: 30 }]) {
      expect(pixels(decodeBaseline(halved, window))).toEqual(await libjpeg(halved, window));
    }
    const grey = await sharp(Buffer.from(noiseImage(40, 30, 2).data.subarray(0, 1200)), {
      raw: { width: 40, height: 30, channels: 1 },
    })
      .toColourspace('b-w')
      .jpeg()
      .toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(1);
    expect(pixels(decodeBaseline(grey, whole({ width: 40, height: 30 })))).toEqual(
      await libjpeg(grey, whole({ width: 40, height: 30 })),
    );
  });

  it('returns undefined for other kinds of files, which sharp decodes', async () => {
    const image = patternImage(40, 30);
    const progressive = await encode(image, { progressive: true });
    const cmyk = await sharp(image.data, { raw: { ...image, channels: 3 } })
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer();
    const small = await encode(patternImage(12, 30), {});
    for (const file of [progressive, cmyk, small, Buffer.from('text'), Buffer.alloc(0)]) {
      expect(decodeBaseline(file, { left: 0, top: 0, width: 8, height: 8 })).toBeUndefined();
    }
  });

  it('returns pixels or undefined for damaged files, and still decodes intact files afterwards', async () => {
    const image = noiseImage(64, 48, 9);
    const file = await encode(image, { quality: 85 });
    const expected = await libjpeg(file, whole(image));
    for (let i = 0; i < 400; i++) {
      const damaged = Buffer.from(i % 2 ? file : file.subarray(0, (file.length * i) / 400));
      if (i % 2) damaged[(i * 7919) % file.length] = (i * 31) % 256;
      const found = decodeBaseline(damaged, whole(image));
      expect([undefined, 64 * 48 * 3]).toContain(found?.length);
    }
    expect(decodeBaseline(file.subarray(0, file.length >> 1), whole(image))).toBeUndefined();
    expect(pixels(decodeBaseline(file, whole(image)))).toEqual(expected);
  });

  it('distinguishes heads that are nearly the same', async () => {
    const images = [patternImage(32, 32, 1), patternImage(32, 32, 2)];
    const files = await Promise.all(images.flatMap((image) => [90, 91].map((quality) => encode(image, { quality }))));
    const window = whole(images[0]!);
    const expected = await Promise.all(files.map((file) => libjpeg(file, window)));
    const damaged = Buffer.from(files[0]!);
    damaged[damaged.indexOf(Buffer.from([0xff, 0xc4])) + 5] = 255;
    for (const i of [0, 2, 1, 3, 3, 0, 1]) {
      expect(pixels(decodeBaseline(files[i]!, window))).toEqual(expected[i]);
      expect(decodeBaseline(damaged, window)).toBeUndefined();
      expect(pixels(decodeBaseline(files[i]!, window))).toEqual(expected[i]);
      expect(decodeBaseline(files[i]!.subarray(0, 200), window)).toBeUndefined();
    }
  });

  it('uses the module that the sources in assembly/ compile to', async () => {
    expect((await compile()).toString('base64')).toBe(BASELINE_WASM);
  });

  it('calls the module with its parameters in the order of the sources', async () => {
    const files = ['colour', 'pillow', 'resample', 'scan'].map(
      (name) => new URL(`../assembly/${name}.ts`, import.meta.url),
    );
    const sources = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
    for (const [name, parameters] of Object.entries(PARAMETERS)) {
      const declared = new RegExp(`^export function ${name}\\(([^)]*)\\)`, 'm').exec(sources)![1]!;
      expect([...declared.matchAll(/(\w+):/g)].map(([, parameter]) => parameter)).toEqual(parameters);
    }
  });
});
