/** Appending to logs so that a full disk leaves no half entry behind. */
import { fstatSync, ftruncateSync, writeSync } from 'node:fs';

/** Writes all of `bytes` at the end of a file, or none: what a refused write left is cut off again before its error is thrown. */
export function appendWhole(file: number, bytes: Uint8Array): void {
  const { size } = fstatSync(file);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, size + done);
  } catch (error) {
    try {
      ftruncateSync(file, size);
    } catch {}
    throw error;
  }
}
