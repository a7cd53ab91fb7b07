/** Nets in files: weights, options, class order, preprocessing. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, memory, ones, type Variable } from '@tensorflow/tfjs-core';
import { createVgg, normalInitialiser, type Vgg, type VggOptions } from '@vgg/models';
import { expectNoLeak } from '@vgg/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  asFloat32,
  fromFloat32,
  fromInt32,
  loadWeights,
  parseModel,
  parseSafetensors,
  type SaveOptions,
  serialiseModel,
  serialiseSafetensors,
  type TensorData,
} from '../src/index';
import { loadModel, saveModel, writeSafetensors } from '../src/node';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const OPTIONS = {
  configuration: 'A',
  batchNorm: true,
  classes: 3,
  inputSize: 32,
  width: 1 / 64,
  head: 'small',
} as const satisfies VggOptions;
const DESCRIPTION: SaveOptions = {
  classes: ['tench', 'größe "x"', 'zebra'],
  preprocessing: { mean: [123.68, 116.779, 103.939], scale: [40, 64] },
};

let folder: string;
let model: Vgg;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-weights-'));
  model = createVgg(OPTIONS, normalInitialiser({ seed: 7 }));
});
afterEach(async () => {
  model.dispose();
  await rm(folder, { recursive: true });
});

/** Returns names, shapes and trainability of variables. */
function layout(net: Vgg) {
  return [...net.variables].map(([name, { shape, trainable }]) => ({ name, shape, trainable }));
}

function numbers(net: Vgg): number[][] {
  return [...net.variables.values()].map((variable) => [...variable.dataSync()]);
}

