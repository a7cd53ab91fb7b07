/**
 * Decodes baseline JPEG, the format of most photographs, only where a crop needs it, by the WebAssembly module of assembly/. The
 * pixels are the same as libjpeg's. Other formats and suspicious files are left to sharp (docs/decisions/0015).
 */
import type { Window } from '../image';
import {
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
  HEAP,
  QUANT,
  QUANT_SIZE,
} from './memory-layout';
import { align, callModule, moduleMemory, SLACK } from './wasm-module';

/** Largest file that is decoded, in bytes: the module never returns memory. */
const MAXIMUM_BYTES = 32 * 1024 * 1024;

/** Smallest side that the module decodes, in pixels. */
const MINIMUM_SIDE = 16;

/** Marker codes (T.81 table B.1). */
const MARKER = { SOF0: 0xc0, DHT: 0xc4, SOS: 0xda, DQT: 0xdb, APP0: 0xe0, APP14: 0xee } as const;

/** Chroma sampling, by the numbers that the module knows. */
const SAMPLING = { grey: 0, full: 1, halvedAcross: 2, halvedBoth: 3 } as const;
type Sampling = (typeof SAMPLING)[keyof typeof SAMPLING];

interface FrameComponent {
  readonly id: number;
  readonly h: number;
  readonly v: number;
  /** Number of its quantisation table. */
  readonly quant: number;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: readonly FrameComponent[];
}

/** A component with the numbers of its Huffman tables. */
interface Component extends FrameComponent {
  readonly dc: number;
  readonly ac: number;
}

/** Contents of the headers that decoding needs. */
interface Scan {
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
  readonly sampling: Sampling;
  /** Offset of the entropy-coded data in the file. */
  readonly start: number;
}

/** Contents of the segments before the scan. */
interface Headers {
  frame: Frame | undefined;
  jfif: boolean;
  /** Colour transform that an Adobe segment names. */
  adobe: number | undefined;
  /** Bit k is set if there is a quantisation table k. */
  quantTables: number;
  /** Bit k is set if there is a DC table k (0 to 3) or an AC table k - 4. */
  huffmanTables: number;
}

/** Bytes before the entropy-coded data of the last file. The module's tables hold what they describe. */
let lastHead: { readonly bytes: Buffer; readonly scan: Scan } | undefined;

/** Longest head that is kept. Longer ones hold more than tables and are hardly ever equal. */
const MAXIMUM_HEAD = 2048;

/** Returns the scan of a file. Does not read a head that equals the last one, as is common in files of one program. */
function scanOf(bytes: Buffer): Scan | undefined {
  const length = lastHead?.bytes.length ?? 0;
  if (lastHead && bytes.length >= length && lastHead.bytes.compare(bytes, 0, length) === 0) return lastHead.scan;
  lastHead = undefined;
  const scan = readScan(bytes);
  if (scan && scan.start <= MAXIMUM_HEAD) lastHead = { bytes: Buffer.from(bytes.subarray(0, scan.start)), scan };
  return scan;
}

/** Reads the headers and fills the module's tables. Returns `undefined` for files that the module does not decode. */
function readScan(bytes: Buffer): Scan | undefined {
  const headers: Headers = { frame: undefined, jfif: false, adobe: undefined, quantTables: 0, huffmanTables: 0 };
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1]!;
    const length = bytes.readUInt16BE(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) return undefined;
    const body = bytes.subarray(at + 4, end);
    if (marker === MARKER.SOS) return readScanHeader(body, headers, end);
    if (!readSegment(marker, body, headers)) return undefined;
    at = end;
  }
  return undefined;
}

/** Reads a segment into `headers`. Returns false for one that the module does not support. */
function readSegment(marker: number, body: Buffer, headers: Headers): boolean {
  switch (marker) {
    case MARKER.DQT:
      return readQuantTables(body, headers);
    case MARKER.DHT:
      return readHuffmanTables(body, headers);
    case MARKER.SOF0:
      return readFrame(body, headers);
    case MARKER.APP0:
      if (beginsWith(body, 'JFIF\0')) headers.jfif = true;
      return true;
    case MARKER.APP14:
      if (beginsWith(body, 'Adobe')) headers.adobe = body[11] ?? 0;
      return true;
    default:
      return marker >= MARKER.APP0;
  }
}

function beginsWith(body: Buffer, text: string): boolean {
  return body.toString('latin1', 0, text.length) === text;
}

