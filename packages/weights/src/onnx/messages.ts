/**
 * The messages of ONNX that an exported net needs, as bytes: field numbers are those of
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, the encoding is `@bufbuild/protobuf`'s (docs/decisions/0090).
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** A field's value: an integer, text, or a message's bytes; of a list, each is written. */
type Value = number | string | Uint8Array | readonly (number | string | Uint8Array)[];

function write(writer: BinaryWriter, field: number, value: number | string | Uint8Array): void {
  if (typeof value === 'number') writer.tag(field, WireType.Varint).int64(value);
  else if (typeof value === 'string') writer.tag(field, WireType.LengthDelimited).string(value);
  else writer.tag(field, WireType.LengthDelimited).bytes(value);
}

/** A message from its fields by number. */
export function message(fields: Readonly<Record<number, Value>>): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of Object.entries(fields)) {
    for (const single of Array.isArray(value) ? value : [value]) write(writer, Number(field), single);
  }
  return writer.finish();
}

/** What precedes a field of `length` bytes that follow elsewhere. */
export function fieldHead(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}

const ATTRIBUTE = { name: 1, float: 2, integer: 3, integers: 8, type: 20 } as const;
const ATTRIBUTE_TYPE = { float: 1, integer: 2, integers: 7 } as const;

/** An attribute of a node: an integer, integers, or a real number as `{ float }`. */
export type Attribute = number | readonly number[] | { readonly float: number };

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
  return message({ ...head, [ATTRIBUTE.integers]: value, [ATTRIBUTE.type]: ATTRIBUTE_TYPE.integers });
}

export interface Node {
  readonly type: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** NodeProto. */
export function nodeMessage({ type, name, inputs, output, attributes = {} }: Node): Uint8Array {
  const written = Object.entries(attributes).map(([key, value]) => attribute(key, value));
  return message({ 1: inputs, 2: output, 3: name, 4: type, 5: written });
}

/** DataType.FLOAT of TensorProto. */
const FLOAT = 1;

/** ValueInfoProto of a float tensor; a side that is not fixed has a name. */
export function valueMessage(name: string, sides: readonly (number | string)[]): Uint8Array {
  const dimensions = sides.map((side) => message(typeof side === 'number' ? { 1: side } : { 2: side }));
  const type = message({ 1: message({ 1: FLOAT, 2: message({ 1: dimensions }) }) });
  return message({ 1: name, 2: type });
}

/** The start of a TensorProto of floats: `bytes` bytes must follow, little-endian, row-major. */
export function tensorHead(name: string, shape: readonly number[], bytes: number): Uint8Array {
  const described = message({ 1: shape, 2: FLOAT, 8: name });
  return new BinaryWriter().raw(described).raw(fieldHead(9, bytes)).finish();
}
