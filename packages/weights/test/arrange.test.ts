/** Tensors read band by band into memory of the caller, while the next bands are being read. */
import { describe, expect, it } from 'vitest';
import { readArranged } from '../src/names/arrange';
import type { Dtype } from '../src/safetensors/dtypes';
import type { Place } from '../src/sources/graph';
import { rowRange, type WeightSource } from '../src/sources/source';

/** A row of 1 MiB: 16 of them are a band, so that a tensor of 40 has three. */
const ROW = 2 ** 18;
const ROWS = 40;

interface Reads {
  /** Numbers of reads that have begun and ended. */
  begun: number;
  ended: number;
  /** Largest number of reads at once. */
  atOnce: number;
}

/** A file of one tensor, whose reads end in another order than they begin. */
function fileOf(values: Float32Array, fault?: { row: number; error: Error }): { source: WeightSource; reads: Reads } {
  const info = { dtype: 'F32' as Dtype, shape: [ROWS, ROW] };
  const reads = { begun: 0, ended: 0, atOnce: 0 };
  const source: WeightSource = {
    name: 'net',
    format: 'test',
    tensors: new Map([['w', info]]),
    metadata: {},
    read: () => Promise.reject(new Error('expected reads into memory')),
    async readInto(_, rows, out) {
      reads.begun += 1;
      reads.atOnce = Math.max(reads.atOnce, reads.begun - reads.ended);
      await new Promise((resolve) => setTimeout(resolve, reads.begun % 2 === 1 ? 5 : 1));
      const { begin, length } = rowRange(info, rows);
      out.set(new Uint8Array(values.buffer, begin, length));
      reads.ended += 1;
      if (fault !== undefined && rows.begin <= fault.row && fault.row < rows.end) throw fault.error;
    },
    close: async () => {},
  };
  return { source, reads };
}

const place = (layout: Place['layout']): Place => ({ name: 'w', layout });
const VALUES = Float32Array.from({ length: ROWS * ROW }, (_, i) => i % 9973);

describe('a tensor that is read into memory', () => {
  it('has the numbers of the file, and several parts are read at once', async () => {
    const { source, reads } = fileOf(VALUES);
    const into = new Float32Array(VALUES.length);
    expect(await readArranged(source, place('same'), [ROWS, ROW], ROWS, into)).toBe(true);
    expect(Buffer.compare(Buffer.from(into.buffer), Buffer.from(VALUES.buffer))).toBe(0);
    expect(reads).toEqual({ begun: 3, ended: 3, atOnce: 3 });
  });

  it('is transposed where the file has outputs first', async () => {
    const into = new Float32Array(VALUES.length);
    await readArranged(fileOf(VALUES).source, place('outputsFirst'), [ROW, ROWS], ROW, into);
    const differing = VALUES.findIndex((value, i) => into[(i % ROW) * ROWS + Math.floor(i / ROW)] !== value);
    expect(differing).toBe(-1);
  });

  it.each([0, 20, 39])('is refused for a number in row %i that is not finite', async (row) => {
    const values = VALUES.slice();
    values[row * ROW + 3] = Number.NaN;
    const { source, reads } = fileOf(values);
    expect(await readArranged(source, place('same'), [ROWS, ROW], ROWS, new Float32Array(values.length))).toBe(false);
    expect(reads.ended).toBe(reads.begun);
  });

  it.each([0, 20, 39])('fails with the error of the read of row %i, after all reads have ended', async (row) => {
    const error = new Error('the disk fails');
    const { source, reads } = fileOf(VALUES, { row, error });
    const into = new Float32Array(VALUES.length);
    await expect(readArranged(source, place('same'), [ROWS, ROW], ROWS, into)).rejects.toBe(error);
    expect(reads.ended).toBe(reads.begun);
  });
});
