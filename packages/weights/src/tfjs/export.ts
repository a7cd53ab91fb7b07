/**
 * Export of a net as a TF.js graph model: shards of weights and the `model.json` for `loadGraphModel` of
 * `@tensorflow/tfjs-converter`, in browsers and Node.
 * https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
 */
import { sizeOf } from '@vgg/core';
import { describeModel } from '../description';
import { checkCount, type ExportOptions, insideLayer, type NetTensors } from '../export/net';
import { DTYPE_BYTES, fromFloat32, fromInt32, storedDtype } from '../safetensors/dtypes';
import { type GraphConstant, tfGraph } from './graph';

/** Options of {@link exportTfjs}. */
export interface TfjsExportOptions extends ExportOptions {
  /** Type of the weights in the file. `F16` needs half the bytes, and keeps vectors in F32; TF.js reads both as float32. Default `F16`. */
  readonly dtype?: 'F16' | 'F32' | undefined;
}

/** File of an exported model. */
export interface ExportedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Size of a shard, as in the converter: 4 MiB, so that browsers can cache shards and fetch them in parallel. */
const SHARD_BYTES = 2 ** 22;

function shardName(i: number, count: number): string {
  return `group1-shard${i + 1}of${count}.bin`;
}

function byteLength({ shape, integers, floats }: GraphConstant, dtype: 'F16' | 'F32'): number {
  if (floats !== undefined) return sizeOf(shape) * DTYPE_BYTES.F32;
  return sizeOf(shape) * DTYPE_BYTES[integers === undefined ? storedDtype(dtype, shape) : 'I32'];
}

function manifestEntry({ name, shape, integers, floats }: GraphConstant, dtype: 'F16' | 'F32') {
  if (integers !== undefined) return { name, shape, dtype: 'int32' };
  const entry = { name, shape, dtype: 'float32' };
  if (storedDtype(dtype, shape) === 'F32' || floats !== undefined) return entry;
  return { ...entry, quantization: { dtype: 'float16', original_dtype: 'float32' } };
}

/** Divides bytes that come in parts into shards of one size; the last may be shorter. */
async function* shards(parts: AsyncIterable<Uint8Array>, total: number): AsyncGenerator<Uint8Array, void> {
  let remaining = total;
  let shard = new Uint8Array(Math.min(SHARD_BYTES, remaining));
  let length = 0; // Number of bytes in the shard so far.
  for await (const part of parts) {
    for (let position = 0; position < part.length; ) {
      const piece = part.subarray(position, position + shard.length - length);
      shard.set(piece, length);
      length += piece.length;
      position += piece.length;
      if (length < shard.length) continue;
      yield shard;
      remaining -= length;
      shard = new Uint8Array(Math.min(SHARD_BYTES, remaining));
      length = 0;
    }
  }
}

/**
 * Yields the files of a TF.js graph model, `model.json` last, with one shard in memory at a time.
 *
 * The input `images` is float32 [batch, height, width, 3], preprocessed like the net's training images (RGB, mean subtracted),
 * or RGB from 0 to 255 with `preprocessing: 'inside'`.
 * The output, before the soft-max, is `logits` [batch, classes], or in the dense view `scores` [batch, rows, columns,
 * classes]. The `userDefinedMetadata` is the metadata of our own files.
 *
 * @throws VggError `VGG_ARGUMENT` for a description that is not valid.
 */
export async function* exportTfjs(
  net: NetTensors,
  options: TfjsExportOptions = {},
): AsyncGenerator<ExportedFile, void> {
  const { view = 'classifier', description, dtype = 'F16' } = options;
  const graph = tfGraph(net.options, view, insideLayer(options));
  const metadata = description === undefined ? undefined : describeModel(net.options, description);
  const total = graph.constants.reduce((sum, constant) => sum + byteLength(constant, dtype), 0);
  const count = Math.ceil(total / SHARD_BYTES);

  async function* numbers(): AsyncGenerator<Uint8Array, void> {
    for (const { name, shape, integers, floats } of graph.constants) {
      if (integers !== undefined) yield fromInt32(shape, integers).bytes;
      else if (floats !== undefined) yield fromFloat32(shape, floats, 'F32').bytes;
      else {
        const values = checkCount(name, await net.read(name), sizeOf(shape));
        yield fromFloat32(shape, values, storedDtype(dtype, shape)).bytes;
      }
    }
  }
  let i = 0;
  for await (const bytes of shards(numbers(), total)) yield { name: shardName(i++, count), bytes };

  const model = {
    format: 'graph-model',
    generatedBy: '@vgg/weights',
    convertedBy: null,
    modelTopology: { node: graph.nodes, library: {}, versions: { producer: 1395 } },
    signature: { inputs: graph.inputs, outputs: graph.outputs },
    userDefinedMetadata: metadata, // JSON leaves it out if it is undefined.
    weightsManifest: [
      {
        paths: Array.from({ length: count }, (_, shard) => shardName(shard, count)),
        weights: graph.constants.map((constant) => manifestEntry(constant, dtype)),
      },
    ],
  };
  yield { name: 'model.json', bytes: new TextEncoder().encode(JSON.stringify(model)) };
}
