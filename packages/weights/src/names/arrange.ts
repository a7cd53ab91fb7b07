/** Conversion of other frameworks' tensors to our layouts, a band of rows at a time: the largest tensor of a net has 411 MB. */
import { sizeOf } from '@vgg/core';
import { isFiniteArray } from '../fit';
import { asFloat32 } from '../safetensors/dtypes';
import type { Place } from '../sources/graph';
import { type Rows, rowCount, rowRange, type WeightSource } from '../sources/source';

/** Approximate size in bytes of the part of a tensor that is in memory in addition to the result. */
const BAND_BYTES = 16 * 2 ** 20;

/** Yields consecutive ranges of a tensor's rows. */
function* bands(shape: readonly number[]): Generator<Rows> {
  const all = rowCount(shape);
  const row = Math.max(1, sizeOf(shape.slice(1)) * 4);
  // A multiple of 16, so that a column of the band fills whole cache lines of the result.
  const step = Math.max(16, Math.floor(BAND_BYTES / row / 16) * 16);
  for (let begin = 0; begin < all; begin += step) yield { begin, end: Math.min(all, begin + step) };
}

/** Rows of a tensor and their values. */
interface Band {
  readonly rows: Rows;
  readonly values: Float32Array;
}

/**
 * Yields the bands of a tensor in order, each valid until the next one is requested. If the file can do so, the next ones are read
 * meanwhile.
 * @param target memory for all of them, if they need not be converted.
 */
async function* readBands(source: WeightSource, name: string, target?: Float32Array): AsyncGenerator<Band, void> {
  const { dtype, shape } = source.tensors.get(name)!;
  const ranges = [...bands(shape)];
  const ahead = target === undefined ? 1 : 2;
  const scratch: Uint8Array[] = [];
  const memoryOf = (i: number): Uint8Array => {
    const { begin, length } = rowRange({ dtype, shape }, ranges[i]!);
    if (target !== undefined) return new Uint8Array(target.buffer, target.byteOffset + begin, length);
    scratch[i % 2] ??= new Uint8Array(rowRange({ dtype, shape }, ranges[0]!).length);
    return scratch[i % 2]!.subarray(0, length);
  };
  const running: { bytes: Uint8Array; read: Promise<void> }[] = [];
  const start = (i: number): boolean => {
    if (i >= ranges.length) return false;
    const bytes = memoryOf(i);
    const read = source.readInto?.(name, ranges[i]!, bytes);
    if (read === undefined) return false;
    // An error is thrown when it is this band's turn.
    read.catch(() => {});
    running.push({ bytes, read });
    return true;
  };
  if (!start(0)) {
    for (const rows of ranges) yield { rows, values: asFloat32(await source.read(name, rows)) };
    return;
  }
  try {
    for (let i = 1; i < ahead; i++) start(i);
    for (const [i, rows] of ranges.entries()) {
      start(i + ahead);
      const { bytes, read } = running[0]!;
      await read;
      running.shift();
      yield { rows, values: asFloat32({ dtype, shape, bytes }) };
    }
  } finally {
    // The memory must not be written to any more when the caller releases it.
    await Promise.allSettled(running.map(({ read }) => read));
  }
}

/**
 * Writes the outputs in `band`, each [channels, positions], to `out`, [positions, channels, outputs], from output `begin`.
 * The inner loop writes whole cache lines.
 */
function transposeInto(
  out: Float32Array,
  band: Float32Array,
  { begin, end }: Rows,
  { outputs, channels, positions }: { outputs: number; channels: number; positions: number },
): void {
  const inputs = channels * positions;
  const rows = end - begin;
  for (let channel = 0; channel < channels; channel++) {
    for (let position = 0; position < positions; position++) {
      let from = channel * positions + position;
      const to = (position * channels + channel) * outputs + begin;
      for (let row = 0; row < rows; row++, from += inputs) out[to + row] = band[from]!;
    }
  }
}

/** Writes rows [channels, positions] of a band, each of `outputs` values, to `out`, [positions, channels, outputs]. */
function reorderInto(
  out: Float32Array,
  band: Float32Array,
  { begin, end }: Rows,
  { outputs, channels, positions }: { outputs: number; channels: number; positions: number },
): void {
  for (let input = begin; input < end; input++) {
    const to = (input % positions) * channels + Math.floor(input / positions);
    out.set(band.subarray((input - begin) * outputs, (input - begin + 1) * outputs), to * outputs);
  }
}

/** Reverses the colours that conv1_1's filters [h, w, 3, out] take, in place. */
export function reverseColours(weight: Float32Array, outputs: number): void {
  const first = new Float32Array(outputs);
  for (let at = 0; at < weight.length; at += 3 * outputs) {
    first.set(weight.subarray(at, at + outputs));
    weight.copyWithin(at, at + 2 * outputs, at + 3 * outputs);
    weight.set(first, at + 2 * outputs);
  }
}

/**
 * Memory for the values of a variable, or a function that returns it and is called again after each wait, because WASM's memory
 * moves when it grows.
 */
export type Target = Float32Array | (() => Float32Array);

/**
 * Writes a tensor of a file to `into` as the values of a variable of `shape`: [h, w, in, out], [in, out] or [channels]. The
 * tensor must have as many elements as the variable.
 * @param channels number of input channels. For a fully-connected layer after a map: the channels of the map; its inputs are
 *   then reordered from channels-first to rows, columns, channels.
 * @returns false if a value is NaN or infinite.
 */
export async function readArranged(
  source: WeightSource,
  { name, layout }: Place,
  shape: readonly number[],
  channels: number,
  into: Target,
): Promise<boolean> {
  const tensor = source.tensors.get(name)!;
  const count = sizeOf(shape);
  const outputs = shape.at(-1)!;
  const sizes = { outputs, channels, positions: count / (outputs * channels) };
  const isPlain = layout === 'same' && tensor.dtype === 'F32' && typeof into !== 'function';
  for await (const { rows, values } of readBands(source, name, isPlain ? into : undefined)) {
    if (!isFiniteArray(values)) return false;
    const out = typeof into === 'function' ? into() : into;
    if (values.buffer === out.buffer) continue;
    if (layout === 'same') out.set(values, (count / rowCount(tensor.shape)) * rows.begin);
    else if (layout === 'channelsFirst') reorderInto(out, values, rows, sizes);
    else transposeInto(out, values, rows, sizes);
  }
  return true;
}
