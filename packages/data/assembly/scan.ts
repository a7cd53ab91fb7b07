/**
 * Decodes the entropy-coded scan (T.81 annex F). It reads every symbol up to the last row that is needed, and transforms only
 * the blocks of the window.
 */

import {
  BLOCK,
  COMPONENT_AC,
  COMPONENT_DC,
  COMPONENT_H,
  COMPONENT_PLANE,
  COMPONENT_PREDICTOR,
  COMPONENT_QUANT,
  COMPONENT_SIZE,
  COMPONENT_STRIDE,
  COMPONENT_V,
  COMPONENTS,
  HUFFMAN,
  HUFFMAN_SIZE,
  LARGEST,
  OFFSET,
  QUANT,
  QUANT_SIZE,
  SYMBOLS,
  ZIGZAG,
} from '../src/node/memory-layout';
import { inverse } from './inverse';

let at: usize = 0;
let end: usize = 0;
let accumulator: u64 = 0;
let bits: i32 = 0;
/** Number of bits in the accumulator that did not come from the file. */
let padding: i32 = 0;

/** Adds bytes to the accumulator until it holds at least 32 bits. Adds zeros once a marker is reached. */
function fill(): void {
  if (at + 4 <= end) {
    const word = bswap<u32>(load<u32>(at));
    const inverse = ~word;
    if (((inverse - 0x01010101) & ~inverse & 0x80808080) === 0) {
      accumulator = (accumulator << 32) | u64(word);
      bits += 32;
      at += 4;
      return;
    }
  }
  while (bits <= 48) {
    let byte: u32 = 0;
    if (at < end) {
      byte = load<u8>(at);
      if (byte === 0xff) {
        if (at + 1 < end && load<u8>(at + 1) === 0) at += 2;
        else {
          byte = 0;
          padding += 8;
        }
      } else at += 1;
    } else padding += 8;
    accumulator = (accumulator << 8) | u64(byte);
    bits += 8;
  }
}

/** Returns `length << 8 | symbol` of a code of up to 9 bits, 0 for a longer code. Needs 16 bits in the accumulator. */
function lookup(table: usize): i32 {
  return i32(load<u16>(table + (usize((accumulator >> (bits - 9)) & 511) << 1)));
}

/** Returns the symbol of a code of more than 9 bits, -1 for an invalid code. */
function longSymbol(table: usize): i32 {
  for (let length = 10; length <= 16; length++) {
    const code = i32((accumulator >> (bits - length)) & ((1 << length) - 1));
    if (code <= load<i32>(table + LARGEST + (usize(length) << 2))) {
      bits -= length;
      return load<u8>(table + SYMBOLS + usize((code + load<i32>(table + OFFSET + (usize(length) << 2))) & 255));
    }
  }
  return -1;
}

