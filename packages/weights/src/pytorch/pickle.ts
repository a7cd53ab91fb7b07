/**
 * Reader of Python's pickles that can build only numbers, strings, lists, dictionaries and the objects of an allow-list. A
 * pickle is a program, but here it cannot call anything: each opcode that names or calls something asks a
 * {@link PickleHost}, which builds plain data or refuses. https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */
import { InvalidFile, PickleEnd } from './errors';

/** Value of a pickle. Tuples and lists are arrays, dictionaries are maps, `None` is null. */
export type PickleValue = null | boolean | number | bigint | string | Uint8Array | PickleValue[] | PickleMap | object;
export type PickleMap = Map<PickleValue, PickleValue>;

/** Object of the pickle that is not built: its arguments, state and items are dropped. */
export class SkippedObject {}

/** Meaning of a pickle's names. The functions throw for names that they do not know. */
export interface PickleHost {
  /** Returns the value of `module.name`. */
  global(module: string, name: string): PickleValue;
  /** Returns the result of calling `callee`, a result of {@link global}. */
  call(callee: PickleValue, args: PickleValue[]): PickleValue;
  /** Returns the object outside the pickle to which `id` refers. */
  persistent(id: PickleValue): PickleValue;
}

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #host: PickleHost;
  readonly #memo = new Map<number, PickleValue>();
  readonly #stack: Slot[] = [];
  position: number;

  constructor(bytes: Uint8Array, position: number, host: PickleHost) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#host = host;
    this.position = position;
  }

  run(): PickleValue {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x2e) return this.#pop();
      const operation = OPERATIONS[opcode];
      if (operation === undefined) {
        const code = `0x${opcode.toString(16).padStart(2, '0')}`;
        throw new InvalidFile(`opcode ${code} at byte ${this.position - 1}, which no set of weights needs`);
      }
      operation(this);
    }
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.position) throw new PickleEnd();
    this.position += length;
    return this.#bytes.subarray(this.position - length, this.position);
  }

  #byte(): number {
    return this.take(1)[0]!;
  }

  unsigned(bytes: 1 | 2 | 4 | 8): number {
    const at = this.position;
    this.take(bytes);
    if (bytes === 1) return this.#view.getUint8(at);
    if (bytes === 2) return this.#view.getUint16(at, true);
    if (bytes === 4) return this.#view.getUint32(at, true);
    return Number(this.#view.getBigUint64(at, true));
  }

  int32(): number {
    this.take(4);
    return this.#view.getInt32(this.position - 4, true);
  }

  float64(): number {
    this.take(8);
    return this.#view.getFloat64(this.position - 8, false);
  }

  /** Reads an integer of any size in two's complement; returns a number if that is exact, otherwise a bigint. */
  long(length: number): number | bigint {
    if (length > 64) throw new InvalidFile(`an integer of ${length} bytes`);
    let value = 0n;
    const digits = this.take(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]!);
    if (length > 0 && digits[length - 1]! >= 0x80) value -= 1n << BigInt(8 * length);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  text(length: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(length));
    } catch (cause) {
      if (cause instanceof PickleEnd) throw cause;
      throw new InvalidFile('a string that is not UTF-8', { cause });
    }
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleEnd();
    const text = this.text(end - this.position);
    this.position = end + 1;
    return text;
  }

  push(value: Slot): void {
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw new InvalidFile('an opcode whose operands are missing');
    return value as PickleValue;
  }

  pop(count: number): PickleValue[] {
    const values = Array.from({ length: count }, () => this.#pop());
    return values.reverse();
  }

  /** Removes the last mark and returns the values pushed since. */
  popMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw new InvalidFile('an opcode whose mark is missing');
    const values = this.#stack.splice(at).slice(1);
    return values as PickleValue[];
  }

  top(): PickleValue {
    const value = this.#pop();
    this.#stack.push(value);
    return value;
  }

  drop(): void {
    if (this.#stack.pop() === undefined) throw new InvalidFile('an opcode whose operands are missing');
  }

  memoize(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw new InvalidFile(`a reference to ${index}, which was not stored`);
    this.push(value);
  }

  global(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw new InvalidFile('a name that is not a string');
    this.push(this.#host.global(module, name));
  }

  call(): void {
    const [callee, args] = this.pop(2);
    if (!Array.isArray(args)) throw new InvalidFile('a call without a tuple of arguments');
    this.push(this.#host.call(callee!, args));
  }

  persistent(): void {
    this.push(this.#host.persistent(this.#pop()));
  }

  /** Ignores an object's attributes. Only a dictionary may have them (`_metadata` of a state_dict); they are not weights. */
  build(): void {
    const [object, state] = this.pop(2);
    const isSkipped = object instanceof SkippedObject;
    if (!isSkipped && !(object instanceof Map && state instanceof Map))
      throw new InvalidFile('an object that sets its state');
    this.push(object!);
  }

  /** Makes an object of a class that is skipped. */
  newObject(): void {
    const [callee] = this.pop(2);
    if (!(callee instanceof SkippedObject)) throw new InvalidFile('opcode 0x81 for a class that is not skipped');
    this.push(new SkippedObject());
  }

  append(values: PickleValue[]): void {
    const list = this.top();
    if (list instanceof SkippedObject) return;
    if (!Array.isArray(list)) throw new InvalidFile('an append to something that is not a list');
    for (const value of values) list.push(value);
  }

  setItems(items: PickleValue[]): void {
    const map = this.top();
    if (map instanceof SkippedObject) return;
    if (!(map instanceof Map) || items.length % 2 === 1)
      throw new InvalidFile('an item set in something that is not a dictionary');
    for (let i = 0; i < items.length; i += 2) {
      if (map.has(items[i]!)) throw new InvalidFile(`the key ${String(items[i]).slice(0, 80)} twice`);
      map.set(items[i]!, items[i + 1]!);
    }
  }

  dictionary(items: PickleValue[]): void {
    this.push(new Map());
    this.setItems(items);
  }
}

/** Parses the literal of a number in the text protocol. */
function literal(text: string): PickleValue {
  if (text === '00') return false;
  if (text === '01') return true;
  const value = Number(text.replace(/L$/, ''));
  if (text === '' || !Number.isFinite(value)) throw new InvalidFile(`the number ${JSON.stringify(text.slice(0, 40))}`);
  return value;
}

const OPERATIONS: Readonly<Record<number, (machine: Machine) => void>> = {
  128: (m) => {
    const protocol = m.unsigned(1);
    if (protocol > 5) throw new InvalidFile(`protocol ${protocol}, expected at most 5`);
  },
  149: (m) => void m.take(8), // FRAME: its length is useful only for streams.
  40: (m) => m.push(MARK),
  48: (m) => m.drop(), // POP
  49: (m) => void m.popMark(), // POP_MARK
  50: (m) => m.push(m.top()), // DUP
  78: (m) => m.push(null), // NONE
  136: (m) => m.push(true), // NEWTRUE
  137: (m) => m.push(false), // NEWFALSE
  73: (m) => m.push(literal(m.line())), // INT
  76: (m) => m.push(literal(m.line())), // LONG
  70: (m) => m.push(literal(m.line())), // FLOAT
  74: (m) => m.push(m.int32()), // BININT
  75: (m) => m.push(m.unsigned(1)), // BININT1
  77: (m) => m.push(m.unsigned(2)), // BININT2
  138: (m) => m.push(m.long(m.unsigned(1))), // LONG1
  139: (m) => m.push(m.long(m.unsigned(4))), // LONG4
  71: (m) => m.push(m.float64()), // BINFLOAT
  88: (m) => m.push(m.text(m.unsigned(4))), // BINUNICODE
  140: (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINUNICODE
  141: (m) => m.push(m.text(m.unsigned(8))), // BINUNICODE8
  84: (m) => m.push(m.text(m.unsigned(4))), // BINSTRING, Python 2's
  85: (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINSTRING
  66: (m) => m.push(m.take(m.unsigned(4)).slice()), // BINBYTES
  67: (m) => m.push(m.take(m.unsigned(1)).slice()), // SHORT_BINBYTES
  142: (m) => m.push(m.take(m.unsigned(8)).slice()), // BINBYTES8
  41: (m) => m.push([]), // EMPTY_TUPLE
  116: (m) => m.push(m.popMark()), // TUPLE
  133: (m) => m.push(m.pop(1)), // TUPLE1
  134: (m) => m.push(m.pop(2)), // TUPLE2
  135: (m) => m.push(m.pop(3)), // TUPLE3
  93: (m) => m.push([]), // EMPTY_LIST
  108: (m) => m.push(m.popMark()), // LIST
  97: (m) => m.append(m.pop(1)), // APPEND
  101: (m) => m.append(m.popMark()), // APPENDS
  125: (m) => m.push(new Map()), // EMPTY_DICT
  100: (m) => m.dictionary(m.popMark()), // DICT
  115: (m) => m.setItems(m.pop(2)), // SETITEM
  117: (m) => m.setItems(m.popMark()), // SETITEMS
  113: (m) => m.memoize(m.unsigned(1)), // BINPUT
  114: (m) => m.memoize(m.unsigned(4)), // LONG_BINPUT
  148: (m) => m.memoize(), // MEMOIZE
  104: (m) => m.recall(m.unsigned(1)), // BINGET
  106: (m) => m.recall(m.unsigned(4)), // LONG_BINGET
  99: (m) => m.global(m.line(), m.line()), // GLOBAL
  147: (m) => m.global(...(m.pop(2) as [PickleValue, PickleValue])), // STACK_GLOBAL
  82: (m) => m.call(), // REDUCE
  129: (m) => m.newObject(), // NEWOBJ
  143: (m) => m.push([]), // EMPTY_SET
  144: (m) => m.append(m.popMark()), // ADDITEMS
  145: (m) => m.push(m.popMark()), // FROZENSET
  81: (m) => m.persistent(), // BINPERSID
  98: (m) => m.build(), // BUILD
};

/**
 * Reads one pickle.
 * @param position offset of the pickle in `bytes`.
 * @returns its value, and the offset of its end.
 * @throws PickleEnd when it does not end within `bytes`; InvalidFile for anything that is not plain data or that `host`
 *   refuses.
 */
export function unpickle(bytes: Uint8Array, position: number, host: PickleHost): { value: PickleValue; end: number } {
  const machine = new Machine(bytes, position, host);
  const value = machine.run();
  return { value, end: machine.position };
}
