/** A net of a table with one channel is trained, saved, loaded and exported as the nets of the paper are. */
import './backend';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import { io, type Tensor, tensor4d } from '@tensorflow/tfjs-core';
import { exportSafetensors, exportTfjs, parseModel, tensorsOf } from '@vgg/weights';
import { loadModel, loadNet, saveModel } from '@vgg/weights/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DIGITS, drawDigits, trainDigits } from './digits';

const folder = mkdtempSync(join(tmpdir(), 'digits-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DESCRIPTION = {
  classes: Array.from({ length: 10 }, (_, i) => String(i)),
  preprocessing: { mean: [0.2], std: [0.3], range: 1, scale: 28 },
} as const;
const { images } = drawDigits(20, 2000);
const x = () => tensor4d(images, [20, 28, 28, 1]);

let trained: Awaited<ReturnType<typeof trainDigits>>;
let logits: Float32Array;
beforeAll(async () => {
  trained = await trainDigits();
  logits = trained.model.apply(x()).logits.dataSync() as Float32Array;
});

it('learns digits', () => {
  expect(trained.validation.top1).toBeLessThan(25);
});

it('is saved and loaded with its table, channels and preprocessing', async () => {
  const path = join(folder, 'digits.safetensors');
  await saveModel(path, trained.model, DESCRIPTION);
  for (const saved of [await loadModel(path), await loadNet(path)]) {
    expect(saved.model.options).toEqual(trained.model.options);
    expect(saved.preprocessing).toEqual(DESCRIPTION.preprocessing);
    expect(saved.model.apply(x()).logits.dataSync()).toEqual(logits);
    saved.model.dispose();
  }
});

it('is exported to TF.js and safetensors', async () => {
  const files = new Map<string, Uint8Array>();
  for await (const { name, bytes } of exportTfjs(tensorsOf(trained.model), {
    dtype: 'F32',
    description: DESCRIPTION,
  })) {
    files.set(name, bytes);
  }
  const json = JSON.parse(new TextDecoder().decode(files.get('model.json'))) as io.ModelJSON;
  const artifacts = await io.getModelArtifactsForJSON(json, async (manifest) => {
    const shards = manifest.flatMap(({ paths }) => paths).map((shard) => files.get(shard)!);
    return [manifest.flatMap(({ weights }) => weights), new Uint8Array(Buffer.concat(shards)).buffer];
  });
  const graph = await loadGraphModel(io.fromMemory(artifacts));
  const output = graph.predict({ images: x() }) as Tensor;
  expect(output.dataSync()).toBeAllclose(logits, { rtol: 1e-5, atol: 1e-5 });
  graph.dispose();

  const parts: Uint8Array[] = [];
  for await (const part of exportSafetensors(tensorsOf(trained.model), { description: DESCRIPTION })) parts.push(part);
  const { model } = parseModel(new Uint8Array(Buffer.concat(parts)));
  expect(model.options.configuration).toEqual(DIGITS.configuration);
  expect(model.apply(x()).logits.dataSync()).toEqual(logits);
  model.dispose();
});