describe('a saved net', () => {
  it('is the same after loading', async () => {
    const path = join(folder, 'net.safetensors');
    await saveModel(path, model, { ...DESCRIPTION, metadata: { note: 'epoch 3' } });
    const saved = await loadModel(path);
    expect(saved.model.options).toEqual(model.options);
    expect(layout(saved.model)).toEqual(layout(model));
    expect(numbers(saved.model)).toEqual(numbers(model));
    expect({ classes: saved.classes, preprocessing: saved.preprocessing }).toEqual(DESCRIPTION);
    expect(saved.metadata).toEqual({ note: 'epoch 3' });
    saved.model.dispose();
  });

  it('computes the same after loading', async () => {
    const saved = parseModel(await serialiseModel(model, DESCRIPTION));
    const images = ones([2, 32, 32, 3]) as Parameters<Vgg['apply']>[0];
    expect(saved.model.apply(images).logits).toBeAllclose(model.apply(images).logits, { rtol: 0 });
    saved.model.dispose();
  });

  it('has the same bytes in memory and on disk', async () => {
    const path = join(folder, 'net.safetensors');
    await saveModel(path, model, DESCRIPTION);
    expect(Buffer.from(await serialiseModel(model, DESCRIPTION)).equals(await readFile(path))).toBe(true);
  });

  it('uses no memory after it is disposed', async () => {
    const path = join(folder, 'net.safetensors');
    await saveModel(path, model, DESCRIPTION);
    await expectNoLeak(async () => (await loadModel(path)).model.dispose());
  });

  it('is loaded from a checkpoint by a prefix', async () => {
    const path = join(folder, 'checkpoint.safetensors');
    const { metadata } = parseSafetensors(await serialiseModel(model, DESCRIPTION));
    const velocity = fromFloat32([1], Float32Array.of(Number.NaN));
    const tensors = new Map<string, Variable | TensorData>();
    for (const [name, variable] of model.variables) tensors.set(`model/${name}`, variable);
    tensors.set('velocity/conv1_1.weight', velocity);
    await writeSafetensors(path, tensors, metadata);
    const saved = await loadModel(path, { prefix: 'model/' });
    expect(numbers(saved.model)).toEqual(numbers(model));
    saved.model.dispose();
    await expect(loadModel(path)).rejects.toThrow('does not fit the net');
  });

  it('is refused when the description does not fit the net', async () => {
    const path = join(folder, 'net.safetensors');
    const wrong = { ...DESCRIPTION, classes: ['a'] };
    await expect(saveModel(path, model, wrong)).rejects.toMatchObject({
      code: 'VGG_ARGUMENT',
      message: 'description of a net: expected as many class names as the net has classes, 3, got 1',
    });
    const preprocessing = { mean: [1, Number.NaN, 3], scale: 256 } as const;
    await expect(saveModel(path, model, { ...DESCRIPTION, preprocessing })).rejects.toThrow('three finite numbers');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a file that is not a valid net', () => {
  /** Returns the bytes of the net's file with other metadata or tensors. */
  async function changed(
    metadata: Record<string, string | undefined>,
    change: (tensors: Map<string, TensorData>) => void = () => {},
  ): Promise<Uint8Array> {
    const file = parseSafetensors(await serialiseModel(model, DESCRIPTION));
    const tensors = new Map(file.tensors);
    change(tensors);
    const texts = Object.entries({ ...file.metadata, ...metadata }).filter(([, text]) => text !== undefined);
    return serialiseSafetensors(tensors, Object.fromEntries(texts) as Record<string, string>);
  }
  const options = (change: object) => ({ 'vgg.options': JSON.stringify({ ...OPTIONS, ...change }) });

  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ['no options', { 'vgg.options': undefined }, /its metadata lacks vgg.options; use loadWeights instead$/],
    ['options that are not JSON', { 'vgg.options': '{' }, /its vgg.options is not JSON$/],
    ['an unknown configuration', options({ configuration: 'F' }), /configuration must be one of A, A-LRN, B, C, D, E/],
    ['an unknown option', options({ classses: 3 }), /unknown option "classses".*did you mean "classes"/],
    ['options that are a list', { 'vgg.options': '[]' }, /expected the options of a net as an object/],
    ['no classes', { 'vgg.classes': undefined }, /its metadata lacks vgg.classes/],
    ['classes that are numbers', { 'vgg.classes': '[1,2,3]' }, /expected the classes as a list of names$/],
    ['too few classes', { 'vgg.classes': '["a"]' }, /expected as many class names as the net has classes, 3, got 1$/],
    [
      'a mean of two',
      { 'vgg.preprocessing': '{"mean":[1,2],"scale":1}' },
      /expected the mean as three finite numbers$/,
    ],
    ['no mean', { 'vgg.preprocessing': 'null' }, /expected the mean as three finite numbers$/],
    ['a scale reversed', { 'vgg.preprocessing': '{"mean":[1,2,3],"scale":[3,1]}' }, /expected the scale S as/],
    ['a net larger than its file', options({ width: 8 }), /it holds \d+ weights, its options need \d+$/],
    ['a net larger than any', options({ width: 1e6 }), /more than 2\^31 - 1/],
    [
      'another width',
      options({ width: 1 / 32 }),
      /\d+ of another shape \(conv1_1.weight expected \[3,3,3,2\] got \[3,3,3,1\]/,
    ],
    [
      'another net',
      options({ configuration: 'B' }),
      /12 missing \(conv1_2.weight, conv1_2.bias, bn1_2.scale, bn1_2.offset and 8 more\)/,
    ],
  ])('with %s is refused with one line that names the file', async (_, metadata, message) => {
    const bytes = await changed(metadata);
    await expectNoLeak(() => {
      let error: unknown;
      try {
        parseModel(bytes, 'bad.safetensors');
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ code: 'VGG_WEIGHTS', message: expect.stringMatching(/^bad\.safetensors .*$/) });
      expect((error as Error).message).toMatch(message);
    });
  });

  it('is refused with all tensors that are left over, missing or of another shape', async () => {
    const bytes = await changed({}, (tensors) => {
      tensors.delete('fc8.bias');
      tensors.set('fc9.bias', fromFloat32([1], new Float32Array(1)));
      tensors.set('conv1_1.bias', fromFloat32([2], new Float32Array(2)));
    });
    const path = join(folder, 'bad.safetensors');
    await writeFile(path, bytes);
    await expectNoLeak(() =>
      expect(loadModel(path)).rejects.toMatchObject({
        code: 'VGG_WEIGHTS',
        message: `${path} does not fit the net: 1 missing (fc8.bias); 1 left over (fc9.bias); 1 of another shape (conv1_1.bias expected [1] got [2])`,
      }),
    );
  });

  it('is refused with the name of a weight that is not finite', async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const bytes = await changed({}, (tensors) => {
        tensors.set('fc8.bias', fromFloat32([3], Float32Array.of(1, bad, 2)));
      });
      const path = join(folder, 'bad.safetensors');
      await writeFile(path, bytes);
      const message = /bad\.safetensors: fc8\.bias holds numbers that are not finite/;
      await expectNoLeak(() => expect(loadModel(path)).rejects.toThrow(message));
      await expectNoLeak(() => expect(() => parseModel(bytes, 'bad.safetensors')).toThrow(message));
    }
  });

  it('is refused for a tensor of integers', async () => {
    const bytes = await changed({}, (tensors) => {
      tensors.set('fc8.bias', fromInt32([3], Int32Array.of(1, 2, 3)));
    });
    await expectNoLeak(() =>
      expect(() => parseModel(bytes)).toThrow('expected a tensor of F32, F16, BF16 or F64, got I32'),
    );
  });
});

