/**
 * Addresses in the memory of the WebAssembly module, in bytes. This file is compiled twice: into the module (assembly/) and
 * into the code that fills the module's tables, so it uses no types.
 */

/** Quantisation tables: 4 tables of 64 i32 in zigzag order. */
export const QUANT = 1024;
export const QUANT_SIZE = 256;
/** Huffman tables: DC 0 to 3, then AC 0 to 3. */
export const HUFFMAN = 2048;
export const HUFFMAN_SIZE = 2048;
/**
 * Parts of a Huffman table. It begins with 512 u16 `length << 8 | symbol`, one for each value of the next 9 bits. For longer
 * codes follow the largest code and the offset of each length, then all symbols.
 */
export const LARGEST = 1024;
export const OFFSET = 1104;
export const SYMBOLS = 1184;
/** Zigzag order: 64 u8, the place of the k-th coefficient in its block. */
export const ZIGZAG = HUFFMAN + 8 * HUFFMAN_SIZE;
/** Current block: 64 i32. */
export const BLOCK = ZIGZAG + 128;
/** Table of the image's components, up to 3 entries. */
export const COMPONENTS = BLOCK + 256;
export const COMPONENT_SIZE = 32;
/** Parts of an entry of that table, each an i32: sampling factors, table numbers, address and row stride of the plane. */
export const COMPONENT_H = 0;
export const COMPONENT_V = 4;
export const COMPONENT_QUANT = 8;
export const COMPONENT_DC = 12;
export const COMPONENT_AC = 16;
export const COMPONENT_PLANE = 20;
export const COMPONENT_STRIDE = 24;
/** DC value of the previous block. The module sets it. */
export const COMPONENT_PREDICTOR = 28;
/** Transposed block between the two passes of the inverse DCT. */
export const SCRATCH = COMPONENTS + 3 * COMPONENT_SIZE;

/** End of the tables. */
const TABLES_END = 32768;
/** Column sums of chroma as i16, with one extra sum at either end. */
export const SUMS = TABLES_END;
/** Upsampled rows of the two chroma components. */
export const CHROMA_BLUE = SUMS + 36864;
export const CHROMA_RED = CHROMA_BLUE + 18432;
/** Start of the memory that the caller may use freely. */
export const HEAP = CHROMA_RED + 18432;
