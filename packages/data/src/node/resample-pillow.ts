/**
 * Resampling of 8-bit images as Pillow does by the WebAssembly module: the same bits as {@link resampleAsPillow}, in a tenth of the
 * time.
 */
import type { RawImage } from '../image';
import type { PillowAxis } from '../pillow';
import { HEAP } from './memory-layout';
import type { BytePart } from './resample-bytes';
import { align, callModule, type MemoryViews, moduleMemory, SLACK } from './wasm-module';

/** An axis as the module reads it: weights of two taps at a time. */
interface PairedAxis {
  /** Number of pairs of each output. */
  readonly pairs: Int32Array;
  /** Upper parts of both weights of each pair, then their lower 15 bits, as 16-bit numbers. */
  readonly weights: Int32Array;
  /** Number of bytes of an output's weights. */
  readonly step: number;
}

function pairedAxis({ count, weights, taps }: PillowAxis): PairedAxis {
  const most = (taps + 1) >> 1;
  const paired = new Int32Array(count.length * most * 2);
  for (let i = 0; i < count.length; i++) {
    for (let k = 0; k < count[i]!; k += 2) {
      const a = weights[i * taps + k]!;
      const b = k + 1 < count[i]! ? weights[i * taps + k + 1]! : 0;
      const to = i * most * 2 + k;
      paired[to] = ((a >> 15) & 0xffff) | ((b >> 15) << 16);
      paired[to + 1] = (a & 0x7fff) | ((b & 0x7fff) << 16);
    }
  }
  return { pairs: count.map((samples) => (samples + 1) >> 1), weights: paired, step: most * 8 };
}

/** Finds places in the module's memory: for data, which may already lie there, and behind it. */
function placed(source: Uint8Array) {
  const inModule = source.buffer === moduleMemory().bytes.buffer;
  const data = inModule ? source.byteOffset : HEAP + SLACK;
  let free = align(data + source.length + SLACK);
  return {
    data,
    /** Returns the address of the next `bytes` bytes. */
    place(bytes: number): number {
      const address = free;
      free = align(free + bytes + SLACK);
      return address;
    },
    /** Returns the memory with all places, after the data are written. */
    write(): MemoryViews {
      const memory = moduleMemory(free);
      if (!inModule) memory.bytes.set(source, data);
      return memory;
    },
  };
}

/**
 * Returns the pixels of the window that two axes describe. They are valid until the next call of the module.
 * @param part the source pixels, from those that the first outputs read. Its data may already lie in the module's memory.
 */
export function resamplePillow(part: BytePart, across: PillowAxis, down: PillowAxis): Uint8Array {
  const width = across.first.length;
  const height = down.first.length;
  const left = across.first[0]!;
  const top = down.first[0]!;
  const sourceHeight = down.first.reduce((end, first, i) => Math.max(end, first + down.count[i]!), 0) - top;
  const columns = pairedAxis(across);
  const rows = pairedAxis(down);
  const { data, place, write } = placed(part.data);
  const stride = part.width * 3;
  const layout = {
    out: place(width * height * 3),
    width,
    height,
    source: data + (top - part.top) * stride + (left - part.left) * 3,
    stride,
    sourceHeight,
    between: place(width * (sourceHeight + 1) * 3),
    columns: place(width * 4),
    columnPairs: place(width * 4),
    columnWeights: place(columns.weights.byteLength),
    columnStep: columns.step,
    rows: place(height * 4),
    rowPairs: place(height * 4),
    rowWeights: place(rows.weights.byteLength),
    rowStep: rows.step,
  };
  const { bytes, ints } = write();
  for (let x = 0; x < width; x++) ints[layout.columns / 4 + x] = (across.first[x]! - left) * 3;
  for (let y = 0; y < height; y++) ints[layout.rows / 4 + y] = (down.first[y]! - top) * width * 3;
  ints.set(columns.pairs, layout.columnPairs / 4);
  ints.set(columns.weights, layout.columnWeights / 4);
  ints.set(rows.pairs, layout.rowPairs / 4);
  ints.set(rows.weights, layout.rowWeights / 4);
  callModule('resamplePillow', layout);
  return bytes.subarray(layout.out, layout.out + width * height * 3);
}

/**
 * Returns the numbers of 8-bit pixels from a table of 256 x 3 numbers. They are valid until the next call of the module.
 * @param pixels may lie in the module's memory.
 * @param isReversed true to exchange the first and the last channel before the table is read.
 * @param flip true to mirror the result left to right.
 */
export function lookUp(
  { data: pixels, width, height }: RawImage,
  table: Float32Array,
  isReversed: boolean,
  flip: boolean,
): Float32Array {
  // Pixels in the module's memory have no length any more after it has grown.
  const { length } = pixels;
  const { data, place, write } = placed(pixels);
  const out = place(length * 4);
  const tableAt = place(table.byteLength);
  const { floats } = write();
  floats.set(table, tableAt / 4);
  callModule('lookUp', {
    out,
    pixels: data,
    width,
    height,
    table: tableAt,
    first: isReversed ? 2 : 0,
    flip: Number(flip),
  });
  return floats.subarray(out / 4, out / 4 + length);
}
