/** Conversion of other frameworks' tensors to our layouts, a band of rows at a time: the largest tensor of a net has 411 MB. */
import { sizeOf } from '@vgg/core';
import { asFloat32 } from '../safetensors/dtypes';
import type { Place } from '../sources/graph';
import { type Rows, rowCount, type WeightSource } from '../sources/source';

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
 * Writes a tensor of a file to `into` as the values of a variable of `shape`: [h, w, in, out], [in, out] or [channels]. The
 * tensor must have as many elements as the variable.
 * @param channels number of input channels. For a fully-connected layer after a map: the channels of the map; its inputs are
 *   then reordered from channels-first to rows, columns, channels.
 * @param into returns the memory to write to. It is called again after each wait, because WASM's memory moves when it grows.
 */
export async function readArranged(
  source: WeightSource,
  { name, layout }: Place,
  shape: readonly number[],
  channels: number,
  into: () => Float32Array,
): Promise<void> {
  const tensor = source.tensors.get(name)!;
  const count = sizeOf(shape);
  const outputs = shape.at(-1)!;
  const sizes = { outputs, channels, positions: count / (outputs * channels) };
  for (const rows of bands(tensor.shape)) {
    const band = asFloat32(await source.read(name, rows));
    if (layout === 'same') into().set(band, (count / rowCount(tensor.shape)) * rows.begin);
    else if (layout === 'channelsFirst') reorderInto(into(), band, rows, sizes);
    else transposeInto(into(), band, rows, sizes);
  }
}
