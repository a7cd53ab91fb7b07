/** Reads tables of text: fields between commas, semicolons or tabs, or lines that end in a space and a label. */
import { isUtf8 } from 'node:buffer';
import { VggError } from '@vgg/core';
import { CsvError, parse } from 'csv-parse/sync';
import { readableName } from '../byte-names';
import { readBytes } from './text';

/** Rows of a table, each with the same number of fields. */
export interface Table {
  readonly rows: readonly (readonly string[])[];
  /** Returns the line in which a row ends, from 1. It reads the table again. */
  readonly line: (row: number) => number;
}

/** Delimiters in the order in which they are preferred, if several divide all lines alike. */
const DELIMITERS = ['\t', ';', ','] as const;

/** Part of a file by which its delimiter is found. */
const SAMPLED_BYTES = 64 * 1024;

const LINE_END = 10;

/** Builds an error of a table. @param line number of the line, if one is meant. */
export function tableError(name: string, reason: string, line?: number): VggError {
  return new VggError('dataset', `${readableName(name)}${line === undefined ? '' : `, line ${line}`}: ${reason}`);
}

/**
 * Reads a table of at most 64 MiB in UTF-8, or in UTF-16 with a byte order mark.
 * @param name the table in messages.
 * @throws VggError `VGG_DATASET`, one line, if it is empty, no text, incomplete, or has one column.
 */
export async function readTable(path: string, name: string): Promise<Table> {
  const bytes = inUtf8(await readBytes(path), name);
  const delimiter = delimiterOf(bytes);
  const table = delimiter === undefined ? spaced(bytes) : delimited(bytes, delimiter, name);
  const [first] = table.rows;
  if (first === undefined) throw tableError(name, 'expected rows, got an empty file');
  if (first.length < 2) throw tableError(name, 'expected a column of file names and one of classes, got one column');
  for (const [i, { length }] of table.rows.entries()) {
    if (length === first.length) continue;
    throw tableError(
      name,
      `expected ${first.length} fields as in the first line, got ${length}: is the table complete?`,
      table.line(i),
    );
  }
  return table;
}

function inUtf8(bytes: Buffer, name: string): Buffer {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return Buffer.from(bytes.subarray(2).toString('utf16le'));
  if (bytes.includes(0)) throw tableError(name, 'expected text, got binary data');
  if (!isUtf8(bytes)) throw tableError(name, 'expected text in UTF-8: save it in that encoding');
  return bytes;
}

const OPTIONS = { bom: true, trim: true, skip_records_with_empty_values: true, relax_column_count: true } as const;

/** Reads rows with one delimiter. @param to number of rows to read. Default all. */
function records(bytes: Buffer, delimiter: string, to: number | null = null): string[][] {
  return parse(bytes, { ...OPTIONS, delimiter, to });
}

function lineOf(bytes: Buffer, delimiter: string, row: number): number {
  let line = 0;
  const on_record = (record: string[], context: { readonly lines: number }) => {
    line = context.lines;
    return record;
  };
  parse(bytes, { ...OPTIONS, delimiter, from: row + 1, to: row + 1, on_record });
  return line;
}

function delimited(bytes: Buffer, delimiter: string, name: string): Table {
  try {
    return { rows: records(bytes, delimiter), line: (row) => lineOf(bytes, delimiter, row) };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const reason = error.message.replaceAll(/\s+/g, ' ').replace(/^[^:]*/, (what) => what.toLowerCase());
    throw tableError(name, `${reason}: is the table complete?`);
  }
}

/** Returns the numbers of fields of rows; undefined if the delimiter does not fit the quotes. */
function widthsOf(bytes: Buffer, delimiter: string, to?: number): readonly number[] | undefined {
  try {
    return records(bytes, delimiter, to).map(({ length }) => length);
  } catch {
    return undefined;
  }
}

/** Returns the delimiter that divides the first lines alike, or else the first line; undefined for spaces. */
function delimiterOf(bytes: Buffer): string | undefined {
  const end = bytes.length <= SAMPLED_BYTES ? bytes.length : bytes.lastIndexOf(LINE_END, SAMPLED_BYTES) + 1;
  const sample = bytes.subarray(0, end);
  const isAlike = (widths: readonly number[] = []) => widths[0]! > 1 && widths.every((width) => width === widths[0]);
  return (
    DELIMITERS.find((delimiter) => isAlike(widthsOf(sample, delimiter))) ??
    DELIMITERS.find((delimiter) => isAlike(widthsOf(bytes, delimiter, 1)))
  );
}

/** Reads lines of a file name, spaces and a label. Lines that begin with # are left out. */
function spaced(bytes: Buffer): Table {
  const found = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ text: line.trim(), line: i + 1 }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'));
  return {
    rows: found.map(({ text }) => /^(.*\S)\s+(\S+)$/.exec(text)?.slice(1) ?? [text]),
    line: (row) => found[row]!.line,
  };
}
