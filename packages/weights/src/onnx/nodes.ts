/** Reader of NodeProto: an operation with its inputs, outputs and attributes. */
import type { Field, Messages } from '../sources/protobuf';
import { type OnnxTensor, type OpenSibling, readTensor } from './tensors';

/** Field numbers of NodeProto and AttributeProto. */
const NODE = { input: 1, output: 2, name: 3, type: 4, attribute: 5, domain: 7 } as const;
const ATTRIBUTE = { name: 1, float: 2, integer: 3, text: 4, tensor: 5, integers: 8 } as const;

/** Attribute of a node. */
type Value = number | string | readonly number[] | OnnxTensor;

/** Names of the attributes that are read. */
const ATTRIBUTES: ReadonlySet<string> = new Set(
  'strides pads dilations group kernel_shape auto_pad epsilon perm value transA transB alpha beta'.split(' '),
);

/** Node of a graph. */
export interface OnnxNode {
  readonly name: string;
  /** Operation: `Conv`; one that is not of ONNX's own set has its domain before it. */
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Value>;
}

async function readAttribute(messages: Messages, extent: Field, open: OpenSibling): Promise<[string, Value]> {
  let name = '';
  let value: Value | undefined;
  const integers: number[] = [];
  for await (const field of messages.fields(messages.message(extent))) {
    if (field.number === ATTRIBUTE.name) name = await messages.text(field);
    if (field.number !== ATTRIBUTE.name && !ATTRIBUTES.has(name)) continue;
    if (field.number === ATTRIBUTE.float) value = await messages.float(field);
    else if (field.number === ATTRIBUTE.integer) value = await messages.integer(field);
    else if (field.number === ATTRIBUTE.text) value = await messages.text(field);
    else if (field.number === ATTRIBUTE.tensor) value = await readTensor(messages, messages.message(field), open);
    else if (field.number === ATTRIBUTE.integers) {
      for (const integer of await messages.integers(field)) integers.push(integer);
    }
  }
  return [name, value ?? integers];
}

/**
 * Reads a node.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged.
 */
export async function readNode(messages: Messages, extent: Field, open: OpenSibling): Promise<OnnxNode> {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Value>();
  let name = '';
  let type = '';
  let domain = '';
  for await (const field of messages.fields(messages.message(extent))) {
    if (field.number === NODE.input) inputs.push(await messages.text(field));
    else if (field.number === NODE.output) outputs.push(await messages.text(field));
    else if (field.number === NODE.name) name = await messages.text(field);
    else if (field.number === NODE.type) type = await messages.text(field);
    else if (field.number === NODE.domain) domain = await messages.text(field);
    else if (field.number === NODE.attribute) {
      const [key, value] = await readAttribute(messages, field, open);
      attributes.set(key, value);
    }
  }
  const isOwn = domain === '' || domain === 'ai.onnx';
  return { name, type: isOwn ? type : `${domain}.${type}`, inputs, outputs, attributes };
}

/** Returns an attribute that is a number. */
export function numberOf({ attributes }: OnnxNode, name: string, missing: number): number {
  const value = attributes.get(name);
  return typeof value === 'number' ? value : missing;
}

/** Returns an attribute that is a list of numbers; undefined if the node does not have it. */
export function numbersOf({ attributes }: OnnxNode, name: string): readonly number[] | undefined {
  const value = attributes.get(name);
  return Array.isArray(value) ? value : undefined;
}

/** Returns an attribute that is a text. */
export function textOf({ attributes }: OnnxNode, name: string): string {
  const value = attributes.get(name);
  return typeof value === 'string' ? value : '';
}

/** Returns an attribute that is a tensor; undefined if the node does not have it. */
export function tensorOf({ attributes }: OnnxNode, name: string): OnnxTensor | undefined {
  const value = attributes.get(name);
  return typeof value === 'object' && 'stored' in value ? value : undefined;
}
