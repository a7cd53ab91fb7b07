/** {@link resampleInto} of src/resample.ts by the WebAssembly module, for 8-bit images: the same bits in a quarter of the time. */
import type { Rgb } from '../image';
import { type Axis, type Columns, columnsOf, span, triangleAxis } from '../resample';
import { align, HEAP, memoryOf, SLACK, wasm } from './module';

/** What is read: 8-bit pixels, which may lie in the module's memory already. */
export interface BytePart {
  readonly data: Uint8Array;
  readonly width: number;
  readonly left: number;
  readonly top: number;
}

/** Axes of images with sides up to this are kept: these are often all of one size, and an axis takes as long as a crop. */
const SMALL = 128;
const MOST_KEPT = 512;
const axes = new Map<string, Axis>();
const columns = new WeakMap<Axis, Columns>();

/** {@link triangleAxis}, made once for small images. */
export function axisOf(from: number, to: number, start: number, length: number): Axis {
  if (from > SMALL) return triangleAxis(from, to, start, length);
  const name = `${from} ${to} ${start} ${length}`;
  let axis = axes.get(name);
  if (axis === undefined) {
    if (axes.size === MOST_KEPT) axes.clear();
    axis = triangleAxis(from, to, start, length);
    axes.set(name, axis);
  }
  return axis;
}

/** {@link columnsOf} of what an axis reads, made once for each. */
function columnsFor(axis: Axis): Columns {
  let made = columns.get(axis);
  if (made === undefined) {
    made = columnsOf(axis, axis.first[0]!);
    columns.set(axis, made);
  }
  return made;
}

/** Writes the window given by two axes into `out` at `offset`, as resampleInto does. */
export function resampleBytes(
  out: Float32Array,
  offset: number,
  part: BytePart,
  horizontal: Axis,
  vertical: Axis,
  flip: boolean,
  shift: Rgb,
): void {
  const module = wasm();
  const [left, right] = span(horizontal);
  const { from, weights, taps } = columnsFor(horizontal);
  const [width, height] = [horizontal.first.length, vertical.first.length];
  const stride = part.width * 3;
  const n = (right - left) * 3;

  const there = part.data.buffer === module.memory.buffer;
  const source = there ? part.data.byteOffset : HEAP + SLACK;
  let free = align(source + part.data.length + SLACK);
  const place = (numbers: number) => {
    const address = free;
    free = align(free + numbers * 4 + SLACK);
    return address;
  };
  const columnStarts = place(width);
  const columnWeights = place(weights.length);
  const rowStarts = place(height);
  const counts = place(height);
  const rowWeights = place(vertical.weights.length);
  const row = place(n + taps * 3 + 16);
  const result = place(width * height * 3);
  const { bytes, ints, floats } = memoryOf(module, free);
  if (!there) bytes.set(part.data, source);
  ints.set(from, columnStarts / 4);
  floats.set(weights, columnWeights / 4);
  for (let y = 0; y < height; y++) {
    ints[rowStarts / 4 + y] = (vertical.first[y]! - part.top) * stride + (left - part.left) * 3;
  }
  ints.set(vertical.count, counts / 4);
  floats.set(vertical.weights, rowWeights / 4);
  // Beyond the row's end weights are 0: what they meet must be a number.
  floats.fill(0, row / 4 + n, row / 4 + n + taps * 3 + 8);
  module.resample(
    result,
    width,
    height,
    source,
    stride,
    row,
    n,
    columnStarts,
    columnWeights,
    taps,
    rowStarts,
    counts,
    rowWeights,
    vertical.taps,
    flip,
    ...shift,
  );
  out.set(floats.subarray(result / 4, result / 4 + width * height * 3), offset);
}
