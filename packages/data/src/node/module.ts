/** The WebAssembly module of assembly/, one for each thread, and its memory. */
import { BASELINE_WASM } from './baseline.wasm';

export interface Module {
  readonly memory: WebAssembly.Memory;
  makeHuffman(index: number, counts: number): number;
  decodeScan(
    from: number,
    to: number,
    components: number,
    columns: number,
    left: number,
    right: number,
    top: number,
    bottom: number,
  ): number;
  convert(
    sampling: number,
    luma: number,
    lumaStride: number,
    blue: number,
    red: number,
    chromaStride: number,
    firstRow: number,
    firstColumn: number,
    chromaTop: number,
    chromaLeft: number,
    chromaWidth: number,
    chromaHeight: number,
    width: number,
    height: number,
    out: number,
  ): void;
  resample(
    out: number,
    width: number,
    height: number,
    source: number,
    stride: number,
    row: number,
    n: number,
    columns: number,
    columnWeights: number,
    columnTaps: number,
    rows: number,
    counts: number,
    rowWeights: number,
    rowTaps: number,
    flip: boolean,
    red: number,
    green: number,
    blue: number,
  ): void;
}

/** As in assembly/layout.ts: where memory is free to be used, and where the zigzag order is expected. */
export const HEAP = 32768 + 36864 + 2 * 18432;
const ZIGZAG = 2048 + 8 * 2048;

/** What vector loads and stores may touch beyond a buffer. */
export const SLACK = 64;

/** Where the k-th coefficient in zigzag order lies in a block (T.81 figure 5). */
const ZIGZAG_ORDER = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
];

let loaded: Module | undefined;

export function wasm(): Module {
  if (!loaded) {
    const module = new WebAssembly.Module(Buffer.from(BASELINE_WASM, 'base64'));
    loaded = new WebAssembly.Instance(module).exports as unknown as Module;
    new Uint8Array(loaded.memory.buffer).set(ZIGZAG_ORDER, ZIGZAG);
  }
  return loaded;
}

export function align(address: number): number {
  return (address + 15) & ~15;
}

/** The module's memory as numbers of three kinds. */
export interface Views {
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  readonly floats: Float32Array;
}

let views: Views | undefined;

/** Makes the memory hold `size` bytes. Earlier views of it may be void afterwards. */
export function memoryOf({ memory }: Module, size: number): Views {
  const pages = Math.ceil((size - memory.buffer.byteLength) / 65536);
  if (pages > 0) memory.grow(pages);
  const { buffer } = memory;
  if (views?.bytes.buffer !== buffer) {
    views = { bytes: new Uint8Array(buffer), ints: new Int32Array(buffer), floats: new Float32Array(buffer) };
  }
  return views;
}