/** Copies quantisation tables of 8-bit numbers into the module. */
function readQuantTables(body: Buffer, headers: Headers): boolean {
  const { ints } = moduleMemory();
  for (let at = 0; at < body.length; at += 65) {
    const index = body[at]!;
    if (index > 3 || at + 65 > body.length) return false;
    ints.set(body.subarray(at + 1, at + 65), (QUANT + index * QUANT_SIZE) / 4);
    headers.quantTables |= 1 << index;
  }
  return true;
}

/** Lets the module build the Huffman tables. */
function readHuffmanTables(body: Buffer, headers: Headers): boolean {
  for (let at = 0; at < body.length; ) {
    const kind = body[at]! >> 4;
    const number = body[at]! & 15;
    if (kind > 1 || number > 3 || at + 17 > body.length) return false;
    const symbols = body.subarray(at + 1, at + 17).reduce((sum, count) => sum + count, 0);
    const end = at + 17 + symbols;
    if (symbols > 256 || end > body.length) return false;
    moduleMemory().bytes.set(body.subarray(at + 1, end), HEAP);
    const index = kind * 4 + number;
    if (!callModule('makeHuffman', { index, counts: HEAP })) return false;
    headers.huffmanTables |= 1 << index;
    at = end;
  }
  return true;
}

/** Reads a frame header of 8-bit samples with one or three components (T.81 B.2.2). */
function readFrame(body: Buffer, headers: Headers): boolean {
  const count = body[5];
  if (headers.frame || body[0] !== 8 || (count !== 1 && count !== 3) || body.length < 6 + count * 3) return false;
  const components = Array.from({ length: count }, (_, c) => {
    const at = 6 + c * 3;
    return { id: body[at]!, h: body[at + 1]! >> 4, v: body[at + 1]! & 15, quant: body[at + 2]! };
  });
  headers.frame = { width: body.readUInt16BE(3), height: body.readUInt16BE(1), components };
  return true;
}

/** Reads the scan header (T.81 B.2.3) and checks that every table is there and the colours are grey or YCbCr. */
function readScanHeader(body: Buffer, headers: Headers, start: number): Scan | undefined {
  const { frame, jfif, adobe, quantTables, huffmanTables } = headers;
  const count = frame?.components.length ?? 0;
  if (!frame || body[0] !== count || body.length < 4 + count * 2) return undefined;
  const components: Component[] = [];
  for (const [c, component] of frame.components.entries()) {
    const at = 1 + c * 2;
    const dc = body[at + 1]! >> 4;
    const ac = body[at + 1]! & 15;
    const hasHuffman = dc < 4 && ac < 4 && (huffmanTables >> dc) & (huffmanTables >> (ac + 4)) & 1;
    const hasQuant = component.quant < 4 && (quantTables >> component.quant) & 1;
    if (body[at] !== component.id || !hasHuffman || !hasQuant) return undefined;
    components.push({ ...component, dc, ac });
  }
  const sampling = samplingOf(components);
  if (sampling === undefined) return undefined;
  const hasUsualIds = components.every(({ id }, c) => id === c + 1);
  const isYcc = adobe === undefined ? jfif || hasUsualIds : adobe === 1 || (jfif && adobe !== 0);
  if (sampling !== SAMPLING.grey && !isYcc) return undefined;
  return { width: frame.width, height: frame.height, components, sampling, start };
}

/** Returns the chroma sampling, `undefined` for one that the module does not support. */
function samplingOf(components: readonly Component[]): Sampling | undefined {
  const luma = components[0]!;
  const chroma = components.slice(1);
  const isSampled = (h: number, v: number) => luma.h === h && luma.v === v;
  if (chroma.length === 0) return isSampled(1, 1) ? SAMPLING.grey : undefined;
  if (chroma.some(({ h, v }) => h !== 1 || v !== 1)) return undefined;
  if (isSampled(1, 1)) return SAMPLING.full;
  if (isSampled(2, 1)) return SAMPLING.halvedAcross;
  if (isSampled(2, 2)) return SAMPLING.halvedBoth;
  return undefined;
}

/** MCUs that a window needs: columns `left` to `right` and rows `top` to `bottom`, both exclusive at the end. */
interface Mcus {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Number of MCUs in a row of the image. */
  readonly columns: number;
  /** Luma samples for each chroma sample, across and down. An MCU has 8 times as many luma samples. */
  readonly across: number;
  readonly down: number;
}

