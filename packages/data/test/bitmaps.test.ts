/** BMP and PNM: the pixels of Pillow's conversion to RGB, which the fixture holds for files of every kind. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { centreWindow, crop } from '../src';
import { createEvaluationBatches, decodeImage, openSource } from '../src/node';
import { decodeBmp, isBmp } from '../src/node/bmp';
import { decodePnm, isPnm } from '../src/node/pnm';
import { folder } from './images';

interface Bitmap {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly rgb: string;
}

const fixture = new URL('fixtures/bitmaps.json', import.meta.url);
const bitmaps = Object.entries(JSON.parse(readFileSync(fixture, 'utf8')) as Record<string, Bitmap>);
const bytesOf = (name: string) => Buffer.from(bitmaps.find(([key]) => key === name)![1].file, 'base64');

describe('bitmaps', () => {
  it.each(bitmaps)('%s has the pixels of Pillow', (name, { file, width, height, rgb }) => {
    const bytes = Buffer.from(file, 'base64');
    expect([isBmp(bytes), isPnm(bytes)]).toEqual([name.endsWith('.bmp'), !name.endsWith('.bmp')]);
    const image = isBmp(bytes) ? decodeBmp(bytes) : decodePnm(bytes);
    expect([image.width, image.height]).toEqual([width, height]);
    expect(Buffer.from(image.data).toString('base64')).toBe(rgb);
  });

  it('are decoded in a batch as alone', async () => {
    const root = folder({ 'a/1.bmp': bytesOf('24.bmp'), 'b/2.ppm': bytesOf('6.ppm') });
    const { train } = await openSource(root);
    const whole = await decodeImage(train!.location(0), 'image');
    const transform = { crop: 8, scale: 13, mean: [0, 0, 0] } as const;
    const loader = createEvaluationBatches(train!, { batchSize: 2, workers: 0, transform });
    const { value: batch } = await loader.epoch(0).next();
    const middle = crop({ ...whole, data: Float32Array.from(whole.data) }, centreWindow(whole, 8));
    expect(batch.images.slice(0, 192)).toEqual(middle.data);
    expect(batch.images.slice(0, 192)).toEqual(batch.images.slice(192));
    await loader.close();
  });

  it('that are damaged are refused with the reason, whatever their bytes', async () => {
    const decode = (bytes: Buffer) => decodeImage({ kind: 'file', path: `${folder({ x: bytes })}/x` }, 'x');
    await expect(decode(bytesOf('24.bmp').subarray(0, -20))).rejects.toThrow(/^x: is truncated: it ends 1\d bytes/);
    await expect(decode(bytesOf('6.ppm').subarray(0, -20))).rejects.toThrow(/^x: is truncated: it ends 20 bytes/);
    await expect(decode(Buffer.concat([Buffer.from('BM'), Buffer.alloc(200)]))).rejects.toThrow(/^x: .*corrupt BMP/);
    await expect(decode(Buffer.from('P6 70000 70000 255\n'))).rejects.toThrow(/^x: 70000x70000 is too large/);
    for (const [name, { file }] of bitmaps) {
      const bytes = Buffer.from(file, 'base64');
      for (let at = 2; at < Math.min(bytes.length, 70); at++) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 0x80 >> (at % 8);
        await decode(changed).catch((error) =>
          expect(error.code, `${name} at ${at}: ${error.stack}`).toBe('VGG_IMAGE'),
        );
      }
    }
  });
});
