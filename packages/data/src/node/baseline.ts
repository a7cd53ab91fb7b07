/**
 * The fast way for most photographs: baseline JPEG, decoded only where a crop needs it by a WebAssembly module (assembly/),
 * with the same pixels as libjpeg's. Anything else, and anything suspicious, is left to sharp (docs/decisions/0015).
 */
import type { Window } from '../image';
import { align, HEAP, type Module, memoryOf, SLACK, wasm } from './module';

/** Addresses in the module's memory, as in assembly/index.ts. */
const QUANT = 1024;
const COMPONENTS = 2048 + 8 * 2048 + 128 + 256;

/** A larger file is not worth the memory that the module would hold on to. */
const MAXIMUM_BYTES = 32 * 1024 * 1024;

interface Component {
  readonly id: number;
  readonly h: number;
  readonly v: number;
  readonly quantisation: number;
  dc: number;
  ac: number;
}

interface Scan {
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
  /** 0 grey, 1 full chroma, 2 halved across, 3 halved across and down. */
  readonly sampling: number;
  /** Where the entropy-coded data begin. */
  readonly start: number;
}

/** The bytes before the entropy-coded data of the file that the module's tables are of, and what they say. */
let known: { readonly head: Buffer; readonly scan: Scan } | undefined;

/** Longer heads carry more than tables, and are hardly ever the same. */
const MAXIMUM_HEAD = 2048;

/** As {@link readScan}, which images that one program wrote in one size need only once: their heads are the same. */
function scanOf(bytes: Buffer, module: Module): Scan | undefined {
  const length = known?.head.length ?? 0;
  if (known && bytes.length >= length && known.head.compare(bytes, 0, length) === 0) return known.scan;
  known = undefined;
  const scan = readScan(bytes, module);
  if (scan && scan.start <= MAXIMUM_HEAD) known = { head: Buffer.from(bytes.subarray(0, scan.start)), scan };
  return scan;
}

/** Reads the headers and fills the module's tables; `undefined` for what the module does not do. */
function readScan(bytes: Buffer, { memory, makeHuffman }: Module): Scan | undefined {
  const view = new DataView(memory.buffer);
  const scratch = HEAP;
  let frame: { width: number; height: number; components: Component[] } | undefined;
  let [jfif, adobe, tables, quantisations] = [false, -1, 0, 0];
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1]!;
    const length = bytes.readUInt16BE(at + 2);
    const [body, end] = [at + 4, at + 2 + length];
    if (length < 2 || end > bytes.length) return undefined;
    if (marker === 0xdb) {
      for (let p = body; p < end; ) {
        const index = bytes[p]!;
        if (index > 3 || p + 65 > end) return undefined;
        for (let k = 0; k < 64; k++) view.setInt32(QUANT + index * 256 + k * 4, bytes[p + 1 + k]!, true);
        quantisations |= 1 << index;
        p += 65;
      }
    } else if (marker === 0xc4) {
      for (let p = body; p < end; ) {
        const index = (bytes[p]! & 15) + (bytes[p]! >> 4) * 4;
        if ((bytes[p]! & 15) > 3 || index > 7 || p + 17 > end) return undefined;
        const count = bytes.subarray(p + 1, p + 17).reduce((sum, n) => sum + n, 0);
        if (count > 256 || p + 17 + count > end) return undefined;
        new Uint8Array(memory.buffer).set(bytes.subarray(p + 1, p + 17 + count), scratch);
        if (!makeHuffman(index, scratch)) return undefined;
        tables |= 1 << index;
        p += 17 + count;
      }
    } else if (marker === 0xc0) {
      const count = bytes[body + 5]!;
      if (frame || bytes[body] !== 8 || (count !== 1 && count !== 3) || length < 8 + count * 3) return undefined;
      const components = Array.from({ length: count }, (_, c) => {
        const p = body + 6 + c * 3;
        const [h, v] = [bytes[p + 1]! >> 4, bytes[p + 1]! & 15];
        return { id: bytes[p]!, h, v, quantisation: bytes[p + 2]!, dc: 0, ac: 0 };
      });
      frame = { width: bytes.readUInt16BE(body + 3), height: bytes.readUInt16BE(body + 1), components };
    } else if (marker === 0xe0 && bytes.toString('latin1', body, body + 5) === 'JFIF\0') jfif = true;
    else if (marker === 0xee && bytes.toString('latin1', body, body + 5) === 'Adobe') adobe = bytes[body + 11] ?? 0;
    else if (marker === 0xda) {
      if (!frame || bytes[body] !== frame.components.length || length < 6 + frame.components.length * 2)
        return undefined;
      for (const [c, component] of frame.components.entries()) {
        const p = body + 1 + c * 2;
        component.dc = bytes[p + 1]! >> 4;
        component.ac = bytes[p + 1]! & 15;
        const known =
          component.dc < 4 && component.ac < 4 && (tables >> component.dc) & (tables >> (component.ac + 4)) & 1;
        const quantised = component.quantisation < 4 && (quantisations >> component.quantisation) & 1;
        if (bytes[p] !== component.id || !known || !quantised) return undefined;
      }
      const sampling = samplingOf(frame.components);
      const isYcc = jfif || adobe === 1 || (adobe < 0 && frame.components.every(({ id }, c) => id === c + 1));
      if (sampling === undefined || (frame.components.length === 3 && (!isYcc || adobe === 0))) return undefined;
      return { ...frame, sampling, start: end };
    } else if (marker < 0xe0) return undefined;
    at = end;
  }
  return undefined;
}

