/**
 * TFRecord framing: each record is its length (uint64), the masked CRC-32C of the length, the data, the masked CRC-32C
 * of the data; all little-endian.
 */
import { maskedCrc32c } from './crc32c';

const HEADER = 12;
const FOOTER = 4;

/** Returns the record of some data. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEADER + data.length + FOOTER);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(data, HEADER);
  view.setUint32(HEADER + data.length, maskedCrc32c(data), true);
  return record;
}

export interface FramedRecord {
  data: Uint8Array;
  /** Positions of the first byte and after the last byte in the file. */
  start: number;
  end: number;
}

/** Yields the records of a file up to the first that is cut short or does not agree with its checksums. */
export function* wholeRecords(file: Uint8Array): Generator<FramedRecord> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let start = 0; start + HEADER + FOOTER <= file.length; ) {
    if (view.getUint32(start + 8, true) !== maskedCrc32c(file.subarray(start, start + 8))) return;
    const length = Number(view.getBigUint64(start, true));
    const end = start + HEADER + length + FOOTER;
    if (end > file.length) return;
    const data = file.subarray(start + HEADER, start + HEADER + length);
    if (view.getUint32(end - FOOTER, true) !== maskedCrc32c(data)) return;
    yield { data, start, end };
    start = end;
  }
}
