/** Decodes every kind of image that occurs in data sets, and checks the error for each kind of bad file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type RawImage, rescale } from '../src';
import { decodeImage } from '../src/node';
import { decodeInto } from '../src/node/decode';
import { folder, jpeg, patternImage, png } from './images';
import { noiseImage } from './numbers';

function decode(content: Uint8Array | string, minSide?: number): Promise<RawImage> {
  return decodeImage({ kind: 'file', path: join(folder({ image: content }), 'image') }, 'it.jpg', minSide);
}

function pixel({ data, width }: RawImage, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

const flat = (channels: 3 | 4, background: { r: number; g: number; b: number; alpha?: number }) =>
  sharp({ create: { width: 20, height: 10, channels, background } });

describe('decodeImage', () => {
  it('returns the pixels of a lossless image', async () => {
    const image = patternImage(40, 30);
    expect(await decode(await png(image))).toEqual({ ...image, data: Buffer.from(image.data) });
  });

  it('decodes files of any size, several at once', async () => {
    const images = [noiseImage(40, 30, 1), noiseImage(450, 400, 2), noiseImage(400, 450, 3), noiseImage(30, 40, 4)];
    const files = await Promise.all(images.map(png));
    expect(files.map(({ length }) => length > 256 * 1024)).toEqual([false, true, true, false]);
    const decoded = await Promise.all(files.map((file) => decode(file)));
    expect(decoded.map(({ data }) => Buffer.from(data))).toEqual(images.map(({ data }) => Buffer.from(data)));
  });

  it('decodes a JPEG close to the encoded image', async () => {
    const image = patternImage(64, 48);
    const decoded = await decode(await jpeg(image));
    expect(decoded).toMatchObject({ width: 64, height: 48 });
    const error = decoded.data.reduce((sum, v, i) => sum + Math.abs(v - image.data[i]!), 0) / image.data.length;
    expect(error).toBeLessThan(5);
  });

  it('repeats grey in all channels, of JPEG, PNG and 16-bit PNG', async () => {
    const grey = sharp(Buffer.alloc(200, 100), { raw: { width: 20, height: 10, channels: 1 } }).toColourspace('b-w');
    for (const content of [await grey.clone().jpeg({ quality: 100 }).toBuffer(), await grey.clone().png().toBuffer()]) {
      expect(pixel(await decode(content), 7, 4)).toEqual([100, 100, 100]);
    }
    const deep = sharp(
      Uint16Array.from({ length: 200 }, () => 100 * 256 + 200),
      {
        raw: { width: 20, height: 10, channels: 1 },
      },
    ).toColourspace('grey16');
    const content = await deep.png().toBuffer();
    expect((await sharp(content).metadata()).depth).toBe('ushort');
    expect(pixel(await decode(content), 7, 4)).toEqual([100, 100, 100]);
  });

  it('cuts 16 bits to the upper eight', async () => {
    const data = Uint16Array.from({ length: 600 }, (_, i) => [10, 120, 250][i % 3]! * 256 + 255);
    const content = await sharp(data, { raw: { width: 20, height: 10, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(content).metadata()).depth).toBe('ushort');
    expect(pixel(await decode(content), 3, 3)).toEqual([10, 120, 250]);
  });

  it('lays transparency over white', async () => {
    const content = await flat(4, { r: 200, g: 0, b: 100, alpha: 0.5 }).png().toBuffer();
    expect(pixel(await decode(content), 0, 0)).toBeAllclose([227.5, 127.5, 177.5], { rtol: 0, atol: 1.5 });
  });

  it('reads palettes', async () => {
    const content = await flat(3, { r: 10, g: 200, b: 30 }).png({ palette: true, colours: 4 }).toBuffer();
    expect((await sharp(content).metadata()).isPalette).toBe(true);
    expect(pixel(await decode(content), 5, 5)).toEqual([10, 200, 30]);
  });

  describe('converts CMYK as Pillow does', () => {
    const files = JSON.parse(readFileSync(new URL('fixtures/cmyk.json', import.meta.url), 'utf8')) as Record<
      string,
      { file: string; size: [number, number]; rgb: string }
    >;
    const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'));

    it.each(Object.keys(files))('in %s', async (name) => {
      const { file, size, rgb } = files[name]!;
      const [width, height] = size;
      expect(await decode(Buffer.from(file, 'base64'))).toEqual({ data: bytes(rgb), width, height });
    });

    it('in a crop', async () => {
      const { file, rgb } = files['4:4:4']!;
      const out = new Float32Array(5 * 4 * 3);
      const path = join(folder({ image: bytes(file) }), 'image');
      await decodeInto(out, 0, { kind: 'file', path }, 'crop', ({ width, height }) => ({
        rescaled: { width, height },
        window: { left: 9, top: 7, width: 5, height: 4 },
        flip: false,
        shift: [0, 0, 0],
        erased: null,
      }));
      const expected = Array.from({ length: 60 }, (_, i) => {
        const row = 7 + Math.floor(i / 15);
        return bytes(rgb)[(row * 28 + 9) * 3 + (i % 15)]!;
      });
      expect(out).toBeAllclose(expected, { rtol: 0, atol: 0 });
    });
  });

  it('ignores colour profiles: values are as stored', async () => {
    const content = await flat(3, { r: 200, g: 100, b: 50 }).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(content, { ignoreIcc: true }).raw().toBuffer();
    expect(pixel(await decode(content), 5, 5)).toEqual([...stored.subarray(0, 3)]);
    expect([...stored.subarray(0, 3)]).not.toEqual([200, 100, 50]);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('applies EXIF orientation %i', async (orientation) => {
    // Stored 48x32, its top-left quarter white; the standard says where that corner appears.
    const stored = Buffer.alloc(48 * 32 * 3);
    for (let y = 0; y < 16; y++) stored.fill(255, y * 48 * 3, (y * 48 + 24) * 3);
    const content = await sharp(stored, { raw: { width: 48, height: 32, channels: 3 } })
      .jpeg({ quality: 100 })
      .withMetadata({ orientation })
      .toBuffer();
    const image = await decode(content);
    expect([image.width, image.height]).toEqual(orientation >= 5 ? [32, 48] : [48, 32]);
    const right = [2, 3, 6, 7].includes(orientation);
    const bottom = [3, 4, 7, 8].includes(orientation);
    const at = (x: boolean, y: boolean) => pixel(image, x ? image.width - 4 : 3, y ? image.height - 4 : 3)[0]!;
    expect(at(right, bottom)).toBeGreaterThan(240);
    expect(at(!right, bottom)).toBeLessThan(15);
    expect(at(right, !bottom)).toBeLessThan(15);
  });

  it('reads the orientation as a short, a long number or a byte, in both byte orders', async () => {
    const content = await jpeg(patternImage(48, 32));
    for (const [type, order] of [
      [3, 'II'],
      [3, 'MM'],
      [4, 'II'],
      [4, 'MM'],
      [1, 'II'],
    ] as const) {
      const tiff = Buffer.alloc(26);
      const [u16, u32] =
        order === 'II' ? (['writeUInt16LE', 'writeUInt32LE'] as const) : (['writeUInt16BE', 'writeUInt32BE'] as const);
      tiff.write(order, 0);
      tiff[u16](42, 2);
      tiff[u32](8, 4);
      tiff[u16](1, 8);
      tiff[u16](0x0112, 10);
      tiff[u16](type, 12);
      tiff[u32](1, 14);
      if (type === 3) tiff[u16](6, 18);
      else if (type === 4) tiff[u32](6, 18);
      else tiff[18] = 6;
      const exif = Buffer.concat([Buffer.from([0xff, 0xe1, 0, 34]), Buffer.from('Exif\0\0', 'latin1'), tiff]);
      const image = await decode(Buffer.concat([content.subarray(0, 2), exif, content.subarray(2)]));
      expect([type, order, image.width, image.height]).toEqual([type, order, 32, 48]);
    }
  });

  it('ignores what follows the end of a JPEG image', async () => {
    const content = await jpeg(patternImage(80, 60));
    const longer = Buffer.concat([content, Buffer.alloc(1000), Buffer.from('a trailer')]);
    expect((await decode(longer)).data).toEqual((await decode(content)).data);
  });

  it('reduces only images of at least six times the required side, to twice that side', async () => {
    const content = await jpeg(patternImage(600, 450));
    expect(await decode(content, 75)).toMatchObject({ width: 200, height: 150 });
    expect(await decode(content, 76)).toMatchObject({ width: 600, height: 450 });
  });

  it('reduces to nearly the same as rescaling the whole image', async () => {
    const content = await jpeg(patternImage(1600, 1200));
    const exact = rescale(await decode(content), 100).data;
    const reduced = rescale(await decode(content, 100), 100).data;
    const error = exact.reduce((sum, v, i) => sum + Math.abs(v - reduced[i]!), 0) / exact.length;
    expect(error).toBeLessThan(1);
  });
});

describe('a file that cannot be used', () => {
  const cases: [string, () => Promise<Uint8Array | string>, RegExp][] = [
    ['of zero bytes', async () => '', /^it\.jpg: the file is empty$/],
    ['of text', async () => 'not a patternImage at all\n'.repeat(20), /^it\.jpg: .*unsupported image format/],
    [
      'that is a truncated JPEG',
      async () => (await jpeg(patternImage(80, 60))).subarray(0, -300),
      /^it\.jpg: .*truncated/,
    ],
    ['that ends in its JPEG header', async () => (await jpeg(patternImage(80, 60))).subarray(0, 120), /^it\.jpg: /],
    ['that is a truncated PNG', async () => (await png(patternImage(80, 60))).subarray(0, 900), /^it\.jpg: /],
    ['of 1x1 pixels', () => png(patternImage(1, 1)), /^it\.jpg: 1x1 is too small/],
    [
      '30,000 pixels wide',
      () => jpeg({ data: new Uint8Array(30_000 * 8 * 3), width: 30_000, height: 8 }),
      /30000x8 is too large/,
    ],
    ['longer than 32:1', () => png(patternImage(400, 10)), /400x10 is longer than 32:1/],
    [
      'of vector graphics',
      async () => '<svg xmlns="http://www.w3.org/2000/svg" width="50" height="50"/>',
      /svg is not a supported format \(jpeg, png, .*\): convert it/,
    ],
  ];

  it.each(cases)('%s is named with the reason', async (_, content, message) => {
    await expect(decode(await content())).rejects.toMatchObject({
      code: 'VGG_IMAGE',
      message: expect.stringMatching(message),
    });
  });

  it('may claim more pixels than there is memory for', async () => {
    const content = Buffer.from(await jpeg(patternImage(64, 48)));
    const frame = content.indexOf(Buffer.from([0xff, 0xc0]));
    content.writeUInt16BE(16_000, frame + 5);
    content.writeUInt16BE(16_000, frame + 7);
    await expect(decode(content)).rejects.toThrow(/16000x16000 is more than/);
  });

  it('that is missing is named, too', async () => {
    const location = { kind: 'file', path: join(folder({}), 'gone.jpg') } as const;
    await expect(decodeImage(location, 'gone.jpg')).rejects.toThrow(/there is no file .*gone\.jpg: check the path/);
  });
});
