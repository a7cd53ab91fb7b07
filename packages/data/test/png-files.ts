/** PNG files of random pixels, of any kind, made for tests. */
import { deflateSync } from 'node:zlib';
import { type RandomStream, randomStream } from '@vgg/core';

export const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Kinds of colours in a header. */
export const [GREY, RGB, PALETTE] = [0, 2, 3];
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 6: 4 };

/** The checksum of PNG, bit by bit. */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

export function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

export interface PngOptions {
  colours: number;
  bits: number;
  width?: number;
  height?: number;
  random?: RandomStream;
  interlaced?: boolean;
  /** Filter of every row. Default another one for each row. */
  filter?: number;
  /** Bytes between the header and the pixels. */
  before?: Buffer;
  /** Number of chunks with pixels. Default 1. */
  parts?: number;
  /** Number of colours. Default as many as the bits allow. */
  paletteSize?: number;
}

/** Returns a file whose rows are random bytes after the numbers of their filters. */
export function pngOf({
  colours,
  bits,
  width = 8,
  height = 8,
  random = randomStream(1, 'png'),
  interlaced = false,
  filter,
  before = Buffer.alloc(0),
  parts = 1,
  paletteSize = 2 ** bits,
}: PngOptions): Buffer {
  const bytes = (count: number) => Buffer.from(random.fillUniform(new Float32Array(count)).map((u) => u * 256));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, colours, 0, 0, interlaced ? 1 : 0], 8);
  const rowBytes = Math.ceil((width * bits * CHANNELS[colours]!) / 8);
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.concat([Buffer.from([filter ?? y % 5]), bytes(rowBytes)]),
  );
  const compressed = deflateSync(Buffer.concat(rows));
  const part = Math.ceil(compressed.length / parts);
  const pixels = Array.from({ length: parts }, (_, i) => chunk('IDAT', compressed.subarray(i * part, (i + 1) * part)));
  const palette = colours === PALETTE ? [chunk('PLTE', bytes(paletteSize * 3))] : [];
  const all = [chunk('IHDR', header), ...palette, before, ...pixels, chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...all]);
}
