/**
 * Messages of ONNX that an exported net needs, as bytes. Field numbers:
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. `@bufbuild/protobuf` does the encoding (docs/decisions/0090).
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Value of a field: an integer, text, or the bytes of a message; or a list of them for a repeated field. */
type Value = number | string | Uint8Array | readonly (number | string | Uint8Array)[];

function write(writer: BinaryWriter, field: number, value: number | string | Uint8Array): void {
  if (typeof value === 'number') writer.tag(field, WireType.Varint).int64(value);
  else if (typeof value === 'string') writer.tag(field, WireType.LengthDelimited).string(value);
  else writer.tag(field, WireType.LengthDelimited).bytes(value);
}

/** Encodes a message from its fields by number. */
export function message(fields: Readonly<Record<number, Value>>): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of Object.entries(fields)) {
    for (const single of Array.isArray(value) ? value : [value]) write(writer, Number(field), single);
  }
  return writer.finish();
}

/** Encodes the tag and length of a field of `length` bytes, which the caller writes after it. */
export function fieldHead(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}

/** Number of `DataType.FLOAT` in TensorProto. */
const FLOAT = 1;

const ATTRIBUTE = { name: 1, float: 2, integer: 3, tensor: 5, integers: 8, type: 20 } as const;
const ATTRIBUTE_TYPE = { float: 1, integer: 2, tensor: 4, integers: 7 } as const;

/** Attribute of a node: an integer, integers, a real number as `{ float }`, or a tensor of floats. */
export type Attribute =
  | number
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: Float32Array; readonly shape: readonly number[] };

function attribute(name: string, value: Attribute): Uint8Array {
  const head = { [ATTRIBUTE.name]: name };
  if (typeof value === 'number') {
    return message({ ...head, [ATTRIBUTE.integer]: value, [ATTRIBUTE.type]: ATTRIBUTE_TYPE.integer });
  }
  if ('float' in value) {
    const real = new BinaryWriter().tag(ATTRIBUTE.float, WireType.Bit32).float(value.float).finish();
    const rest = message({ ...head, [ATTRIBUTE.type]: ATTRIBUTE_TYPE.float });
    return new BinaryWriter().raw(rest).raw(real).finish();
  }
  if ('floats' in value) {
    const { buffer, byteOffset, byteLength } = value.floats;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    const tensor = message({ 1: value.shape, 2: FLOAT, 9: bytes });
    return message({ ...head, [ATTRIBUTE.tensor]: tensor, [ATTRIBUTE.type]: ATTRIBUTE_TYPE.tensor });
  }
  return message({ ...head, [ATTRIBUTE.integers]: value, [ATTRIBUTE.type]: ATTRIBUTE_TYPE.integers });
}

/** Node of the graph. */
export interface Node {
  readonly type: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** Encodes a NodeProto. */
export function nodeMessage({ type, name, inputs, output, attributes = {} }: Node): Uint8Array {
  const attributeMessages = Object.entries(attributes).map(([key, value]) => attribute(key, value));
  return message({ 1: inputs, 2: output, 3: name, 4: type, 5: attributeMessages });
}

/** Encodes the ValueInfoProto of a float tensor; a side without a fixed size has a name. */
export function valueMessage(name: string, sides: readonly (number | string)[]): Uint8Array {
  const dimensions = sides.map((side) => message(typeof side === 'number' ? { 1: side } : { 2: side }));
  const type = message({ 1: message({ 1: FLOAT, 2: message({ 1: dimensions }) }) });
  return message({ 1: name, 2: type });
}

/** Encodes the start of a TensorProto of floats: `bytes` bytes must follow, little-endian and row-major. */
export function tensorHead(name: string, shape: readonly number[], bytes: number): Uint8Array {
  const description = message({ 1: shape, 2: FLOAT, 8: name });
  return new BinaryWriter().raw(description).raw(fieldHead(9, bytes)).finish();
}
