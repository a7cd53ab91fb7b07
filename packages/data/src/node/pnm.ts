/**
 * Decodes the portable anymaps of Netpbm (docs/decisions/0132): P1 to P6, text and binary. Values are brought to 0..255 as Pillow
 * does: `round(value / maximum * 255)`.
 */
import type { RawImage, Size } from '../image';

interface Header extends Size {
  /** Digit of the magic number: 1 to 6. */
  readonly kind: number;
  readonly maximum: number;
  /** Start of the pixels. */
  readonly offset: number;
}

/** True if a file begins like an anymap. */
export function isPnm(bytes: Buffer): boolean {
  return bytes.length > 3 && /^P[1-6][\s#]/.test(bytes.toString('latin1', 0, 3));
}

/** Reads the size of an anymap. @throws Error if its header is damaged. */
export function pnmSize(bytes: Buffer): Size {
  const { width, height } = readHeader(bytes);
  return { width, height };
}

const SPACE: ReadonlySet<number> = new Set([9, 10, 11, 12, 13, 32]);

/** Reads decimal numbers, between which there are spaces and comments. */
class Numbers {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    for (; this.at < bytes.length; this.at++) {
      if (bytes[this.at] === 35) while (this.at < bytes.length && bytes[this.at] !== 10) this.at += 1;
      else if (!SPACE.has(bytes[this.at]!)) return;
    }
  }

  /** Returns the next number. @param digits largest number of digits. */
  next(digits = 10): number {
    this.#skipSpace();
    let value = 0;
    const start = this.at;
    while (this.at < this.#bytes.length && this.at - start < digits) {
      const digit = this.#bytes[this.at]! - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      this.at += 1;
    }
    if (this.at === start) throw new Error(start >= this.#bytes.length ? 'is truncated' : 'has a corrupt PNM header');
    return value;
  }
}

function readHeader(bytes: Buffer): Header {
  const kind = bytes[1]! - 48;
  const numbers = new Numbers(bytes, 2);
  const width = numbers.next();
  const height = numbers.next();
  const maximum = kind === 1 || kind === 4 ? 1 : numbers.next();
  if (width < 1 || height < 1 || maximum < 1 || maximum > 65_535) throw new Error('has a corrupt PNM header');
  return { kind, width, height, maximum, offset: numbers.at + 1 };
}

/** Decodes an anymap. @throws Error with the reason if it is damaged. */
export function decodePnm(bytes: Buffer): RawImage {
  const header = readHeader(bytes);
  const { kind, width, height, maximum } = header;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const values = kind <= 3 ? readText(bytes, header, channels) : readBinary(bytes, header, channels);
  const isInverted = kind === 1 || kind === 4;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const value = Math.min(values[channels === 3 ? i : Math.floor(i / 3)]!, maximum);
    data[i] = maximum === 255 ? value : Math.round(((isInverted ? 1 - value : value) / maximum) * 255);
  }
  return { width, height, data };
}

function readText(bytes: Buffer, { kind, width, height, offset }: Header, channels: number): Uint16Array {
  const values = new Uint16Array(width * height * channels);
  const numbers = new Numbers(bytes, offset);
  const digits = kind === 1 ? 1 : 5;
  for (let i = 0; i < values.length; i++) values[i] = numbers.next(digits);
  return values;
}

function readBinary(bytes: Buffer, header: Header, channels: number): ArrayLike<number> {
  const { kind, width, height, maximum, offset } = header;
  const rowBytes = kind === 4 ? Math.ceil(width / 8) : width * channels * (maximum > 255 ? 2 : 1);
  const end = offset + rowBytes * height;
  if (end > bytes.length) throw new Error(`is truncated: it ends ${end - bytes.length} bytes too early`);
  if (kind !== 4 && maximum <= 255) return bytes.subarray(offset, end);
  const values = new Uint16Array(width * height * channels);
  for (let i = 0; i < values.length; i++) {
    if (kind !== 4) values[i] = bytes.readUInt16BE(offset + i * 2);
    else {
      const x = i % width;
      values[i] = (bytes[offset + Math.floor(i / width) * rowBytes + (x >> 3)]! >> (7 - (x & 7))) & 1;
    }
  }
  return values;
}
