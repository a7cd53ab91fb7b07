/** Protobuf messages, written field by field. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export type Part = (writer: BinaryWriter) => BinaryWriter;

export function message(...parts: readonly Part[]): Uint8Array {
  return parts.reduce((writer, part) => part(writer), new BinaryWriter()).finish();
}

export function bytes(field: number, value: Uint8Array): Part {
  return (writer) => writer.tag(field, WireType.LengthDelimited).bytes(value);
}

export function text(field: number, value: string): Part {
  return (writer) => writer.tag(field, WireType.LengthDelimited).string(value);
}

export function integer(field: number, value: number | bigint): Part {
  return (writer) => writer.tag(field, WireType.Varint).int64(value);
}

export function float(field: number, value: number): Part {
  return (writer) => writer.tag(field, WireType.Bit32).float(value);
}
