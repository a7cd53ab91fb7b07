/** Pickles and archives written by hand, valid and hostile. */
import { zip } from '../../../tools/fuzz/zip.mjs';

type Part = string | number | Uint8Array | readonly Part[];

/** Returns bytes; opcodes are text, one character per byte. */
export function bytes(...parts: readonly Part[]): Uint8Array {
  const flat = parts.flatMap((part): number[] => {
    if (typeof part === 'number') return [part];
    if (typeof part === 'string') return Array.from(part, (character) => character.charCodeAt(0));
    return part instanceof Uint8Array ? [...part] : [...bytes(...part)];
  });
  return Uint8Array.from(flat);
}

function uint32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
}

/** Returns a BINUNICODE. */
export function text(value: string): Part {
  return ['X', uint32(value.length), value];
}

/** Returns a BININT. */
function integer(value: number): Part {
  return ['J', uint32(value)];
}

/** Returns a GLOBAL. */
export function global(module: string, name: string): Part {
  return ['c', module, '\n', name, '\n'];
}

function tuple(...parts: readonly Part[]): Part {
  return ['(', ...parts, 't'];
}

/** Returns the persistent id of a storage. */
export function storage(length: number | Part, { key = '0', type = 'FloatStorage' } = {}): Part {
  return [
    tuple(
      text('storage'),
      global('torch', type),
      text(key),
      text('cpu'),
      typeof length === 'number' ? integer(length) : length,
    ),
    'Q',
  ];
}

export interface TensorParts {
  shape?: readonly number[];
  strides?: readonly number[];
  offset?: number;
  of?: Part;
}

/** Returns a call of `_rebuild_tensor_v2`. */
export function tensor({ shape = [2], strides = [1], offset = 0, of = storage(2) }: TensorParts = {}): Part {
  const hooks = [global('collections', 'OrderedDict'), ')', 'R'];
  const sides = (values: readonly number[]) => tuple(...values.map(integer));
  const args = tuple(of, integer(offset), sides(shape), sides(strides), '\x89', hooks);
  return [global('torch._utils', '_rebuild_tensor_v2'), args, 'R'];
}

/** Returns a dictionary of one item. */
export function dictionary(key: string, value: Part): Part {
  return ['}', text(key), value, 's'];
}

/** Returns a whole pickle. */
export function pickle(...parts: readonly Part[]): Uint8Array {
  return bytes(0x80, 2, ...parts, '.');
}

/** Returns a PyTorch zip file: its pickle, and the storages by key. */
export function archive(data: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = { 0: new Uint8Array(8) }) {
  const members = Object.entries(storages).map(([key, content]) => ({ name: `a/data/${key}`, bytes: content }));
  return zip([{ name: 'a/data.pkl', bytes: data }, ...members]);
}

const MAGIC = pickle([0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]);

/** Returns a legacy PyTorch file: the same pickle, the storages' keys, their lengths and elements. */
export function legacy(data: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = { 0: new Uint8Array(8) }) {
  const keys = pickle(']', '(', ...Object.keys(storages).map(text), 'e');
  const contents = Object.values(storages).map((content) => [uint32(content.length / 4), uint32(0), content]);
  return bytes(MAGIC, pickle(integer(1001)), pickle('}'), data, keys, ...contents);
}
