/**
 * File names are bytes; most are UTF-8, but archives made on other systems leave other encodings. As in Python (PEP 383), a byte
 * that is not UTF-8 becomes a lone surrogate U+DC80 to U+DCFF in a path, so that every name is a string and turns into the same
 * bytes again (docs/decisions/0131).
 */
import { isUtf8 } from 'node:buffer';

/** A byte that is not UTF-8. With the flag u, halves of surrogate pairs do not match. */
const LONE = /[\udc80-\udcff]/u;

const LARGEST_SEQUENCE = 4;

/** Returns the string for the bytes of a name. */
export function nameOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  let name = '';
  for (let at = 0; at < buffer.length; ) {
    let length = 1;
    while (length <= LARGEST_SEQUENCE && !isUtf8(buffer.subarray(at, at + length))) length += 1;
    const isValid = length <= LARGEST_SEQUENCE && at + length <= buffer.length;
    name += isValid ? buffer.toString('utf8', at, at + length) : String.fromCharCode(0xdc00 + buffer[at]!);
    at += isValid ? length : 1;
  }
  return name;
}

/** Returns a path as the functions of `node:fs` need it: the string itself, or its bytes if it has bytes that are not UTF-8. */
export function fsPath(path: string): string | Buffer {
  if (!LONE.test(path)) return path;
  const parts = Array.from(path, (character) => {
    const code = character.codePointAt(0)!;
    return code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(character);
  });
  return Buffer.concat(parts);
}

/** A byte that is not UTF-8, or a character that would break a line or control a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it finds such characters.
const UNPRINTABLE = /[\udc80-\udcff\x00-\x1f\x7f]/u;
const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE.source, 'gu');

/** Returns a path that can be printed: bytes that are not UTF-8 and control characters are written as `\xfc`. */
export function readableName(path: string): string {
  if (!UNPRINTABLE.test(path)) return path;
  return path.replace(ALL_UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0);
    return `\\x${(code < 0x80 ? code : code - 0xdc00).toString(16).padStart(2, '0')}`;
  });
}
