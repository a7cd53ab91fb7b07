/**
 * A net as a TF.js graph model: shards of numbers and the `model.json` that `loadGraphModel` of `@tensorflow/tfjs-converter`
 * takes, in the browser as in Node. https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
 */
import { sizeOf } from '@vgg/core';
import { describeModel } from '../description';
import { checkCount, type ExportOptions, type NetTensors } from '../export/net';
import { DTYPE_BYTES, fromFloat32, fromInt32 } from '../safetensors/dtypes';
import { type GraphConstant, tfGraph } from './graph';

export interface TfjsExportOptions extends ExportOptions {
  /** How numbers are stored; half the bytes in `F16`, read back as float32. Default `F16`. */
  readonly dtype?: 'F16' | 'F32';
}

/** A file of an exported model. */
export interface ExportedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The converter's shards: 4 MiB, so that browsers cache and fetch them side by side. */
const SHARD_BYTES = 2 ** 22;

function shardName(i: number, count: number): string {
  return `group1-shard${i + 1}of${count}.bin`;
}

function byteLength({ shape, integers }: GraphConstant, dtype: 'F16' | 'F32'): number {
  return sizeOf(shape) * DTYPE_BYTES[integers === undefined ? dtype : 'I32'];
}

function manifestEntry({ name, shape, integers }: GraphConstant, dtype: 'F16' | 'F32') {
  if (integers !== undefined) return { name, shape, dtype: 'int32' };
  const stored = dtype === 'F16' && { quantization: { dtype: 'float16', original_dtype: 'float32' } };
  return { name, shape, dtype: 'float32', ...stored };
}

/** Cuts bytes that come in parts into shards of one size; the last may be shorter. */
async function* shards(parts: AsyncIterable<Uint8Array>, total: number): AsyncGenerator<Uint8Array, void> {
  let remaining = total;
  let shard = new Uint8Array(Math.min(SHARD_BYTES, remaining));
  let filled = 0;
  for await (const part of parts) {
    for (let taken = 0; taken < part.length; ) {
      const piece = part.subarray(taken, taken + shard.length - filled);
      shard.set(piece, filled);
      [filled, taken] = [filled + piece.length, taken + piece.length];
      if (filled < shard.length) continue;
      yield shard;
      remaining -= filled;
      [shard, filled] = [new Uint8Array(Math.min(SHARD_BYTES, remaining)), 0];
    }
  }
}

/**
 * The files of a TF.js graph model, `model.json` last, one shard in memory at a time.
 *
 * The input `images` is float32 [batch, height, width, 3], prepared as the net's were: RGB, mean subtracted. The output is
 * `logits` [batch, classes], or of the dense view `scores` [batch, rows, columns, classes], before the soft-max. The
 * `userDefinedMetadata` is the metadata of our own files.
 *
 * @throws VggError `VGG_ARGUMENT` for an unsound description.
 */
export async function* exportTfjs(
  net: NetTensors,
  { view = 'classifier', description, dtype = 'F16' }: TfjsExportOptions = {},
): AsyncGenerator<ExportedFile, void> {
  const graph = tfGraph(net.options, view);
  const metadata = description === undefined ? undefined : describeModel(net.options, description);
  const total = graph.constants.reduce((sum, constant) => sum + byteLength(constant, dtype), 0);
  const count = Math.ceil(total / SHARD_BYTES);

  async function* numbers(): AsyncGenerator<Uint8Array, void> {
    for (const { name, shape, integers } of graph.constants) {
      if (integers !== undefined) yield fromInt32(shape, integers).bytes;
      else yield fromFloat32(shape, checkCount(name, await net.read(name), sizeOf(shape)), dtype).bytes;
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
    ...(metadata && { userDefinedMetadata: metadata }),
    weightsManifest: [
      {
        paths: Array.from({ length: count }, (_, shard) => shardName(shard, count)),
        weights: graph.constants.map((constant) => manifestEntry(constant, dtype)),
      },
    ],
  };
  yield { name: 'model.json', bytes: new TextEncoder().encode(JSON.stringify(model)) };
}
