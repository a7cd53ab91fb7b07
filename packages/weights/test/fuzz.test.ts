/** A small piece of tools/fuzz: damaged files of every format are read or refused in one line, never anything else. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeInput, readInput } from '../../../tools/fuzz/case.mjs';
import { FORMATS } from '../../../tools/fuzz/formats.mjs';
import * as weights from '../src/index';

/** HDF5 is read by WebAssembly, slowly. */
const INPUTS: Readonly<Record<string, number>> = { hdf5: 30, keras: 30 };

describe('a damaged file', () => {
  it.each(Object.keys(FORMATS))('of %s is read or refused', async (format) => {
    for (let number = 0; number < (INPUTS[format] ?? 150); number++) {
      const outcome = await readInput(weights, makeInput(format, 2014, number)).catch((error: unknown) => {
        throw new Error(`node tools/fuzz/fuzz.mjs --format ${format} --seed 2014 --first ${number} --inputs 1`, {
          cause: error,
        });
      });
      expect(['read', 'VGG_WEIGHTS', 'VGG_IO']).toContain(outcome);
    }
  });

  it('is of every format that there is a reader for', () => {
    const folders = readdirSync(new URL('../src/', import.meta.url));
    const readers = ['caffe', 'keras', 'pytorch', 'safetensors', 'tfjs'];
    expect(folders).toEqual(expect.arrayContaining(readers));
    expect(Object.keys(FORMATS)).toEqual(
      expect.arrayContaining([...readers, 'npz', 'hdf5', 'pytorch-legacy', 'sharded']),
    );
  });

  it('is the same for the same seed and number, and another for others', () => {
    const one = makeInput('pytorch', 7, 3).bytes;
    expect(makeInput('pytorch', 7, 3).bytes).toEqual(one);
    expect(makeInput('pytorch', 8, 3).bytes).not.toEqual(one);
    expect(makeInput('pytorch', 7, 4).bytes).not.toEqual(one);
  });
});