/** Reads the next `size` bits as a signed value (F.2.2.1). */
function receive(size: i32): i32 {
  bits -= size;
  const value = i32((accumulator >> bits) & ((1 << size) - 1));
  return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

/**
 * Builds a Huffman table from the numbers of codes of each length (16 bytes at `counts`) and the symbols that follow them.
 * Returns false if the counts are not those of a valid code.
 */
export function makeHuffman(index: i32, counts: usize): bool {
  const table = HUFFMAN + usize(index) * HUFFMAN_SIZE;
  memory.fill(table, 0, HUFFMAN_SIZE);
  let code = 0;
  let place = 0;
  for (let length = 1; length <= 16; length++) {
    const count = i32(load<u8>(counts + length - 1));
    store<i32>(table + OFFSET + (usize(length) << 2), place - code);
    for (let i = 0; i < count; i++, code++, place++) {
      if (place > 255 || code >= 1 << length) return false;
      const value = load<u8>(counts + 16 + place);
      store<u8>(table + SYMBOLS + place, value);
      if (length <= 9) {
        const first = code << (9 - length);
        for (let k = 0; k < 1 << (9 - length); k++)
          store<u16>(table + (usize(first + k) << 1), u16((length << 8) | i32(value)));
      }
    }
    store<i32>(table + LARGEST + (usize(length) << 2), count > 0 ? code - 1 : -1);
    code <<= 1;
  }
  return true;
}

/**
 * Reads a block. If it is needed, writes its coefficients to BLOCK. Returns the zigzag place of the last nonzero coefficient,
 * -1 for corrupt data.
 */
function readBlock(component: usize, needed: bool): i32 {
  if (bits < 32) fill();
  const dc = HUFFMAN + usize(load<i32>(component, COMPONENT_DC)) * HUFFMAN_SIZE;
  const entry = lookup(dc);
  bits -= entry >> 8;
  const size = entry > 0 ? entry & 255 : longSymbol(dc);
  if (size < 0 || size > 15) return -1;
  let predictor = load<i32>(component, COMPONENT_PREDICTOR);
  if (size > 0) {
    predictor += receive(size);
    store<i32>(component, predictor, COMPONENT_PREDICTOR);
  }
  const ac = HUFFMAN + usize(4 + load<i32>(component, COMPONENT_AC)) * HUFFMAN_SIZE;
  if (!needed) {
    for (let k = 1; k < 64; k++) {
      if (bits < 32) fill();
      const entry = lookup(ac);
      bits -= entry >> 8;
      const code = entry > 0 ? entry & 255 : longSymbol(ac);
      if (code < 0) return -1;
      const length = code & 15;
      if (length === 0) {
        if (code !== 0xf0) return 0;
        k += 15;
      } else {
        k += code >> 4;
        bits -= length;
      }
      if (k > 63) return -1;
    }
    return 0;
  }
  memory.fill(BLOCK, 0, 256);
  const quant = QUANT + usize(load<i32>(component, COMPONENT_QUANT)) * QUANT_SIZE;
  store<i32>(BLOCK, predictor * load<i32>(quant));
  let last = 0;
  for (let k = 1; k < 64; k++) {
    if (bits < 32) fill();
    const entry = lookup(ac);
    bits -= entry >> 8;
    const code = entry > 0 ? entry & 255 : longSymbol(ac);
    if (code < 0) return -1;
    const length = code & 15;
    if (length === 0) {
      if (code !== 0xf0) return last;
      k += 15;
      if (k > 63) return -1;
      continue;
    }
    k += code >> 4;
    if (k > 63) return -1;
    const value = receive(length) * load<i32>(quant + (usize(k) << 2));
    store<i32>(BLOCK + (usize(load<u8>(ZIGZAG + k)) << 2), value);
    last = k;
  }
  return last;
}

/**
 * Decodes the scan at `from` up to MCU row `bottom` (exclusive), and stores the blocks of the MCUs in rows `top` to `bottom`
 * and columns `left` to `right` (exclusive). Returns false for corrupt data.
 */
export function decodeScan(
  from: usize,
  to: usize,
  components: i32,
  columns: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): bool {
  at = from;
  end = to;
  accumulator = 0;
  bits = 0;
  padding = 0;
  for (let c = 0; c < components; c++) store<i32>(COMPONENTS + usize(c) * COMPONENT_SIZE, 0, COMPONENT_PREDICTOR);
  for (let row = 0; row < bottom; row++) {
    for (let column = 0; column < columns; column++) {
      const needed = row >= top && column >= left && column < right;
      for (let c = 0; c < components; c++) {
        const component = COMPONENTS + usize(c) * COMPONENT_SIZE;
        const h = load<i32>(component, COMPONENT_H);
        const v = load<i32>(component, COMPONENT_V);
        const stride = usize(load<i32>(component, COMPONENT_STRIDE));
        for (let y = 0; y < v; y++) {
          for (let x = 0; x < h; x++) {
            const last = readBlock(component, needed);
            if (last < 0) return false;
            if (needed) {
              const sample = usize((row - top) * v + y) * 8 * stride + usize((column - left) * h + x) * 8;
              inverse(usize(load<i32>(component, COMPONENT_PLANE)) + sample, stride, last);
            }
          }
        }
      }
    }
  }
  return padding <= bits;
}
