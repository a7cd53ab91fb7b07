/** A small part of tools/fuzz: damaged files of every format are either read or refused with one line. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeInput, readInput } from '../../../tools/fuzz/case.mjs';
import { FORMATS } from '../../../tools/fuzz/formats.mjs';
import * as weights from '../src/index';

/** Number of inputs by format. Default 150. HDF5 is slow, because WebAssembly reads it. */
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

  it('exists for every format that has a reader', () => {
    const folders = readdirSync(new URL('../src/', import.meta.url));
    const readers = ['caffe', 'keras', 'onnx', 'pytorch', 'safetensors', 'tfjs'];
    expect(folders).toEqual(expect.arrayContaining(readers));
    expect(Object.keys(FORMATS)).toEqual(
      expect.arrayContaining([...readers, 'npz', 'hdf5', 'pytorch-legacy', 'sharded']),
    );
  });

  it('depends only on the seed and the number', () => {
    const one = makeInput('pytorch', 7, 3).bytes;
    expect(makeInput('pytorch', 7, 3).bytes).toEqual(one);
    expect(makeInput('pytorch', 8, 3).bytes).not.toEqual(one);
    expect(makeInput('pytorch', 7, 4).bytes).not.toEqual(one);
  });
});
