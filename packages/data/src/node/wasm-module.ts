/** Loads the WebAssembly module of assembly/, once in each thread, and gives access to its functions and its memory. */
import { BASELINE_WASM } from './baseline.wasm';
import { ZIGZAG } from './memory-layout';

/** Parameters of the module's functions, in the order in which assembly/ declares them. All are numbers. */
export const PARAMETERS = {
  makeHuffman: ['index', 'counts'],
  decodeScan: ['from', 'to', 'components', 'columns', 'left', 'right', 'top', 'bottom'],
  convert: [
    'sampling',
    'luma',
    'lumaStride',
    'blue',
    'red',
    'chromaStride',
    'firstRow',
    'firstColumn',
    'chromaTop',
    'chromaLeft',
    'chromaWidth',
    'chromaHeight',
    'width',
    'height',
    'out',
  ],
  resample: [
    'out',
    'width',
    'height',
    'source',
    'stride',
    'row',
    'rowLength',
    'columns',
    'columnWeights',
    'columnTaps',
    'rows',
    'counts',
    'rowWeights',
    'rowTaps',
    'flip',
    'red',
    'green',
    'blue',
  ],
  resamplePillow: [
    'out',
    'width',
    'height',
    'source',
    'stride',
    'sourceHeight',
    'between',
    'columns',
    'columnPairs',
    'columnWeights',
    'columnStep',
    'rows',
    'rowPairs',
    'rowWeights',
    'rowStep',
  ],
  lookUp: ['out', 'pixels', 'width', 'height', 'table', 'first', 'flip'],
} as const;

export type FunctionName = keyof typeof PARAMETERS;

/** Arguments of a function of the module, by name. */
export type Arguments<F extends FunctionName> = Readonly<Record<(typeof PARAMETERS)[F][number], number>>;

type Exports = Record<FunctionName, (...values: number[]) => number> & { readonly memory: WebAssembly.Memory };

/** Number of bytes that vector loads and stores may touch beyond the end of a buffer. */
export const SLACK = 64;

/** Place of the k-th coefficient in zigzag order in its block (T.81 figure 5). */
const ZIGZAG_ORDER = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
];

let cachedExports: Exports | undefined;

function moduleExports(): Exports {
  if (!cachedExports) {
    const module = new WebAssembly.Module(Buffer.from(BASELINE_WASM, 'base64'));
    cachedExports = new WebAssembly.Instance(module).exports as unknown as Exports;
    new Uint8Array(cachedExports.memory.buffer).set(ZIGZAG_ORDER, ZIGZAG);
  }
  return cachedExports;
}

/** Calls a function of the module. A truth value comes back as 0 or 1. */
export function callModule<F extends FunctionName>(name: F, args: Arguments<F>): number {
  const order: readonly (keyof Arguments<F>)[] = PARAMETERS[name];
  return moduleExports()[name](...order.map((parameter) => args[parameter]));
}

/** Rounds an address up to a multiple of 16. */
export function align(address: number): number {
  return (address + 15) & ~15;
}

/** Views of the module's memory as numbers of three types. */
export interface MemoryViews {
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  readonly floats: Float32Array;
}

let cachedViews: MemoryViews | undefined;

/** Returns the module's memory, grown to at least `size` bytes. Growing it makes earlier views unusable. */
export function moduleMemory(size = 0): MemoryViews {
  const { memory } = moduleExports();
  const pages = Math.ceil((size - memory.buffer.byteLength) / 65536);
  if (pages > 0) memory.grow(pages);
  const { buffer } = memory;
  if (cachedViews?.bytes.buffer !== buffer) {
    cachedViews = { bytes: new Uint8Array(buffer), ints: new Int32Array(buffer), floats: new Float32Array(buffer) };
  }
  return cachedViews;
}
