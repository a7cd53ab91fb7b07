/**
 * Reads the size and the orientation of a JPEG file from its header (ITU-T T.81 annex B, EXIF 2.3 section 4.6). So the pixels
 * that a crop needs are known before anything is decoded. Unusual files are left to the decoder.
 */

export interface JpegHeader {
  /** Width as stored, before the orientation is applied. */
  readonly width: number;
  readonly height: number;
  /** Number of colours: 1 for grey, 3, or 4 for CMYK. */
  readonly components: number;
  /** EXIF orientation, 1 to 8. */
  readonly orientation: number;
  /** True if an end-of-image marker follows the image's data. A truncated file has none. */
  readonly complete: boolean;
}

/** Marker codes (T.81 table B.1). */
const MARKER = { SOF0: 0xc0, DHT: 0xc4, JPG: 0xc8, DAC: 0xcc, SOF15: 0xcf, SOS: 0xda, APP1: 0xe1 } as const;

/** True for the markers SOF0 to SOF15. DHT, JPG and DAC lie between them. */
function beginsFrame(marker: number): boolean {
  if (marker === MARKER.DHT || marker === MARKER.JPG || marker === MARKER.DAC) return false;
  return marker >= MARKER.SOF0 && marker <= MARKER.SOF15;
}

/** Reads the header of a JPEG file. Returns `undefined` if `bytes` do not begin with a header that this reader understands. */
export function readJpegHeader(bytes: Buffer): JpegHeader | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  let size: { width: number; height: number; components: number } | undefined;
  let orientation = 1;
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = bytes.readUInt16BE(at + 2);
    const end = at + 2 + length;
    if (marker === MARKER.SOS) {
      return size && { ...size, orientation, complete: bytes.lastIndexOf(END_OF_IMAGE) >= end };
    }
    if (beginsFrame(marker)) {
      if (length < 8 || end > bytes.length) return undefined;
      size = { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7), components: bytes[at + 9]! };
      if (size.height === 0) return undefined;
    }
    if (marker === MARKER.APP1) orientation = exifOrientation(bytes.subarray(at + 4, end)) ?? orientation;
    at = end;
  }
  return undefined;
}

const END_OF_IMAGE = Buffer.from([0xff, 0xd9]);

/** Returns the orientation tag of an APP1 segment, `undefined` if the segment is not EXIF or has no such tag. */
function exifOrientation(segment: Buffer): number | undefined {
  if (segment.length < 14 || segment.toString('latin1', 0, 6) !== 'Exif\0\0') return undefined;
  const tiff = segment.subarray(6);
  const little = tiff.toString('latin1', 0, 2) === 'II';
  const u16 = (at: number) => (little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const u32 = (at: number) => (little ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at));
  const directory = u32(4);
  if (directory + 2 > tiff.length) return undefined;
  const entries = u16(directory);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + i * 12;
    if (entry + 12 > tiff.length) return undefined;
    if (u16(entry) === 0x0112) {
      // Some cameras store it as a byte or as a long number in place of a short one.
      const type = u16(entry + 2);
      const value = type === 4 ? u32(entry + 8) : type === 1 ? tiff[entry + 8]! : u16(entry + 8);
      return value >= 1 && value <= 8 ? value : undefined;
    }
  }
  return undefined;
}
