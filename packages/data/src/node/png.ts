/**
 * Decodes small PNG files without transparency (docs/decisions/0204): for them a call of sharp takes much longer than the decoding.
 * The pixels are the same. Files with anything unusual, and damaged ones, are left to sharp.
 */
import { inflateSync } from 'node:zlib';
import type { RawImage, Size } from '../image';

/** Largest number of pixels of a small file. */
const MOST_PIXELS = 256 * 256;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Numbers of bytes: of length and type before a chunk's data, and of these with the checksum after it. */
const CHUNK_HEAD = 8;
const CHUNK_FRAME = 12;
/** Chunks that do not change the pixels. Others may: transparency, orientation. */
const HARMLESS: ReadonlySet<string> = new Set(['gAMA', 'cHRM', 'sRGB', 'pHYs', 'tIME']);

const COLOURS = { grey: 0, rgb: 2, palette: 3 } as const;

interface Header extends Size {
  readonly bits: number;
  readonly colours: number;
}

/** Returns the header of a small file whose first chunk is usual, or undefined. */
function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.length < 33 || !bytes.subarray(0, 8).equals(SIGNATURE)) return undefined;
  if (bytes.readUInt32BE(8) !== 13 || bytes.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  const [width, height, bits, colours] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24]!, bytes[25]!];
  const isUsual =
    (bits === 8 && (colours === COLOURS.grey || colours === COLOURS.rgb || colours === COLOURS.palette)) ||
    ([1, 2, 4].includes(bits) && (colours === COLOURS.grey || colours === COLOURS.palette));
  const isPlain = bytes[26] === 0 && bytes[27] === 0 && bytes[28] === 0;
  if (!isUsual || !isPlain || width < 1 || height < 1 || width * height > MOST_PIXELS) return undefined;
  return { width, height, bits, colours };
}

/** Returns the size of a file that {@link decodePng} can probably decode, else undefined. */
export function smallPngSize(bytes: Buffer): Size | undefined {
  const header = readHeader(bytes);
  return header && { width: header.width, height: header.height };
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function checksum(bytes: Buffer, begin: number, end: number): number {
  let value = 0xffffffff;
  for (let i = begin; i < end; i++) value = CRC[(value ^ bytes[i]!) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}

interface Chunks {
  /** Red, green and blue of each colour; undefined without a palette. */
  readonly palette: Buffer | undefined;
  readonly compressed: Buffer;
}

/** Returns the chunks with pixels. Returns undefined for an unusual chunk, a wrong checksum or a file that is cut short. */
function readChunks(bytes: Buffer): Chunks | undefined {
  const parts: Buffer[] = [];
  let palette: Buffer | undefined;
  for (let at = SIGNATURE.length; at + CHUNK_FRAME <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + CHUNK_HEAD);
    const end = at + CHUNK_HEAD + length;
    if (end + 4 > bytes.length || checksum(bytes, at + 4, end) !== bytes.readUInt32BE(end)) return undefined;
    const data = bytes.subarray(at + CHUNK_HEAD, end);
    if (type === 'IEND') return { palette, compressed: parts.length === 1 ? parts[0]! : Buffer.concat(parts) };
    if (type === 'PLTE') palette = data;
    else if (type === 'IDAT') parts.push(data);
    else if (type !== 'IHDR' && !HARMLESS.has(type)) return undefined;
    at = end + 4;
  }
  return undefined;
}

function paeth(left: number, above: number, corner: number): number {
  const estimate = left + above - corner;
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - above), Math.abs(estimate - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

/**
 * Undoes the filters of the rows, in place. Each row of `rowBytes` bytes follows the number of its filter.
 * @param step bytes of a pixel, at least 1.
 * @returns false for an unknown filter.
 */
function unfilter(rows: Buffer, rowBytes: number, step: number): boolean {
  const stride = rowBytes + 1;
  for (let start = 1; start < rows.length; start += stride) {
    const filter = rows[start - 1]!;
    if (filter > 4) return false;
    if (filter === 0) continue;
    const isFirst = start === 1;
    for (let i = start; i < start + rowBytes; i++) {
      const left = i - start < step ? 0 : rows[i - step]!;
      const above = isFirst ? 0 : rows[i - stride]!;
      if (filter === 1) rows[i]! += left;
      else if (filter === 2) rows[i]! += above;
      else if (filter === 3) rows[i]! += (left + above) >> 1;
      else rows[i]! += paeth(left, above, isFirst || i - start < step ? 0 : rows[i - stride - step]!);
    }
  }
  return true;
}

/** Returns the RGB pixels of rows without filters; undefined for a number of a colour that the palette lacks. */
function pixelsOf(rows: Buffer, { width, height, bits, colours }: Header, palette?: Buffer): Buffer | undefined {
  const data = Buffer.alloc(width * height * 3);
  const stride = rows.length / height;
  const mask = (1 << bits) - 1;
  const grey = 255 / mask;
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = y * stride + 1;
    if (colours === COLOURS.rgb) {
      data.set(rows.subarray(row, row + width * 3), to);
      to += width * 3;
      continue;
    }
    for (let x = 0; x < width; x++, to += 3) {
      const bit = x * bits;
      const value = (rows[row + (bit >> 3)]! >> (8 - bits - (bit & 7))) & mask;
      if (palette === undefined) {
        data.fill(value * grey, to, to + 3);
        continue;
      }
      if (value * 3 >= palette.length) return undefined;
      for (let c = 0; c < 3; c++) data[to + c] = palette[value * 3 + c]!;
    }
  }
  return data;
}

/** Decodes a small file. Returns undefined for a file that must be left to sharp. */
export function decodePng(bytes: Buffer): RawImage | undefined {
  const header = readHeader(bytes);
  const chunks = header && readChunks(bytes);
  if (header === undefined || chunks === undefined) return undefined;
  if ((header.colours === COLOURS.palette) !== (chunks.palette !== undefined)) return undefined;
  const { width, height, bits, colours } = header;
  const pixelBits = colours === COLOURS.rgb ? 3 * bits : bits;
  const rowBytes = Math.ceil((width * pixelBits) / 8);
  const size = height * (rowBytes + 1);
  let rows: Buffer;
  try {
    rows = inflateSync(chunks.compressed, { maxOutputLength: size, chunkSize: size + 64 });
  } catch {
    return undefined;
  }
  if (rows.length !== size || !unfilter(rows, rowBytes, Math.max(1, pixelBits >> 3))) return undefined;
  const data = pixelsOf(rows, header, chunks.palette);
  return data && { data, width, height };
}