function mcusOf({ width, height, sampling }: Scan, window: Window): Mcus {
  const across = sampling >= SAMPLING.halvedAcross ? 2 : 1;
  const down = sampling === SAMPLING.halvedBoth ? 2 : 1;
  const columns = Math.ceil(width / (8 * across));
  const rows = Math.ceil(height / (8 * down));
  // Triangle filters reach one chroma sample beyond the window.
  return {
    left: Math.max(0, Math.floor((window.left - across) / (8 * across))),
    right: Math.min(columns, Math.floor((window.left + window.width - 1 + across) / (8 * across)) + 1),
    top: Math.max(0, Math.floor((window.top - down) / (8 * down))),
    bottom: Math.min(rows, Math.floor((window.top + window.height - 1 + down) / (8 * down)) + 1),
    columns,
    across,
    down,
  };
}

/** Addresses of the file, the planes and the result in the module's memory, and the planes' row strides. */
interface Layout {
  readonly file: number;
  readonly luma: number;
  readonly lumaStride: number;
  readonly blue: number;
  readonly red: number;
  readonly chromaStride: number;
  readonly out: number;
  readonly end: number;
}

function layOut(fileBytes: number, outBytes: number, { left, right, top, bottom, across, down }: Mcus): Layout {
  const lumaStride = (right - left) * 8 * across;
  const chromaStride = (right - left) * 8;
  const file = HEAP + SLACK;
  const luma = align(file + fileBytes + SLACK);
  const blue = align(luma + lumaStride * (bottom - top) * 8 * down + SLACK);
  const red = align(blue + chromaStride * (bottom - top) * 8 + SLACK);
  const out = align(red + chromaStride * (bottom - top) * 8 + SLACK);
  return { file, luma, lumaStride, blue, red, chromaStride, out, end: out + outBytes + SLACK };
}

/** Writes the module's table of components. */
function writeComponents({ components, sampling }: Scan, layout: Layout): void {
  const { ints } = moduleMemory();
  const planes = [layout.luma, layout.blue, layout.red];
  components.forEach(({ h, v, quant, dc, ac }, c) => {
    const write = (field: number, value: number) => {
      ints[(COMPONENTS + c * COMPONENT_SIZE + field) / 4] = value;
    };
    write(COMPONENT_H, sampling === SAMPLING.grey ? 1 : h);
    write(COMPONENT_V, sampling === SAMPLING.grey ? 1 : v);
    write(COMPONENT_QUANT, quant);
    write(COMPONENT_DC, dc);
    write(COMPONENT_AC, ac);
    write(COMPONENT_PLANE, planes[c]!);
    write(COMPONENT_STRIDE, c === 0 ? layout.lumaStride : layout.chromaStride);
    write(COMPONENT_PREDICTOR, 0);
  });
}

/**
 * Returns the RGB pixels of `window` of a baseline JPEG file. They are valid until the next call. Returns `undefined` if the
 * module does not decode this kind of file, or if the data look damaged.
 */
export function decodeBaseline(bytes: Buffer, window: Window): Uint8Array | undefined {
  if (bytes.length > MAXIMUM_BYTES) return undefined;
  const scan = scanOf(bytes);
  if (!scan || scan.width < MINIMUM_SIDE || scan.height < MINIMUM_SIDE) return undefined;
  const mcus = mcusOf(scan, window);
  const { left, right, top, bottom, columns, across, down } = mcus;
  const size = window.width * window.height * 3;
  const layout = layOut(bytes.length, size, mcus);
  const memory = moduleMemory(layout.end);
  memory.bytes.set(bytes, layout.file);
  writeComponents(scan, layout);
  const isSound = callModule('decodeScan', {
    from: layout.file + scan.start,
    to: layout.file + bytes.length,
    components: scan.components.length,
    columns,
    left,
    right,
    top,
    bottom,
  });
  if (!isSound) return undefined;
  const row = window.top - top * 8 * down;
  const column = window.left - left * 8 * across;
  const { luma, lumaStride, blue, red, chromaStride, out } = layout;
  // Full chroma begins at the window, as luma does. The upsampling of halved chroma finds its place by itself.
  const chromaOffset = scan.sampling === SAMPLING.full ? row * chromaStride + column : 0;
  callModule('convert', {
    sampling: scan.sampling,
    luma: luma + row * lumaStride + column,
    lumaStride,
    blue: blue + chromaOffset,
    red: red + chromaOffset,
    chromaStride,
    firstRow: window.top,
    firstColumn: window.left,
    chromaTop: top * 8,
    chromaLeft: left * 8,
    chromaWidth: Math.ceil(scan.width / across),
    chromaHeight: Math.ceil(scan.height / down),
    width: window.width,
    height: window.height,
    out,
  });
  return memory.bytes.subarray(out, out + size);
}
