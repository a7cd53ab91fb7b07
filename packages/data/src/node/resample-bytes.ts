/**
 * Resampling of 8-bit images by the WebAssembly module: the same bits as `resampleInto` of src/resample.ts, in a quarter of
 * the time.
 */
import type { Rgb } from '../image';
import { type Axis, type Columns, columnsOf, span, triangleAxis } from '../resample';
import { HEAP } from './memory-layout';
import { align, callModule, moduleMemory, SLACK } from './wasm-module';

/** Part of an 8-bit image. Its data may already lie in the module's memory. */
export interface BytePart {
  readonly data: Uint8Array;
  readonly width: number;
  readonly left: number;
  readonly top: number;
}

/**
 * Longest side of images whose axes are cached. Small images often all have one size, and computing an axis takes as long as
 * computing the crop.
 */
const LONGEST_CACHED = 128;
const CACHE_SIZE = 512;
const axes = new Map<string, Axis>();
const columnsOfAxes = new WeakMap<Axis, Columns>();

/** Returns {@link triangleAxis} of the arguments, from a cache for small images. */
export function axisOf(from: number, to: number, start: number, length: number): Axis {
  if (from > LONGEST_CACHED) return triangleAxis(from, to, start, length);
  const key = `${from} ${to} ${start} ${length}`;
  let axis = axes.get(key);
  if (axis === undefined) {
    if (axes.size === CACHE_SIZE) axes.clear();
    axis = triangleAxis(from, to, start, length);
    axes.set(key, axis);
  }
  return axis;
}

/** Returns {@link columnsOf} an axis, computed once for each axis. */
function columnsFor(axis: Axis): Columns {
  let columns = columnsOfAxes.get(axis);
  if (columns === undefined) {
    columns = columnsOf(axis, axis.first[0]!);
    columnsOfAxes.set(axis, columns);
  }
  return columns;
}

/** Addresses of everything that one call of the module's `resample` reads and writes. */
interface Layout {
  readonly source: number;
  readonly columns: number;
  readonly columnWeights: number;
  readonly rows: number;
  readonly counts: number;
  readonly rowWeights: number;
  readonly row: number;
  readonly out: number;
  readonly end: number;
}

/** @param source address of the image's data if it already lies in the module's memory. */
function layOut(source: number, bytes: number, columns: Columns, vertical: Axis, rowLength: number): Layout {
  let free = align(source + bytes + SLACK);
  const place = (numbers: number) => {
    const address = free;
    free = align(free + numbers * 4 + SLACK);
    return address;
  };
  const width = columns.from.length;
  const height = vertical.first.length;
  return {
    source,
    columns: place(width),
    columnWeights: place(columns.weights.length),
    rows: place(height),
    counts: place(height),
    rowWeights: place(vertical.weights.length),
    row: place(rowLength + columns.taps * 3 + 16),
    out: place(width * height * 3),
    end: free,
  };
}

/** Writes the window that two axes describe into `out` at `offset`, as `resampleInto` does. */
export function resampleBytes(
  out: Float32Array,
  offset: number,
  part: BytePart,
  horizontal: Axis,
  vertical: Axis,
  flip: boolean,
  shift: Rgb,
): void {
  const [left, right] = span(horizontal);
  const columns = columnsFor(horizontal);
  const width = horizontal.first.length;
  const height = vertical.first.length;
  const stride = part.width * 3;
  const rowLength = (right - left) * 3;
  const inModule = part.data.buffer === moduleMemory().bytes.buffer;
  const source = inModule ? part.data.byteOffset : HEAP + SLACK;
  const layout = layOut(source, part.data.length, columns, vertical, rowLength);

  const { bytes, ints, floats } = moduleMemory(layout.end);
  if (!inModule) bytes.set(part.data, source);
  ints.set(columns.from, layout.columns / 4);
  floats.set(columns.weights, layout.columnWeights / 4);
  for (let y = 0; y < height; y++) {
    ints[layout.rows / 4 + y] = (vertical.first[y]! - part.top) * stride + (left - part.left) * 3;
  }
  ints.set(vertical.count, layout.counts / 4);
  floats.set(vertical.weights, layout.rowWeights / 4);
  // Beyond the end of the row the weights are 0. The values there must be finite, so that the products are 0.
  const rowEnd = layout.row / 4 + rowLength;
  floats.fill(0, rowEnd, rowEnd + columns.taps * 3 + 8);
  const [red, green, blue] = shift;
  callModule('resample', {
    ...layout,
    width,
    height,
    stride,
    rowLength,
    columnTaps: columns.taps,
    rowTaps: vertical.taps,
    flip: Number(flip),
    red,
    green,
    blue,
  });
  const result = layout.out / 4;
  out.set(floats.subarray(result, result + width * height * 3), offset);
}