describe('loading weights into a net', () => {
  async function weights(): Promise<Map<string, TensorData>> {
    return new Map(parseSafetensors(await serialiseModel(model, DESCRIPTION)).tensors);
  }

  it('replaces every variable, also from half precision', async () => {
    const other = createVgg(OPTIONS);
    const halves = [...(await weights())].map(([name, data]) => {
      const rounded = asFloat32(data).map((x) => Math.round(x * 256) / 256);
      return [name, fromFloat32(data.shape, rounded, 'F16')] as const;
    });
    const before = memory().numTensors;
    const report = loadWeights(other, new Map(halves));
    expect(memory().numTensors).toBe(before);
    expect(report).toEqual({ loaded: [...other.variables.keys()], missing: [], leftOver: [], misshapen: [] });
    numbers(other).forEach((actual, i) => {
      expect(actual).toBeAllclose(numbers(model)[i]!, { rtol: 0, atol: 1 / 512 });
    });
    other.dispose();
  });

  it('changes nothing when it throws', async () => {
    const other = createVgg(OPTIONS);
    const before = numbers(other);
    const tensors = await weights();
    tensors.set('fc8.bias', fromFloat32([3], Float32Array.of(1, 2, Number.NaN)));
    expect(() => loadWeights(other, tensors)).toThrow('the weights: fc8.bias holds numbers that are not finite');
    tensors.delete('fc8.bias');
    expect(() => loadWeights(other, tensors, { source: 'x' })).toThrow('x does not fit the net: 1 missing (fc8.bias)');
    expect(numbers(other)).toEqual(before);
    other.dispose();
  });

  it('loads the tensors that fit and reports the others when not strict', async () => {
    const other = createVgg({ ...OPTIONS, classes: 4 });
    const tensors = await weights();
    tensors.set('extra', fromFloat32([], Float32Array.of(1)));
    const report = loadWeights(other, tensors, { strict: false });
    expect(report.loaded).toHaveLength(other.variables.size - 2);
    expect(report).toMatchObject({
      missing: [],
      leftOver: ['extra'],
      misshapen: [
        { name: 'fc8.weight', expected: [8, 4], got: [8, 3] },
        { name: 'fc8.bias', expected: [4], got: [3] },
      ],
    });
    expect([...other.variables.get('conv1_1.weight')!.dataSync()]).toEqual([
      ...model.variables.get('conv1_1.weight')!.dataSync(),
    ]);
    other.dispose();
  });
});
