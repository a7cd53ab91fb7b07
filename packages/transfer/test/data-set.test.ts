/** A data set described and measured, and its predictor in one file, which classifies new images. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageSource, rawSource, subset } from '@vgg/data';
import type { DataSet } from '@vgg/data/node';
import { serialiseSafetensors } from '@vgg/weights';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  isPredictorFile,
  loadPredictor,
  savePredictor,
  searchImages,
  type TransferOptions,
  type TransferResult,
  transfer,
} from '../src/node';
import { noisyImage, smallNet } from './nets';

const COLOURS = [
  [190, 20, 20],
  [20, 190, 20],
  [20, 20, 190],
] as const;
const names = ['red', 'green', 'blue'];
const net = smallNet();
let folder: string;
let result: TransferResult;

/** Returns images of three colours, `count` of each. */
function colours(count: number): ImageSource {
  const labels = Array.from({ length: 3 * count }, (_, i) => i % 3);
  const images = labels.map((label, i) => noisyImage(i, 32, 32, COLOURS[label]!).data);
  return rawSource({ images: Buffer.concat(images), labels, width: 32, height: 32, classes: names });
}

const dataSet = (parts: Partial<DataSet>): DataSet => ({
  layout: 'test',
  classes: names,
  notes: [],
  unused: [],
  ...parts,
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'transfer-'));
  result = await transfer(net, dataSet({ train: colours(8) }), {
    folder,
    name: 'small net',
    perClass: 4,
    splits: 2,
    C: [1, 10],
    withPredictor: true,
  });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  net.model.dispose();
});

describe('transfer', () => {
  it('classifies colours by a net with random weights, over random splits', () => {
    expect(result).toMatchObject({ classes: names, images: 24, width: 64, smallClasses: 0, skipped: [], known: 0 });
    expect(result.study.splits.map(({ train, test }) => [train, test])).toEqual([
      [12, 12],
      [12, 12],
    ]);
    expect(result.study.meanClassAccuracy.mean).toBeGreaterThan(0.9);
    expect(result.study.meanAveragePrecision.mean).toBeGreaterThan(0.9);
  });

  it('takes the test part if there is one, and the descriptors from the cache', async () => {
    const train = subset(
      colours(8),
      Uint32Array.from({ length: 15 }, (_, i) => i),
    );
    const test = subset(
      colours(8),
      Uint32Array.from({ length: 9 }, (_, i) => 15 + i),
    );
    const own = await transfer(net, dataSet({ train, test }), { folder, name: 'small net', C: [10] });
    expect(own.known).toBe(24);
    expect(own.predictor).toBeUndefined();
    expect(own.study.splits).toMatchObject([{ train: 15, test: 9 }]);
    expect(own.study.accuracy.standardError).toBeNull();
  });

  it('refuses options out of range, and a class with too few training images, before it describes any', async () => {
    const onDescribe = vi.fn();
    const refused = (data: Partial<DataSet>, options: Partial<TransferOptions>) =>
      expect(transfer(net, dataSet(data), { folder, name: '', onDescribe, ...options })).rejects;
    const images = { train: colours(4) };
    for (const splits of [0, Number.NaN, 1.5]) {
      await refused(images, { splits }).toThrow(/expected splits to be an integer of at least 1, got/);
    }
    for (const [options, message] of [
      [{ perClass: 0 }, /expected perClass to be an integer of at least 1, got 0/],
      [{ testPerClass: Number.NaN }, /expected testPerClass to be an integer of at least 1, got NaN/],
      [{ batchPixels: Number.NaN }, /expected batchPixels to be an integer of at least 1, got NaN/],
      [{ folds: 1 }, /expected folds to be an integer of at least 2, got 1/],
      [{ C: [] }, /expected a value of C, got none/],
      [{ C: [1, Number.NaN] }, /expected C to be a number above 0, got NaN/],
      [{ perClass: 1 }, /class red has 1 example for training.* use more, or pass one value of C \(--cost\)/],
    ] as const) {
      await refused(images, options).toThrow(message);
    }
    const train = subset(colours(4), [0, 1, 3, 4]);
    await refused({ train, test: colours(2) }, {}).toThrow(/class blue has no example for training/);
    expect(onDescribe).not.toHaveBeenCalled();
  });

  it('takes one training image of each class with one value of C', async () => {
    const options = { folder, name: '', perClass: 1, splits: 1, C: [10] };
    const { study } = await transfer(net, dataSet({ train: colours(4) }), options);
    expect(study.splits).toMatchObject([{ train: 3, test: 9, C: 10 }]);
  });

  it('refuses one class, and a class with one image, before it describes any', async () => {
    const one = rawSource({ images: new Uint8Array(6), labels: [0, 0], width: 1, height: 1, classes: ['a'] });
    await expect(transfer(net, dataSet({ train: one }), { folder, name: '' })).rejects.toThrow(
      /two classes or more, got 1/,
    );
    const few = subset(colours(2), [0, 1, 2, 3, 4]);
    await expect(transfer(net, dataSet({ train: few }), { folder, name: '' })).rejects.toThrow(
      /class blue has one image/,
    );
  });
});

