/** Nets exported for other software. These tests check only TF.js; bench/exports.check.ts checks the other software. */
import '@tensorflow/tfjs-backend-cpu';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import {
  abs,
  div,
  enableProdMode,
  fill,
  io,
  max,
  mul,
  randomUniform,
  reshape,
  reverse,
  sub,
  type Tensor,
  type Tensor4D,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import { createVgg, normalInitialiser, type Vgg, type VggOptions } from '@vgg/models';
import { expectNoLeak } from '@vgg/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  asFloat32,
  type ExportedFile,
  exportSafetensors,
  exportTfjs,
  loadNet,
  type ModelDescription,
  openWeights,
  type Preprocessing,
  parseModel,
  parseSafetensors,
  type TfjsExportOptions,
  tensorsOf,
} from '../src/index';
import { bytesOf } from '../src/sources/bytes';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const NARROW = { classes: 3, inputSize: 64, width: 1 / 32 } as const satisfies Partial<VggOptions>;
const DESCRIPTION: ModelDescription = {
  classes: ['ant', 'bee', 'cat'],
  preprocessing: { mean: [123.68, 116.779, 103.939], scale: 256 },
};

const made: Vgg[] = [];
afterEach(() => {
  for (const model of made.splice(0)) model.dispose();
});

/** Returns a narrow net with random values, including the statistics of batch norm. */
function narrow(options: VggOptions): Vgg {
  const model = createVgg({ ...NARROW, ...options }, normalInitialiser({ seed: 5, sigma: 0.2 }));
  for (const [name, variable] of model.variables) {
    if (/\.(bias|offset|mean)$/.test(name)) variable.assign(randomUniform(variable.shape, -0.1, 0.1, 'float32', 3));
    if (/\.(scale|variance)$/.test(name)) variable.assign(randomUniform(variable.shape, 0.5, 2, 'float32', 4));
  }
  made.push(model);
  return model;
}

function images(height: number, width: number): Tensor4D {
  return randomUniform([2, height, width, 3], -100, 100, 'float32', 9);
}

async function concatenated(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const part of parts) chunks.push(part);
  return new Uint8Array(Buffer.concat(chunks));
}

async function tfjsFiles(model: Vgg, options: TfjsExportOptions): Promise<Map<string, Uint8Array>> {
  const files: ExportedFile[] = [];
  for await (const file of exportTfjs(tensorsOf(model), options)) files.push(file);
  expect(files.at(-1)!.name).toBe('model.json');
  return new Map(files.map(({ name, bytes }) => [name, bytes]));
}

/** Computes the output of TF.js for the files, which its own loader reads. */
async function runByTfjs(files: Map<string, Uint8Array>, x: Tensor4D): Promise<Tensor> {
  const json = JSON.parse(new TextDecoder().decode(files.get('model.json'))) as io.ModelJSON;
  const handler = io.fromMemory(
    await io.getModelArtifactsForJSON(json, async (manifest) => {
      const shards = manifest.flatMap(({ paths }) => paths).map((path) => files.get(path)!);
      return [manifest.flatMap(({ weights }) => weights), new Uint8Array(Buffer.concat(shards)).buffer];
    }),
  );
  const model = await loadGraphModel(handler);
  try {
    return model.predict({ images: x }) as Tensor;
  } finally {
    model.dispose();
  }
}

const NETS: readonly VggOptions[] = [
  { configuration: 'A' },
  { configuration: 'A-LRN' },
  { configuration: 'B', batchNorm: true },
  { configuration: 'C', head: 'small' },
  { configuration: 'D', head: 'linear' },
  { configuration: 'E', batchNorm: true, head: 'small' },
];

