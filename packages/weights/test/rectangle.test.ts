/** Nets of rectangular images: their transform, their files, and exports of them with the preprocessing. */
import '@tensorflow/tfjs-backend-cpu';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import { add, enableProdMode, io, type Tensor, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { createVgg, normalInitialiser, resolveOptions, type Vgg } from '@vgg/models';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  bytesOf,
  exportOnnx,
  exportTfjs,
  initialWeights,
  inputTransform,
  loadNet,
  openWeights,
  type Preprocessing,
  parseModel,
  preprocessingText,
  serialiseModel,
  tensorsOf,
} from '../src/index';
import { exportedImages } from './exported';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const NET = { configuration: 'A', inputSize: [32, 96], classes: 3, width: 1 / 32, head: 'small' } as const;
const PREPROCESSING: Preprocessing = { mean: [120, 110, 100], scale: [64, 90] };
const DESCRIPTION = { classes: ['ant', 'bee', 'cat'], preprocessing: PREPROCESSING };

function net(): Vgg {
  const model = createVgg(NET, normalInitialiser({ sigma: 0.1, seed: 1 }));
  onTestFinished(() => model.dispose());
  return model;
}

async function joined(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const part of parts) chunks.push(part.slice());
  return Buffer.concat(chunks);
}

/** Returns scores of images of the input size, or of pixels from 0 to 255 for a graph with the preprocessing inside. */
function scores(model: Vgg): number[] {
  return tidy(() => [...model.apply(exportedImages(32, 96)).logits.dataSync()]);
}

describe('a net of rectangles', () => {
  it('has a transform whose scale covers its input', () => {
    const transform = (preprocessing: Partial<Preprocessing>) =>
      inputTransform({ ...PREPROCESSING, ...preprocessing }, resolveOptions(NET));
    // The middle of 64 and 90 is 77, below the longer side of 96.
    expect(transform({})).toMatchObject({ crop: [32, 96], scale: 96, resize: 'shortest' });
    expect(transform({ scale: [96, 128] })).toMatchObject({ scale: 112 });
    // Stretched images have the shape of the input: their smallest side is 32 of 96.
    expect(transform({ scale: 20, resize: 'stretch' })).toMatchObject({ crop: [32, 96], scale: 32, resize: 'stretch' });
  });

  it('is the same after it is saved and loaded', async () => {
    const model = net();
    const saved = parseModel(await serialiseModel(model, DESCRIPTION));
    onTestFinished(() => saved.model.dispose());
    expect(saved.model.options.inputSize).toEqual([32, 96]);
    expect(saved.transform).toMatchObject({ crop: [32, 96], scale: 96 });
    expect(scores(saved.model)).toEqual(scores(model));
  });

  it('is the same after an export to ONNX, with and without the preprocessing', async () => {
    const model = net();
    for (const preprocessing of ['outside', 'inside'] as const) {
      const bytes = await joined(exportOnnx(tensorsOf(model), { preprocessing, description: DESCRIPTION }));
      const loaded = await loadNet(await openWeights(bytesOf(bytes, 'net.onnx')));
      onTestFinished(() => loaded.model.dispose());
      expect(loaded.model.options).toEqual(model.options);
      expect(loaded.transform).toMatchObject({ crop: [32, 96], scale: 96 });
      expect(scores(loaded.model)).toEqual(scores(model));
    }
  });

  it('computes the same as a graph of TF.js on pixels from 0 to 255', async () => {
    const model = net();
    const files = new Map<string, Uint8Array>();
    const options = { preprocessing: 'inside', description: DESCRIPTION, dtype: 'F32' } as const;
    for await (const { name, bytes } of exportTfjs(tensorsOf(model), options)) files.set(name, bytes);
    const { modelTopology, weightsManifest, signature } = JSON.parse(Buffer.from(files.get('model.json')!).toString());
    const paths = [...files.keys()].filter((name) => name !== 'model.json');
    const graph = await loadGraphModel(
      io.fromMemory({
        modelTopology,
        signature,
        weightSpecs: weightsManifest[0].weights,
        weightData: Uint8Array.from(Buffer.concat(paths.map((name) => files.get(name)!))).buffer,
      }),
    );
    onTestFinished(() => graph.dispose());
    expect(graph.inputs[0]!.shape).toEqual([-1, 32, 96, 3]);
    tidy(() => {
      const images = exportedImages(32, 96);
      const pixels = add(images, tensor1d([120, 110, 100]));
      expect([...(graph.predict(pixels) as Tensor).dataSync()]).toBeAllclose(scores(model), { rtol: 1e-4, atol: 1e-4 });
    });
  });

  it('does not start with the classifier of a net of the other orientation, which has as many weights', async () => {
    const source = await openWeights(bytesOf(await serialiseModel(net(), DESCRIPTION), 'wide.safetensors'));
    const missing = async (inputSize: readonly [number, number]) =>
      (await initialWeights(source, resolveOptions({ ...NET, inputSize }))).missing;
    expect(await missing([32, 96])).toEqual([]);
    expect(await missing([96, 32])).toEqual(['fc6', 'fc8']);
  });

  it('says how its images are prepared', () => {
    expect(preprocessingText(PREPROCESSING, [32, 96], true)[0]).toBe(
      'input: rescale the smallest side to 96 (antialiased), cut 32x96 from the centre',
    );
    const stretched = { ...PREPROCESSING, resize: 'stretch', scale: 40 } as const;
    expect(preprocessingText(stretched, [32, 96], true)[0]).toBe(
      'input: rescale to the shape of 32x96 (height x width), its smallest side to 40 (antialiased), cut 32x96 from the centre',
    );
  });
});
