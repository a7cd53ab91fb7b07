/** Converts planes to RGB by libjpeg's triangle upsampling of chroma (jdsample.c) and fixed-point colours (jdcolor.c). */

import { CHROMA_BLUE, CHROMA_RED, SUMS } from '../src/node/memory-layout';
import { times } from './inverse';

/**
 * Doubles the width of a row of chroma by a triangle filter: 3/4 of the nearer and 1/4 of the farther sample. Filters down in
 * the same way if the chroma is `halved` down, too (4:2:0). Of the `length` samples of the rows `near` and `far` it doubles
 * `count` samples from `first`.
 */
function upsample(near: usize, far: usize, halved: bool, first: i32, count: i32, length: i32, out: usize): void {
  const three = i16x8.splat(3);
  const before = first > 0 ? -1 : 0;
  const after = min(count + 1, length - first);
  const sums = SUMS + 2;
  for (let i = before; i < after; i += 8) {
    let sum = v128.load8x8_u(near + i);
    if (halved) sum = i16x8.add(i16x8.mul(sum, three), v128.load8x8_u(far + i));
    v128.store(sums + (isize(i) << 1), sum);
  }
  if (first === 0) store<i16>(SUMS, load<i16>(sums));
  if (first + count >= length)
    store<i16>(sums + (usize(length - first) << 1), load<i16>(sums + (usize(length - first - 1) << 1)));
  const even = i16x8.splat(halved ? 8 : 1);
  const odd = i16x8.splat(halved ? 7 : 2);
  const shift = halved ? 4 : 2;
  for (let i: usize = 0; i < usize(count); i += 8) {
    const place = sums + (i << 1);
    const middle = i16x8.mul(v128.load(place), three);
    const low = i16x8.shr_u(i16x8.add(i16x8.add(middle, v128.load(place - 2)), even), shift);
    const high = i16x8.shr_u(i16x8.add(i16x8.add(middle, v128.load(place + 2)), odd), shift);
    v128.store(out + (i << 1), v128.or(low, i16x8.shl(high, 8)));
  }
}

/** Loads four bytes as four i32. */
function widen(from: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
}

/** Limits four i32 to 0..255. */
function clampToByte(value: v128): v128 {
  return i32x4.min_s(i32x4.max_s(value, i32x4.splat(0)), i32x4.splat(255));
}

/** Writes a row of YCbCr as interleaved RGB, by jdcolor.c's fixed-point numbers. Writes up to 16 bytes beyond the row. */
function convertRow(luma: usize, blue: usize, red: usize, out: usize, width: usize): void {
  const centre = i32x4.splat(128);
  const half = i32x4.splat(32768);
  for (let x: usize = 0; x < width; x += 4, out += 12) {
    const y = widen(luma + x);
    const cb = i32x4.sub(widen(blue + x), centre);
    const cr = i32x4.sub(widen(red + x), centre);
    const r = clampToByte(i32x4.add(y, i32x4.shr_s(i32x4.add(times(cr, 91881), half), 16)));
    const b = clampToByte(i32x4.add(y, i32x4.shr_s(i32x4.add(times(cb, 116130), half), 16)));
    const shade = i32x4.add(i32x4.add(times(cb, -22554), times(cr, -46802)), half);
    const g = clampToByte(i32x4.add(y, i32x4.shr_s(shade, 16)));
    const pixels = v128.or(v128.or(r, i32x4.shl(g, 8)), i32x4.shl(b, 16));
    // Packs RGB0RGB0RGB0RGB0 into RGBRGBRGBRGB.
    v128.store(out, i8x16.swizzle(pixels, i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1)));
  }
}

/**
 * Writes interleaved RGB of `height` rows of `width` pixels to `out`.
 * @param sampling 0 grey, 1 full chroma, 2 chroma halved across, 3 halved across and down.
 * @param luma first luma sample of the window.
 * @param blue first sample of the window in full chroma, first sample of the plane in halved chroma; `red` likewise.
 * @param firstRow row of the window's first pixel in the image; `firstColumn` its column.
 * @param chromaTop row of the planes' first chroma sample in the image's chroma; `chromaLeft` its column.
 * @param chromaWidth width of the image's chroma; `chromaHeight` its height.
 */
export function convert(
  sampling: i32,
  luma: usize,
  lumaStride: usize,
  blue: usize,
  red: usize,
  chromaStride: usize,
  firstRow: i32,
  firstColumn: i32,
  chromaTop: i32,
  chromaLeft: i32,
  chromaWidth: i32,
  chromaHeight: i32,
  width: i32,
  height: i32,
  out: usize,
): void {
  for (let i = 0; i < height; i++, luma += lumaStride, out += usize(width) * 3) {
    if (sampling === 0) {
      for (let x = 0; x < width; x++) {
        const value = load<u8>(luma + usize(x));
        const to = out + usize(x) * 3;
        store<u8>(to, value);
        store<u8>(to + 1, value);
        store<u8>(to + 2, value);
      }
      continue;
    }
    if (sampling === 1) {
      const row = usize(i) * chromaStride;
      convertRow(luma, blue + row, red + row, out, width);
      continue;
    }
    const y = firstRow + i;
    const halved = sampling === 3;
    const near = halved ? y >> 1 : y;
    const far = halved ? (y & 1 ? min(near + 1, chromaHeight - 1) : max(near - 1, 0)) : near;
    const first = firstColumn >> 1;
    const count = ((firstColumn + width - 1) >> 1) - first + 1;
    const nearRow = usize(near - chromaTop) * chromaStride + usize(first - chromaLeft);
    const farRow = usize(far - chromaTop) * chromaStride + usize(first - chromaLeft);
    upsample(blue + nearRow, blue + farRow, halved, first, count, chromaWidth, CHROMA_BLUE);
    upsample(red + nearRow, red + farRow, halved, first, count, chromaWidth, CHROMA_RED);
    const odd = usize(firstColumn & 1);
    convertRow(luma, CHROMA_BLUE + odd, CHROMA_RED + odd, out, width);
  }
}