function samplingOf(components: readonly Component[]): number | undefined {
  const [luma, ...chroma] = components as [Component, ...Component[]];
  if (chroma.length === 0) return luma.h === 1 && luma.v === 1 ? 0 : undefined;
  if (chroma.some(({ h, v }) => h !== 1 || v !== 1)) return undefined;
  return { 17: 1, 33: 2, 34: 3 }[luma.h * 16 + luma.v];
}

/**
 * The RGB pixels of `window` of a baseline JPEG file, valid until the next call; `undefined` when the file is not one that the
 * module decodes, or its data look damaged.
 */
export function decodeBaseline(bytes: Buffer, window: Window): Uint8Array | undefined {
  if (bytes.length > MAXIMUM_BYTES) return undefined;
  const module = wasm();
  const scan = scanOf(bytes, module);
  if (!scan || scan.width < 16 || scan.height < 16) return undefined;
  const { sampling, components } = scan;
  const [across, down] = [sampling >= 2 ? 2 : 1, sampling === 3 ? 2 : 1];
  const mcus = { columns: Math.ceil(scan.width / (8 * across)), rows: Math.ceil(scan.height / (8 * down)) };
  // Triangle filters reach one chroma sample beyond the window.
  const left = Math.max(0, Math.floor((window.left - across) / (8 * across)));
  const right = Math.min(mcus.columns, Math.floor((window.left + window.width - 1 + across) / (8 * across)) + 1);
  const top = Math.max(0, Math.floor((window.top - down) / (8 * down)));
  const bottom = Math.min(mcus.rows, Math.floor((window.top + window.height - 1 + down) / (8 * down)) + 1);

  const file = HEAP + SLACK;
  const lumaStride = (right - left) * 8 * across;
  const chromaStride = (right - left) * 8;
  const luma = align(file + bytes.length + SLACK);
  const blue = align(luma + lumaStride * (bottom - top) * 8 * down + SLACK);
  const red = align(blue + chromaStride * (bottom - top) * 8 + SLACK);
  const out = align(red + chromaStride * (bottom - top) * 8 + SLACK);
  const size = window.width * window.height * 3;
  const memory = memoryOf(module, out + size + SLACK);
  memory.bytes.set(bytes, file);
  for (let c = 0; c < components.length; c++) {
    const { h, v, quantisation, dc, ac } = components[c]!;
    const at = COMPONENTS / 4 + c * 8;
    memory.ints[at] = sampling === 0 ? 1 : h;
    memory.ints[at + 1] = sampling === 0 ? 1 : v;
    memory.ints[at + 2] = quantisation;
    memory.ints[at + 3] = dc;
    memory.ints[at + 4] = ac;
    memory.ints[at + 5] = c === 0 ? luma : c === 1 ? blue : red;
    memory.ints[at + 6] = c === 0 ? lumaStride : chromaStride;
    memory.ints[at + 7] = 0;
  }
  const sound = module.decodeScan(
    file + scan.start,
    file + bytes.length,
    components.length,
    mcus.columns,
    left,
    right,
    top,
    bottom,
  );
  if (!sound) return undefined;
  const lumaRow = window.top - top * 8 * down;
  const lumaColumn = window.left - left * 8 * across;
  // With full chroma the planes are cut alike; with less, upsampling finds its place by itself.
  const shift = sampling === 1 ? lumaRow * chromaStride + lumaColumn : 0;
  module.convert(
    sampling,
    luma + lumaRow * lumaStride + lumaColumn,
    lumaStride,
    blue + shift,
    red + shift,
    chromaStride,
    window.top,
    window.left,
    top * 8,
    left * 8,
    Math.ceil(scan.width / across),
    Math.ceil(scan.height / down),
    window.width,
    window.height,
    out,
  );
  return memory.bytes.subarray(out, out + size);
}
