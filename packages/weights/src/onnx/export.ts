/** Export of a net as an ONNX file, in parts: the graph first, then the weights, one variable in memory at a time. */
import { sizeOf, VggError } from '@vgg/core';
import { configurationText } from '@vgg/models';
import { describeModel } from '../description';
import { checkCount, type ExportOptions, insideLayer, type NetTensors } from '../export/net';
import { type Constant, onnxGraph } from './graph';
import { fieldHead, message, nodeMessage, tensorHead, valueMessage } from './messages';

/** Largest size of a protobuf message. */
const MAX_BYTES = 2 ** 31 - 1;

/** Versions of ONNX 1.8 (2020). */
const IR_VERSION = 7;
const OPERATOR_SET = 13;

/** Field numbers of onnx.proto. */
const MODEL = { irVersion: 1, producer: 2, graph: 7, operatorSets: 8, metadata: 14 } as const;
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Yields the bytes of an ONNX file in order; in Node `writeFileAtomically(path, exportOnnx(net))` writes it.
 *
 * The input `images` is float32 [batch, channels, height, width], preprocessed like the net's training images (RGB, mean subtracted),
 * or RGB from 0 to 255 with `preprocessing: 'inside'`.
 * The output, before the soft-max, is `logits` [batch, classes], or in the dense view `scores` [batch, classes, rows,
 * columns] for images whose sides are at least the input size. The batch size is dynamic. The metadata is that of our own
 * files.
 *
 * @throws VggError `VGG_ARGUMENT` when the file would exceed protobuf's limit of 2 GiB, or for a description that is not valid.
 */
export async function* exportOnnx(net: NetTensors, options: ExportOptions = {}): AsyncGenerator<Uint8Array, void> {
  const { view = 'classifier', description } = options;
  const graph = onnxGraph(net.options, view, insideLayer(options));
  const metadata = description === undefined ? {} : describeModel(net.options, description);
  const tensors = graph.constants.map((constant) => {
    const head = tensorHead(constant.name, constant.shape, sizeOf(constant.shape) * 4);
    return { constant, head, length: head.length + sizeOf(constant.shape) * 4 };
  });
  const structure = message({
    [GRAPH.node]: graph.nodes.map(nodeMessage),
    [GRAPH.name]: `VGG ${configurationText(net.options.configuration)}`,
    [GRAPH.input]: valueMessage('images', graph.input),
    [GRAPH.output]: valueMessage(graph.outputName, graph.output),
  });
  const fields = tensors.map(({ length }) => fieldHead(GRAPH.initializer, length));
  const total = tensors.reduce((sum, { length }, i) => sum + length + fields[i]!.length, structure.length);
  if (total > MAX_BYTES - 2 ** 20) {
    throw new VggError('argument', `ONNX files end at 2 GiB, this net needs ${total} bytes: export a narrower one`);
  }
  yield message({
    [MODEL.irVersion]: IR_VERSION,
    [MODEL.producer]: '@vgg/weights',
    [MODEL.operatorSets]: message({ 2: OPERATOR_SET }),
    [MODEL.metadata]: Object.entries(metadata).map(([key, value]) => message({ 1: key, 2: value })),
  });
  yield fieldHead(MODEL.graph, total);
  yield structure;
  for (const [i, { constant, head }] of tensors.entries()) {
    yield fields[i]!;
    yield head;
    yield* constantBytes(net, constant);
  }
}

async function* constantBytes(net: NetTensors, { name, shape, arrange }: Constant): AsyncGenerator<Uint8Array, void> {
  const values = checkCount(name, await net.read(name), sizeOf(shape));
  for (const part of arrange(values)) yield bytesOf(part);
}
