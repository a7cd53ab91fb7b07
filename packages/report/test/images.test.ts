/** Images of a report. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { filterSheet } from '../src/images';

describe('the sheet of filters', () => {
  it('has a pixel for each weight, zero mid-grey, each filter scaled by its largest weight', async () => {
    // Two filters of 1x1 on RGB: (1, 0, -1) and (0, 0.5, 0.25).
    const { src, width, height } = await filterSheet(Float32Array.from([1, 0, 0, 0.5, -1, 0.25]), [1, 1, 3, 2]);
    expect([width, height]).toEqual([3, 1]);
    const pixels = await sharp(Buffer.from(src.split(',')[1]!, 'base64'))
      .raw()
      .toBuffer();
    expect([...pixels]).toEqual([255, 128, 0, 255, 0, 0, 0, 0, 128, 255, 191, 255]);
  });
});