describe('a TF.js graph model', () => {
  it.each(NETS)(
    'of $configuration, head $head, batch norm $batchNorm computes the same as the net',
    async (options) => {
      const model = narrow(options);
      await expectNoLeak(async () => {
        const files = await tfjsFiles(model, { dtype: 'F32' });
        const dense = await tfjsFiles(model, { dtype: 'F32', view: 'dense' });
        const x = images(64, 64);
        const wide = images(96, 131);
        const y = await runByTfjs(files, x);
        const z = await runByTfjs(dense, wide);
        const { logits } = model.apply(x);
        const { scores } = model.dense(wide);
        expect(y).toBeAllclose(logits, { rtol: 1e-5, atol: 1e-5 });
        expect(z).toBeAllclose(scores, { rtol: 1e-5, atol: 1e-5 });
        for (const tensor of [x, wide, y, z, logits, scores]) tensor.dispose();
      });
    },
  );

  it('without a head computes pool5 of images of any size', async () => {
    const model = narrow({ configuration: 'A', head: 'none' });
    const x = images(70, 40);
    const y = await runByTfjs(await tfjsFiles(model, { dtype: 'F32' }), x);
    expect(y).toBeAllclose(model.features(x, ['pool5']).pool5, { rtol: 1e-5, atol: 1e-5 });
  });

  it.each([
    { mean: [123.68, 116.779, 103.939], scale: 256 },
    { mean: [103.939, 116.779, 123.68], scale: 256, channels: 'BGR' },
    { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], range: 1, scale: 256 },
  ] as const)('takes RGB from 0 to 255 with the preprocessing %j inside', async (preprocessing) => {
    const model = narrow({ configuration: 'A' });
    const x = randomUniform([2, 64, 64, 3], 0, 255, 'float32', 9) as Tensor4D;
    const {
      mean,
      std = [1, 1, 1],
      range = 255,
      channels = 'RGB',
    } = { std: undefined, ...preprocessing } as Preprocessing;
    const description = { classes: DESCRIPTION.classes, preprocessing };
    const files = await tfjsFiles(model, { dtype: 'F32', description, preprocessing: 'inside' });
    const y = await runByTfjs(files, x);
    const input = tidy(() => {
      const ordered = channels === 'BGR' ? reverse(x, 3) : x;
      return div(sub(mul(ordered, range / 255), mean), std) as Tensor4D;
    });
    expect(y).toBeAllclose(model.apply(input).logits, { rtol: 1e-4, atol: 1e-4 });
    const read = await loadNet(await openWeights(bytesOf(files.get('model.json')!, 'model.json', files)));
    made.push(read.model);
    expect(read.preprocessing).toEqual(preprocessing);
    expect(read.model.apply(input).logits).toBeAllclose(model.apply(input).logits, { rtol: 1e-6, atol: 1e-6 });
  });

  it('cannot have an unknown preprocessing inside', async () => {
    const parts = exportTfjs(tensorsOf(narrow({ configuration: 'A' })), { preprocessing: 'inside' });
    await expect(parts.next()).rejects.toThrow(/the preprocessing of this net is not known/);
  });

  it('keeps variances of batch norm that 16 bits cannot hold', async () => {
    const model = narrow({ configuration: 'A', batchNorm: true });
    const variance = model.variables.get('bn1_1.variance')!;
    variance.assign(fill(variance.shape, 1e6));
    const files = await tfjsFiles(model, { description: DESCRIPTION });
    const read = await loadNet(await openWeights(bytesOf(files.get('model.json')!, 'model.json', files)));
    made.push(read.model);
    expect(read.model.variables.get('bn1_1.variance')).toBeAllclose(variance, { rtol: 0 });
    const saved = parseModel(
      await concatenated(exportSafetensors(tensorsOf(model), { dtype: 'F16', description: DESCRIPTION })),
    );
    made.push(saved.model);
    expect(saved.model.variables.get('bn1_1.variance')).toBeAllclose(variance, { rtol: 0 });
  });

  it('stores values in 16 bits by default, in shards of 4 MiB', async () => {
    const model = narrow({ configuration: 'A', width: 0.25 });
    const files = await tfjsFiles(model, { description: DESCRIPTION });
    // Vectors stay in 32 bits.
    const bytes = [...model.variables.values()].reduce((sum, { size, rank }) => sum + (rank < 2 ? 4 : 2) * size, 0);
    const sizes = [...files].filter(([name]) => name !== 'model.json').map(([, bytes]) => bytes.length);
    expect(sizes.reduce((a, b) => a + b)).toBe(bytes + 8);
    expect(sizes.slice(0, -1).every((size) => size === 2 ** 22)).toBe(true);
    expect([...files.keys()].slice(0, 2)).toEqual(['group1-shard1of2.bin', 'group1-shard2of2.bin']);
    const json = JSON.parse(new TextDecoder().decode(files.get('model.json'))) as io.ModelJSON;
    expect(JSON.parse((json.userDefinedMetadata as Record<string, string>)['vgg.classes']!)).toEqual(
      DESCRIPTION.classes,
    );
    const x = images(64, 64);
    const y = await runByTfjs(files, x);
    const { logits } = model.apply(x);
    const scale = Math.max(...logits.dataSync().map(Math.abs));
    expect(y).toBeAllclose(logits, { rtol: 0, atol: 5e-3 * scale });
    expect(tidy(() => max(abs(sub(y, logits))).dataSync()[0])).toBeGreaterThan(0);
  });
});

