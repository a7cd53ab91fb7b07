/**
 * Decodes Windows bitmaps (docs/decisions/0132): 1, 4, 8, 16, 24 and 32 bits, run lengths, bit masks. As Pillow's conversion to
 * RGB does, it ignores transparency.
 */
import type { RawImage } from '../image';

const COMPRESSION = { none: 0, rle8: 1, rle4: 2, masks: 3, alphaMasks: 6 } as const;

interface Header {
  readonly width: number;
  readonly height: number;
  /** True if the first row of the file is the top row of the image. */
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Start of the pixels. */
  readonly offset: number;
  /** Red, green and blue of each colour; empty above 8 bits. */
  readonly palette: Uint8Array;
  readonly masks: readonly [number, number, number];
}

/** True if a file begins like a bitmap. */
export function isBmp(bytes: Buffer): boolean {
  return bytes.length >= 26 && bytes[0] === 0x42 && bytes[1] === 0x4d && bytes.readUInt32LE(14) <= 124;
}

/** Reads the size of a bitmap. @throws Error if it is not one that can be decoded. */
export function bmpSize(bytes: Buffer): { width: number; height: number } {
  const { width, height } = readHeader(bytes);
  return { width, height };
}

function readHeader(bytes: Buffer): Header {
  const size = bytes.readUInt32LE(14);
  const isCore = size === 12;
  if (!isCore && (size < 40 || bytes.length < 14 + size)) throw new Error('has a corrupt BMP header');
  const width = isCore ? bytes.readUInt16LE(18) : bytes.readInt32LE(18);
  const signedHeight = isCore ? bytes.readUInt16LE(20) : bytes.readInt32LE(22);
  const bits = bytes.readUInt16LE(isCore ? 24 : 28);
  const compression = isCore ? COMPRESSION.none : bytes.readUInt32LE(30);
  if (width < 1 || signedHeight === 0) throw new Error('has a corrupt BMP header');
  const hasMasks = compression === COMPRESSION.masks || compression === COMPRESSION.alphaMasks;
  const isKnown =
    (compression === COMPRESSION.none && [1, 4, 8, 16, 24, 32].includes(bits)) ||
    (compression === COMPRESSION.rle8 && bits === 8) ||
    (compression === COMPRESSION.rle4 && bits === 4) ||
    (hasMasks && (bits === 16 || bits === 32));
  if (!isKnown)
    throw new Error(`is a BMP file of ${bits} bits with compression ${compression}, which is not supported`);
  if (hasMasks && bytes.length < 66) throw new Error('has a corrupt BMP header');
  const mask = (at: number) => bytes.readUInt32LE(54 + at * 4);
  const standard = bits === 16 ? ([0x7c00, 0x3e0, 0x1f] as const) : ([0xff0000, 0xff00, 0xff] as const);
  const afterHeader = 14 + size + (hasMasks && size === 40 ? (compression === COMPRESSION.masks ? 12 : 16) : 0);
  return {
    width,
    height: Math.abs(signedHeight),
    isTopDown: signedHeight < 0,
    bits,
    compression,
    offset: bytes.readUInt32LE(10),
    palette: bits > 8 ? new Uint8Array(0) : readPalette(bytes, afterHeader, bits, isCore),
    masks: hasMasks ? [mask(0), mask(1), mask(2)] : standard,
  };
}

function readPalette(bytes: Buffer, start: number, bits: number, isCore: boolean): Uint8Array {
  const stride = isCore ? 3 : 4;
  const wanted = isCore ? 0 : bytes.readUInt32LE(46);
  const count = wanted === 0 || wanted > 1 << bits ? 1 << bits : wanted;
  const palette = new Uint8Array((1 << bits) * 3);
  for (let i = 0; i < count && start + i * stride + 2 < bytes.length; i++) {
    const at = start + i * stride;
    palette.set([bytes[at + 2]!, bytes[at + 1]!, bytes[at]!], i * 3);
  }
  return palette;
}

