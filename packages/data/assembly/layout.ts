/** Where things lie in the module's memory. src/node/baseline.ts fills the tables and places what comes after them. */

/** Quantisation tables: 4 of 64 i32, in zigzag order. */
export const QUANT: usize = 1024;
/** Huffman tables: DC 0..3, then AC 0..3. */
export const HUFFMAN: usize = 2048;
export const HUFFMAN_SIZE: usize = 2048;
/** In a Huffman table: 512 u16 of length << 8 | symbol by the next 9 bits; for longer codes largest code and offset by length. */
export const LARGEST: usize = 1024;
export const OFFSET: usize = 1104;
export const SYMBOLS: usize = 1184;
/** 64 u8: where the k-th coefficient in zigzag order lies in a block. */
export const ZIGZAG: usize = HUFFMAN + 8 * HUFFMAN_SIZE;
/** 64 i32: the block in hand. */
export const BLOCK: usize = ZIGZAG + 128;
/** What the caller places: 3 components of 8 i32 each: h, v, quantisation, DC, AC table, plane, plane's stride, predictor. */
export const COMPONENTS: usize = BLOCK + 256;
export const COMPONENT_SIZE: usize = 32;
/** Between the passes: the block transposed. */
export const SCRATCH: usize = COMPONENTS + 3 * COMPONENT_SIZE;

/** What is fixed in size ends here. */
const FREE: usize = 32768;
/** Column sums of chroma, i16, one before the first and one after the last; and the upsampled rows of the two components. */
export const SUMS: usize = FREE;
export const CHROMA_BLUE: usize = FREE + 36864;
export const CHROMA_RED: usize = CHROMA_BLUE + 18432;
/** The caller's memory begins here. */
export const HEAP: usize = CHROMA_RED + 18432;
