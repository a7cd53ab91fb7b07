/** Files of Keras, Caffe and TF.js from independent writers: the loaded nets compute the same as torch. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it, vi } from 'vitest';
import { bytesOf, loadNet, openWeights } from '../src/index';
import { openBytes } from '../src/node';
import { narrowImages } from './narrow';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const FIXTURES = new URL('./fixtures/frameworks/', import.meta.url);
const EXPECTED = JSON.parse(readFileSync(new URL('expected.json', FIXTURES), 'utf8')) as Record<string, number[]>;

/** Opens a fixture; those of HDF5 are compressed. */
async function open(file: string) {
  if (!file.endsWith('.h5')) return openBytes(fileURLToPath(new URL(file, FIXTURES)));
  return bytesOf(new Uint8Array(gunzipSync(readFileSync(new URL(`${file}.gz`, FIXTURES)))), file);
}

describe('a net written by another framework', () => {
  it.each([
    ['keras-model.h5', 'hdf5', 'keras', { configuration: 'A', batchNorm: false, head: 'small' }],
    ['keras-bn.weights.h5', 'hdf5', 'keras', { configuration: 'B', batchNorm: true, head: 'small' }],
    ['keras-1.h5', 'hdf5', 'keras', { configuration: 'D', batchNorm: false, head: 'small' }],
    ['keras-3.keras', 'keras', 'keras', { configuration: 'A', batchNorm: true, head: 'paper' }],
    ['tfjs-float32/model.json', 'tfjs', 'keras', { configuration: 'A', batchNorm: false, head: 'small' }],
    ['tfjs-bn/model.json', 'tfjs', 'keras', { configuration: 'A', batchNorm: true, head: 'small' }],
    ['tfjs-uint8/model.json', 'tfjs', 'keras', { configuration: 'A', batchNorm: false, head: 'small' }],
    ['tfjs-uint16/model.json', 'tfjs', 'keras', { configuration: 'B', batchNorm: false, head: 'small' }],
    ['tfjs-float16/model.json', 'tfjs', 'keras', { configuration: 'D', batchNorm: false, head: 'small' }],
    ['caffe-2014.caffemodel', 'caffe', 'caffe', { configuration: 'A', batchNorm: false, head: 'paper' }],
    ['caffe.caffemodel', 'caffe', 'caffe', { configuration: 'B', batchNorm: false, head: 'small' }],
    ['caffe-doubles.caffemodel', 'caffe', 'caffe', { configuration: 'D', batchNorm: false, head: 'small' }],
    ['caffe-bn.caffemodel', 'caffe', 'caffe', { configuration: 'B', batchNorm: true, head: 'small' }],
    ['caffe-bn-alone.caffemodel', 'caffe', 'caffe', { configuration: 'A', batchNorm: true, head: 'small' }],
  ] as const)('%s is read, recognised and gives its logits', async (file, format, naming, options) => {
    await expectNoLeak(async () => {
      const source = await openWeights(await open(file));
      const { model, ...loaded } = await loadNet(source);
      expect(loaded).toMatchObject({ format, naming, report: { missing: [], leftOver: [], misshapen: [] } });
      expect(model.options).toMatchObject({ ...options, classes: 5, inputSize: 64, width: 1 / 64 });
      const images = narrowImages();
      const { logits } = model.apply(images);
      expect(logits).toBeAllclose(EXPECTED[file]!, { rtol: 1e-4, atol: 1e-5 });
      images.dispose();
      logits.dispose();
      model.dispose();
      await source.close();
    });
  });

  it.each(['keras-1.h5', 'keras-3.keras'])('%s is read by the h5wasm that the caller loads', async (file) => {
    const hdf5 = vi.fn(() => import('h5wasm'));
    await (await openWeights(await open(file), { hdf5 })).close();
    expect(hdf5).toHaveBeenCalledOnce();
    const missing = async () => Promise.reject(new TypeError("Failed to resolve module specifier 'h5wasm'"));
    await expect(openWeights(await open(file), { hdf5: missing })).rejects.toMatchObject({
      code: 'VGG_ARGUMENT',
      message: expect.stringMatching(
        /^reading \S+, an HDF5 file, needs the package h5wasm: npm i h5wasm, and in a page .* pass \{ hdf5: \(\) => import\('h5wasm'\) \}$/,
      ),
    });
  });

  it('and every fixture is tested', () => {
    const files = readdirSync(FIXTURES, { recursive: true }) as string[];
    const nets = files.filter((file) => /^keras.*|\.caffemodel$|model\.json$/.test(file));
    expect(nets.map((file) => file.replace('.gz', '')).sort()).toEqual(Object.keys(EXPECTED).sort());
  });
});
