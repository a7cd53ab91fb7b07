/**
 * Reader of ONNX: a ModelProto with one graph, whose numbers are in the file or in others next to it. Field numbers:
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import type { ByteSource } from '../sources/bytes';
import { type Field, Messages } from '../sources/protobuf';
import { type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import { type OnnxGraph, type OnnxValue, onnxLayers } from './layers';
import { type OnnxNode, readNode } from './nodes';
import { type OnnxTensor, type OpenSibling, readEntry, readTensor } from './tensors';

/** Field numbers. */
const MODEL = { graph: 7, metadata: 14 } as const;
const GRAPH = { node: 1, initializer: 5, input: 11 } as const;

/** Largest size of a value of the metadata: the names of many classes. */
const MAX_METADATA_BYTES = 64 * 2 ** 20;
/** Largest number of files next to a net's. */
const MAX_SIBLINGS = 4096;
const MAX_AXES = 32;

/** Returns the messages in fields of a number, from the outer to the inner one. */
async function nested(messages: Messages, extent: Field, ...numbers: readonly number[]): Promise<Field[]> {
  const [number, ...inner] = numbers;
  if (number === undefined) return [extent];
  const found: Field[] = [];
  for await (const field of messages.fields(messages.message(extent))) {
    if (field.number !== number) continue;
    for (const message of await nested(messages, field, ...inner)) found.push(message);
    if (found.length > MAX_AXES) throw messages.corrupt(`an input has more than ${MAX_AXES} axes`);
  }
  return found;
}

/** Reads a ValueInfoProto: its name and the sides of its tensor type. */
async function readValue(messages: Messages, extent: Field): Promise<OnnxValue> {
  let name = '';
  for await (const field of messages.fields(messages.message(extent))) {
    if (field.number === 1) name = await messages.text(field);
  }
  const shape: (number | undefined)[] = [];
  for (const dimension of await nested(messages, extent, 2, 1, 2, 1)) {
    let side: number | undefined;
    for await (const field of messages.fields(messages.message(dimension))) {
      if (field.number === 1 && field.end - field.begin < 9) side = (await messages.integer(field)) || undefined;
    }
    shape.push(side);
  }
  return { name, shape };
}

async function readGraph(messages: Messages, extent: Field, open: OpenSibling): Promise<OnnxGraph> {
  const nodes: OnnxNode[] = [];
  const constants = new Map<string, OnnxTensor>();
  const inputs: OnnxValue[] = [];
  for await (const field of messages.fields(extent)) {
    if (field.number === GRAPH.node) nodes.push(await readNode(messages, field, open));
    else if (field.number === GRAPH.input) inputs.push(await readValue(messages, field));
    else if (field.number === GRAPH.initializer) {
      const tensor = await readTensor(messages, messages.message(field), open);
      if (tensor === undefined) continue;
      const { name } = tensor;
      if (constants.has(name)) throw messages.corrupt(`it has ${JSON.stringify(name.slice(0, 80))} twice`);
      constants.set(name, tensor);
    }
  }
  return { nodes, constants, inputs };
}

/** Returns a function that opens each file next to the net's once, and one that closes them all. */
function siblingsOf(bytes: ByteSource, messages: Messages) {
  const files = new Map<string, ByteSource>();
  const open: OpenSibling = async (name) => {
    const known = files.get(name);
    if (known) return known;
    if (files.size === MAX_SIBLINGS) throw messages.corrupt(`its numbers are in more than ${MAX_SIBLINGS} files`);
    const file = await bytes.openSibling(name);
    files.set(name, file);
    return file;
  };
  const close = async () => {
    for (const file of files.values()) await file.close();
  };
  return { open, close };
}

/** Returns the tensors that layers use, then the other numbers of the file with an axis. */
function allTensors(used: ReadonlyMap<string, StoredTensor>, { constants }: OnnxGraph): Map<string, StoredTensor> {
  const tensors = new Map(used);
  for (const [name, { stored }] of constants) {
    const isWeight = ['F32', 'F64', 'F16', 'BF16'].includes(stored.dtype) && stored.shape.length > 0;
    if (isWeight && !tensors.has(name)) tensors.set(name, stored);
  }
  return tensors;
}

/**
 * Opens an ONNX file. Its tensors have the names of the graph's constants; the graph shows the layer of each.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged, hostile or quantised, or has numbers in
 *   another folder; `VGG_IO` for a file of numbers that is missing.
 */
export async function readOnnx(bytes: ByteSource): Promise<WeightSource> {
  const messages = new Messages(bytes, 'ONNX file');
  const { open, close } = siblingsOf(bytes, messages);
  try {
    const metadata: [string, string][] = [];
    let graph: OnnxGraph | undefined;
    for await (const field of messages.fields({ begin: 0, end: bytes.size })) {
      if (field.number === MODEL.metadata) metadata.push(await readEntry(messages, field, MAX_METADATA_BYTES));
      else if (field.number === MODEL.graph) {
        if (graph !== undefined) throw messages.corrupt('it has two graphs');
        graph = await readGraph(messages, messages.message(field), open);
      }
    }
    if (graph === undefined) throw messages.corrupt('it has no graph: cut short?');
    const layers = onnxLayers(graph, (what) => messages.corrupt(what));
    return weightSource({
      name: bytes.name,
      format: 'onnx',
      tensors: allTensors(layers.tensors, graph),
      metadata: Object.fromEntries(metadata),
      graph: layers.graph,
      close: async () => {
        await close();
        await bytes.close();
      },
    });
  } catch (error) {
    await close();
    throw error;
  }
}