/** Decodes a bitmap. @throws Error with the reason if it is damaged. */
export function decodeBmp(bytes: Buffer): RawImage {
  const header = readHeader(bytes);
  const { width, height, palette, bits, compression } = header;
  if (bits > 8) return { width, height, data: readColours(bytes, header) };
  const isPacked = compression === COMPRESSION.rle8 || compression === COMPRESSION.rle4;
  const indices = isPacked ? unpack(bytes, header) : readIndices(bytes, header);
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < indices.length; i++) {
    const at = indices[i]! * 3;
    data[i * 3] = palette[at]!;
    data[i * 3 + 1] = palette[at + 1]!;
    data[i * 3 + 2] = palette[at + 2]!;
  }
  return { width, height, data };
}

/** Returns the start of each row in the file, from the top row to the bottom row. */
function* rowsOf(
  bytes: Buffer,
  { width, height, bits, offset, isTopDown }: Header,
): Generator<[y: number, at: number]> {
  const stride = Math.ceil((width * bits) / 32) * 4;
  const least = offset + stride * (height - 1) + Math.ceil((width * bits) / 8);
  if (least > bytes.length) throw new Error(`is truncated: it ends ${least - bytes.length} bytes too early`);
  for (let y = 0; y < height; y++) yield [y, offset + stride * (isTopDown ? y : height - 1 - y)];
}

function readIndices(bytes: Buffer, header: Header): Uint8Array {
  const { width, height, bits } = header;
  const indices = new Uint8Array(width * height);
  const perByte = 8 / bits;
  const highest = (1 << bits) - 1;
  for (const [y, at] of rowsOf(bytes, header)) {
    for (let x = 0; x < width; x++) {
      const byte = bytes[at + Math.floor(x / perByte)]!;
      indices[y * width + x] = (byte >> (8 - bits * ((x % perByte) + 1))) & highest;
    }
  }
  return indices;
}

/** Returns shift and largest value of a mask. */
function fieldOf(mask: number): { shift: number; largest: number } {
  if (mask === 0) return { shift: 0, largest: 0 };
  let shift = 0;
  while (((mask >>> shift) & 1) === 0) shift += 1;
  return { shift, largest: mask >>> shift };
}

function readColours(bytes: Buffer, header: Header): Uint8Array {
  const { width, height, bits, masks } = header;
  const data = new Uint8Array(width * height * 3);
  const fields = masks.map(fieldOf);
  const step = bits / 8;
  for (const [y, row] of rowsOf(bytes, header)) {
    for (let x = 0; x < width; x++) {
      const at = row + x * step;
      const to = (y * width + x) * 3;
      if (bits === 24) {
        data[to] = bytes[at + 2]!;
        data[to + 1] = bytes[at + 1]!;
        data[to + 2] = bytes[at]!;
        continue;
      }
      const value = bits === 16 ? bytes.readUInt16LE(at) : bytes.readUInt32LE(at);
      for (let channel = 0; channel < 3; channel++) {
        const { shift, largest } = fields[channel]!;
        const part = (value & masks[channel]!) >>> shift;
        data[to + channel] = largest === 255 || largest === 0 ? part : Math.floor((part * 255) / largest);
      }
    }
  }
  return data;
}

/** Unpacks run lengths. Pixels that are left out have the first colour. */
function unpack(bytes: Buffer, { width, height, bits, offset, isTopDown }: Header): Uint8Array {
  const indices = new Uint8Array(width * height);
  let at = offset;
  let x = 0;
  let y = 0;
  const put = (index: number) => {
    if (x < width && y < height) indices[(isTopDown ? y : height - 1 - y) * width + x] = index;
    x += 1;
  };
  const pixel = (byte: number, i: number) => (bits === 8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15);
  while (y < height) {
    if (at + 2 > bytes.length) throw new Error('is truncated');
    const count = bytes[at]!;
    const value = bytes[at + 1]!;
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(pixel(value, i));
    } else if (value === 0) {
      x = 0;
      y += 1;
    } else if (value === 1) return indices;
    else if (value === 2) {
      if (at + 2 > bytes.length) throw new Error('is truncated');
      x += bytes[at]!;
      y += bytes[at + 1]!;
      at += 2;
    } else {
      const length = Math.ceil((value * bits) / 8);
      if (at + length > bytes.length) throw new Error('is truncated');
      for (let i = 0; i < value; i++) put(pixel(bytes[at + (bits === 8 ? i : i >> 1)]!, i));
      at += length + (length % 2);
    }
  }
  return indices;
}