describe('safetensors', () => {
  it('with our names can be read by loadModel', async () => {
    const model = narrow({ configuration: 'B', batchNorm: true });
    const bytes = await concatenated(exportSafetensors(tensorsOf(model), { description: DESCRIPTION }));
    const saved = parseModel(bytes);
    made.push(saved.model);
    expect(saved).toMatchObject(DESCRIPTION);
    expect([...saved.model.variables].map(([name, { shape }]) => [name, shape])).toEqual(
      [...model.variables].map(([name, { shape }]) => [name, shape]),
    );
    for (const [name, variable] of model.variables) {
      expect(saved.model.variables.get(name)).toBeAllclose(variable, { rtol: 0 });
    }
  });

  it.each(['F16', 'BF16'] as const)('in %s has the rounded values', async (dtype) => {
    const model = narrow({ configuration: 'A', head: 'small' });
    const { tensors } = parseSafetensors(await concatenated(exportSafetensors(tensorsOf(model), { dtype })));
    for (const [name, variable] of model.variables) {
      expect(tensors.get(name)!.dtype).toBe(dtype === 'F16' && variable.rank < 2 ? 'F32' : dtype);
      expect(asFloat32(tensors.get(name)!)).toBeAllclose(variable.dataSync(), { rtol: 2 ** -8, atol: 1e-7 });
    }
  });

  it("with torchvision's names has its names, shapes and layouts", async () => {
    const model = narrow({ configuration: 'A', batchNorm: true });
    const bytes = await concatenated(exportSafetensors(tensorsOf(model), { naming: 'torchvision' }));
    const { tensors, metadata } = parseSafetensors(bytes);
    expect(metadata).toEqual({ format: 'pt' });
    expect([...tensors].slice(0, 8).map(([name, { dtype, shape }]) => [name, dtype, shape.join()])).toEqual([
      ['features.1.num_batches_tracked', 'I64', ''],
      ['features.5.num_batches_tracked', 'I64', ''],
      ['features.9.num_batches_tracked', 'I64', ''],
      ['features.12.num_batches_tracked', 'I64', ''],
      ['features.16.num_batches_tracked', 'I64', ''],
      ['features.19.num_batches_tracked', 'I64', ''],
      ['features.23.num_batches_tracked', 'I64', ''],
      ['features.26.num_batches_tracked', 'I64', ''],
    ]);
    const convolution = model.variables.get('conv2_1.weight') as unknown as Tensor4D;
    expect(asFloat32(tensors.get('features.4.weight')!)).toBeAllclose(transpose(convolution, [3, 2, 0, 1]).dataSync(), {
      rtol: 0,
    });
    const fc6 = model.variables.get('fc6.weight')!;
    const channels = 16;
    const outputs = 128;
    const expected = tidy(() => transpose(reshape(fc6, [2, 2, channels, outputs]), [3, 2, 0, 1]).dataSync());
    expect(tensors.get('classifier.0.weight')!.shape).toEqual([outputs, 4 * channels]);
    expect(asFloat32(tensors.get('classifier.0.weight')!)).toBeAllclose(expected, { rtol: 0 });
  });

  it("with torchvision's names is loaded as the same net", async () => {
    const model = narrow({ configuration: 'A', batchNorm: true, head: 'small' });
    const bytes = await concatenated(exportSafetensors(tensorsOf(model), { naming: 'torchvision' }));
    const source = await openWeights(bytesOf(bytes));
    const { model: again, naming } = await loadNet(source);
    made.push(again);
    expect(naming).toBe('torchvision');
    const x = images(64, 64);
    expect(again.apply(x).logits).toBeAllclose(model.apply(x).logits, { rtol: 0 });
  });

  it("with torchvision's names is refused for a head that torchvision does not have", async () => {
    const model = narrow({ configuration: 'A', head: 'linear' });
    await expect(concatenated(exportSafetensors(tensorsOf(model), { naming: 'torchvision' }))).rejects.toThrow(
      'torchvision has no net of head linear: expected paper, or our own names',
    );
  });
});