/** Returns the bytes of a predictor file with another text in its description. */
function withText(file: Buffer, from: string | RegExp, to: string): Buffer {
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, 8 + length));
  const { 'vgg.predictor': text } = header.__metadata__;
  header.__metadata__['vgg.predictor'] = text.replace(from, to);
  expect(header.__metadata__['vgg.predictor']).not.toBe(text);
  let changed = Buffer.from(JSON.stringify(header));
  changed = Buffer.concat([changed, Buffer.alloc((8 - (changed.length % 8)) % 8, ' ')]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(changed.length));
  return Buffer.concat([size, changed, file.subarray(8 + length)]);
}

it('refuses a number of neighbours below 1 before it describes any image', async () => {
  const search = searchImages(net, 'nowhere.png', [], { folder, neighbours: 0 });
  await expect(search).rejects.toThrow(/expected neighbours to be an integer of at least 1, got 0/);
});

describe('a predictor file', () => {
  const path = (name: string) => join(folder, name);

  it('contains everything: it classifies new images as before', async () => {
    await savePredictor(path('whole.safetensors'), result.predictor!, net);
    expect(await isPredictorFile(path('whole.safetensors'))).toBe(true);
    const predictor = await loadPredictor(path('whole.safetensors'));
    for (const [label, colour] of COLOURS.entries()) {
      const [best, ...others] = await predictor.predict(noisyImage(99, 40, 50, colour));
      expect(best).toMatchObject({ name: names[label], index: label });
      expect(others).toHaveLength(2);
      expect(best!.probability + others.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    }
    predictor.dispose();
  });

  it('may refer to its net, which is then needed and checked', async () => {
    await savePredictor(path('small.safetensors'), result.predictor!);
    await expect(loadPredictor(path('small.safetensors'))).rejects.toThrow(
      /does not contain its net small net .*pass it as net/,
    );
    const other = smallNet(1);
    const wrong = loadPredictor(path('small.safetensors'), { net: async () => other });
    await expect(wrong).rejects.toThrow(/fitted on the net small net .*got another one/);
    const predictor = await loadPredictor(path('small.safetensors'), { net: async () => smallNet() });
    expect((await predictor.predict(noisyImage(98, 32, 32, COLOURS[1]), 1))[0]).toMatchObject({ name: 'green' });
    predictor.dispose();
  });

  it('refuses a net with descriptors of another length', async () => {
    const wide = smallNet(0, 0.25);
    const { predictWith } = await import('../src');
    const wrong = predictWith(result.predictor!, wide, noisyImage(1, 32, 32));
    await expect(wrong).rejects.toThrow(/takes descriptors of 64 numbers, got 128/);
    wide.model.dispose();
  });

  it('is refused in one line when it is damaged or something else', async () => {
    const bytes = readFileSync(path('whole.safetensors'));
    writeFileSync(path('cut.safetensors'), bytes.subarray(0, bytes.length - 5));
    await expect(loadPredictor(path('cut.safetensors'))).rejects.toThrow(
      /cut.safetensors is not a valid safetensors file/,
    );
    writeFileSync(path('other.safetensors'), serialiseSafetensors(new Map(), { a: 'b' }));
    expect(await isPredictorFile(path('other.safetensors'))).toBe(false);
    await expect(loadPredictor(path('other.safetensors'))).rejects.toThrow(
      /is not a predictor: expected a file that transfer --out wrote/,
    );
    const changed = Buffer.from(bytes);
    changed.fill(0xff, bytes.length - 4);
    writeFileSync(path('changed.safetensors'), changed);
    await expect(loadPredictor(path('changed.safetensors'))).rejects.toThrow(/not finite|NaN|another one/);
    for (const [description, message] of [
      ['{', /its description is not JSON/],
      ['{"version":3}', /version 3, expected 2/],
    ] as const) {
      writeFileSync(path('bad.safetensors'), serialiseSafetensors(new Map(), { 'vgg.predictor': description }));
      await expect(loadPredictor(path('bad.safetensors'))).rejects.toThrow(message);
    }
    for (const [change, message] of [
      [
        '"scales":[1000000000]',
        /is not a valid predictor: expected scales Q as integers from 1 to 4096, got 1000000000/,
      ],
      ['"scales":[-1]', /scales Q as integers from 1 to 4096, got -1/],
      ['"scales":[]', /scales Q .*, got none/],
      [`"scales":[${Array(17).fill(32)}]`, /expected at most 16 scales Q, got 17/],
      ['"scales":[32],"tap":7', /tap to be the name of a layer, got 7/],
      ['"scales":[32],"flip":"no"', /flip to be true or false, got no/],
      ['"scales":[32],"combination":"max"', /combination to be average or stack, got max/],
    ] as const) {
      writeFileSync(path('bad.safetensors'), withText(bytes, '"scales":[32]', change));
      await expect(loadPredictor(path('bad.safetensors'))).rejects.toThrow(message);
    }
    writeFileSync(path('bad.safetensors'), withText(bytes, /"sharpness":[\d.e-]+/, '"sharpness":1e999'));
    await expect(loadPredictor(path('bad.safetensors'))).rejects.toThrow(/finite sharpness above 0, got Infinity/);
    const nan = { ...result.predictor!, sharpness: 0 };
    await expect(savePredictor(path('nan.safetensors'), nan)).rejects.toThrow(/sharpness above 0, got 0/);
  });
});
