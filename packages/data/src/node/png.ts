/**
 * Decodes small PNG files without transparency by pngjs (docs/decisions/0204): for them a call of sharp takes much longer than the
 * decoding. The pixels are the same. Files with anything unusual, and damaged ones, are left to sharp.
 */
import { PNG } from 'pngjs';
import type { RawImage, Size } from '../image';

/** Largest number of pixels of a small file. */
const MOST_PIXELS = 128 * 128;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Numbers of bytes: of length and type before a chunk's data, and of these with the checksum after it. */
const CHUNK_HEAD = 8;
const CHUNK_FRAME = 12;
/** Chunks that do not change the pixels. Others may: transparency, orientation. */
const HARMLESS: ReadonlySet<string> = new Set(['IHDR', 'PLTE', 'IDAT', 'gAMA', 'cHRM', 'sRGB', 'pHYs', 'tIME']);
/** Numbers of bits that each kind of colours may have. */
const BITS: Readonly<Record<number, readonly number[]>> = { 0: [1, 2, 4, 8], 2: [8], 3: [1, 2, 4, 8] };
const PALETTE = 3;

/** Returns the size of a file that {@link decodePng} can probably decode, else undefined. */
export function smallPngSize(bytes: Buffer): Size | undefined {
  if (bytes.length < 33 || !bytes.subarray(0, 8).equals(SIGNATURE)) return undefined;
  if (bytes.readUInt32BE(8) !== 13 || bytes.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  const [width, height, bits, colours] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24]!, bytes[25]!];
  const isPlain = bytes[26] === 0 && bytes[27] === 0 && bytes[28] === 0;
  if (!BITS[colours]?.includes(bits) || !isPlain || width < 1 || height < 1) return undefined;
  return width * height > MOST_PIXELS ? undefined : { width, height };
}

/** Returns true if a file has chunks that do not change the pixels only, a palette if it needs one, and an end. */
function hasUsualChunks(bytes: Buffer): boolean {
  let palettes = 0;
  for (let at = SIGNATURE.length; at + CHUNK_FRAME <= bytes.length; ) {
    const type = bytes.toString('latin1', at + 4, at + CHUNK_HEAD);
    if (type === 'IEND') return palettes === (bytes[25] === PALETTE ? 1 : 0);
    if (!HARMLESS.has(type)) return false;
    if (type === 'PLTE') palettes++;
    at += CHUNK_FRAME + bytes.readUInt32BE(at);
  }
  return false;
}

/** Decodes a small file. Returns undefined for a file that must be left to sharp. */
export function decodePng(bytes: Buffer): RawImage | undefined {
  if (smallPngSize(bytes) === undefined || !hasUsualChunks(bytes)) return undefined;
  let image: PNG;
  try {
    image = PNG.sync.read(bytes);
  } catch {
    return undefined;
  }
  const { width, height, data: rgba } = image;
  const data = Buffer.allocUnsafe(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from]!;
    data[to + 1] = rgba[from + 1]!;
    data[to + 2] = rgba[from + 2]!;
  }
  return { data, width, height };
}
