/** ONNX files, equal to those for which onnxruntime computed the recorded outputs. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode, tidy, transpose } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { type ExportedView, exportOnnx, tensorsOf } from '../src/index';
import { EXPORTED, exportedImages, exportedNet, inputImages } from './exported';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

/** Hashes and outputs, recorded by `VGG_RECORD=1 pnpm --filter @vgg/weights check:exports`. */
const RECORDED = JSON.parse(readFileSync(new URL('fixtures/onnx.json', import.meta.url), 'utf8')) as Record<
  string,
  Record<ExportedView, { sha256: string; values: number[] }>
>;

describe.each(Object.keys(EXPORTED))('%s', (name) => {
  it.each(['classifier', 'dense'] as const)(
    '%s is the file for which onnxruntime computed these scores',
    async (view) => {
      const model = exportedNet(name);
      const hash = createHash('sha256');
      for await (const part of exportOnnx(tensorsOf(model), { view })) hash.update(part);
      const { sha256, values } = RECORDED[name]![view];
      expect(hash.digest('hex')).toBe(sha256);
      const scores = tidy(() =>
        view === 'classifier'
          ? model.apply(inputImages(model)).logits.dataSync()
          : transpose(model.dense(exportedImages(96, 131)).scores, [0, 3, 1, 2]).dataSync(),
      );
      const largest = Math.max(...values.map(Math.abs));
      expect(scores).toBeAllclose(values, { rtol: 0, atol: 1e-4 * largest });
      model.dispose();
    },
  );
});

it('a net above 2 GiB is refused before a byte is written', async () => {
  const wide = exportedNet('A');
  const net = { ...tensorsOf(wide), options: { ...wide.options, width: 2.5, inputSize: 224, classes: 1000 } };
  await expect(exportOnnx(net).next()).rejects.toThrow(/ONNX files end at 2 GiB, this net needs \d+ bytes/);
  wide.dispose();
});

it('a net with too few values is refused', async () => {
  const model = exportedNet('A');
  const net = { ...tensorsOf(model), read: async () => new Float32Array(1) };
  const parts = async () => {
    for await (const _ of exportOnnx(net));
  };
  await expect(parts()).rejects.toThrow('conv1_1.weight needs 54 numbers, got 1');
  model.dispose();
});
