/**
 * Reader of the fields of protobuf messages in a file. It does not read their values: a caffemodel of 550 MB has only a few
 * hundred fields. `@bufbuild/protobuf` decodes tags and lengths (docs/decisions/0090).
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { VggError } from '@vgg/core';
import type { ByteSource } from './bytes';

/** Field of a message; `begin` and `end` are the place of its value in the file, in bytes. */
export interface Field {
  readonly number: number;
  readonly type: WireType;
  readonly begin: number;
  readonly end: number;
}

/** Part of the file, in bytes. */
export type Extent = Pick<Field, 'begin' | 'end'>;

/** Largest size of a tag with a length or an integer. */
const HEAD_BYTES = 20;
const WINDOW_BYTES = 2 ** 16;
/** Largest number of fields in a file; nets have a few hundred. */
const MAX_FIELDS = 1_000_000;
const MAX_NAME_BYTES = 1024;
/** Largest number of integers in a packed field. */
const MAX_INTEGERS = 2 ** 16;

/** File of protobuf messages, read through a window. */
export class Messages {
  readonly #bytes: ByteSource;
  readonly #format: string;
  #window: { begin: number; content: Uint8Array } = { begin: 0, content: new Uint8Array(0) };
  #fields = 0;

  /** @param format name of the format in errors: `caffemodel`. */
  constructor(bytes: ByteSource, format: string) {
    this.#bytes = bytes;
    this.#format = format;
  }

  /** Returns an error that names the file. */
  corrupt(what: string, cause?: unknown): VggError {
    return new VggError('weights', `${this.#bytes.name} is not a valid ${this.#format}: ${what}`, { cause });
  }

  /** Yields the fields of the message in a part of the file, in order. */
  async *fields({ begin, end }: Extent): AsyncGenerator<Field, void> {
    for (let at = begin; at < end; ) {
      this.#fields += 1;
      if (this.#fields > MAX_FIELDS) throw this.corrupt(`it has more than ${MAX_FIELDS} fields`);
      const field = this.#decode(await this.#head(at, end), at);
      if (field.end > end) throw this.corrupt(`the field at byte ${at} ends at ${field.end} of ${end}: cut short?`);
      yield field;
      at = field.end;
    }
  }

  /** Reads the bytes of a field. */
  read({ begin, end }: Extent): Promise<Uint8Array> {
    return this.#bytes.read(begin, end - begin);
  }

  /** Returns the field after checking that it is a message. */
  message(field: Field): Field {
    if (field.type === WireType.LengthDelimited) return field;
    throw this.corrupt(`expected a message at byte ${field.begin}`);
  }

  /** Reads text of at most `maxBytes`. */
  async text(field: Field, maxBytes = MAX_NAME_BYTES): Promise<string> {
    if (field.type !== WireType.LengthDelimited || field.end - field.begin > maxBytes) {
      throw this.corrupt(`expected a name at byte ${field.begin}`);
    }
    return new TextDecoder().decode(await this.read(field));
  }

  async integer(field: Field): Promise<number> {
    if (field.type !== WireType.Varint) throw this.corrupt(`expected an integer at byte ${field.begin}`);
    const value = Number(new BinaryReader(await this.read(field)).uint64());
    if (!Number.isSafeInteger(value)) throw this.corrupt(`the integer at byte ${field.begin} is too large`);
    return value;
  }

  /** Reads the integers of a repeated field, one or packed. */
  async integers(field: Field): Promise<number[]> {
    if (field.type === WireType.Varint) return [await this.integer(field)];
    if (field.type !== WireType.LengthDelimited || field.end - field.begin > 10 * MAX_INTEGERS) {
      throw this.corrupt(`expected integers at byte ${field.begin}`);
    }
    const reader = new BinaryReader(await this.read(field));
    const values: number[] = [];
    try {
      while (reader.pos < reader.len) values.push(Number(reader.uint64()));
    } catch (cause) {
      throw this.corrupt(`the integers at byte ${field.begin} are cut short`, cause);
    }
    return values;
  }

  async float(field: Field): Promise<number> {
    if (field.type !== WireType.Bit32) throw this.corrupt(`expected a number at byte ${field.begin}`);
    return new BinaryReader(await this.read(field)).float();
  }

  async #head(at: number, end: number): Promise<Uint8Array> {
    const length = Math.min(HEAD_BYTES, end - at);
    const offset = at - this.#window.begin;
    if (offset < 0 || offset + length > this.#window.content.length) {
      const size = Math.min(WINDOW_BYTES, this.#bytes.size - at);
      this.#window = { begin: at, content: await this.#bytes.read(at, size) };
      return this.#window.content.subarray(0, length);
    }
    return this.#window.content.subarray(offset, offset + length);
  }

  #decode(head: Uint8Array, at: number): Field {
    const reader = new BinaryReader(head);
    try {
      const [number, type] = reader.tag();
      if (type === WireType.LengthDelimited) {
        const length = reader.uint32();
        return { number, type, begin: at + reader.pos, end: at + reader.pos + length };
      }
      const begin = at + reader.pos;
      if (type === WireType.Varint) reader.uint64();
      else if (type === WireType.Bit64) reader.pos += 8;
      else if (type === WireType.Bit32) reader.pos += 4;
      else throw new Error(`field ${number} is a group`);
      return { number, type, begin, end: at + reader.pos };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw this.corrupt(`no field at byte ${at}: ${reason.slice(0, 80)}`, cause);
    }
  }
}
