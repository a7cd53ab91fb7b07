/** `convert` and `inspect FILE` on files of other frameworks, as a user runs them. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { home, trainer } from './command-line';

const FIXTURES = fileURLToPath(new URL('../../../packages/weights/test/fixtures/', import.meta.url));
const PTH = join(FIXTURES, 'pytorch', 'vgg11.pth');
const IMAGE = fileURLToPath(new URL('fixtures/predict.png', import.meta.url));

/** A single fully-connected layer. */
const LINEAR = fileURLToPath(new URL('../../../tools/fuzz/seeds/module.pth', import.meta.url));

const at = (...parts: string[]) => join(home, ...parts);

beforeAll(() => {
  writeFileSync(at('keras.h5'), gunzipSync(readFileSync(join(FIXTURES, 'frameworks', 'keras-model.h5.gz'))));
});

describe('inspect of a file', () => {
  it('prints its tensors, the net, other tensors and the preprocessing', async () => {
    const { code, stdout } = await trainer(['inspect', 'keras.h5']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/model_weights\/block1_conv1\/block1_conv1\/kernel:0 *\| conv1_1\.weight *\| F32/);
    expect(stdout).toContain(
      'net: A, width 0.015625, input 64, head small, 5 classes (names of keras under "model_weights/")',
    );
    expect(stdout).toContain('fits: 20 of 20 weights');
    expect(stdout).toContain('other tensors: optimizer_weights/Adam/block1_conv1/kernel/m:0');
    expect(stdout).toMatch(/images: \{"mean":\[123\.68,116\.779,103\.939\].*\(according to the collection\)/);
  });

  it('prints why a file does not hold a net, and does not fail', async () => {
    const { code, stdout } = await trainer(['inspect', LINEAR, '--json']);
    expect(code).toBe(0);
    const { format, tensors, net } = JSON.parse(stdout) as { format: string; tensors: unknown[]; net: string };
    expect([format, tensors.length > 0]).toEqual(['pytorch', true]);
    expect(net).toMatch(/holds no VGG whose names are known/);
  });

  it('of a published net says where it is and under which licence, and fetches nothing', async () => {
    const { code, stdout } = await trainer(['inspect', 'vgg16.oxford']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/licence *\| CC BY 4\.0/);
    expect(stdout).toContain('553432081');
  });
});

describe('convert', () => {
  it('writes ONNX, and what it wrote as JSON', async () => {
    const { code, stdout } = await trainer(['convert', 'keras.h5', 'net.onnx', '--view', 'dense', '--json']);
    expect(code).toBe(0);
    const { format, naming, files, bytes } = JSON.parse(stdout) as Record<string, unknown>;
    expect({ format, naming, files }).toEqual({ format: 'hdf5', naming: 'keras', files: [at('net.onnx')] });
    expect(bytes).toBe(statSync(at('net.onnx')).size);
  });

  it.each(['classifier', 'dense'])('writes ONNX (%s) that every command reads', async (view) => {
    const words = ['--view', view, '--preprocessing', 'inside'];
    expect((await trainer(['convert', 'keras.h5', 'again.onnx', ...words])).code).toBe(0);
    const inspected = (await trainer(['inspect', 'again.onnx'])).stdout;
    expect(inspected).toMatch(/net: A, width 0\.015625, input 64, head small, 5 classes \(names of vgg\)/);
    expect(inspected).toMatch(/fits: 20 of 20 weights[\s\S]*\(according to the file\)/);
    expect((await trainer(['convert', 'again.onnx', 'onnx.safetensors'])).code).toBe(0);
    expect((await trainer(['convert', 'keras.h5', 'keras.safetensors'])).code).toBe(0);
    expect(readFileSync(at('onnx.safetensors')).equals(readFileSync(at('keras.safetensors')))).toBe(true);
    const classify = (weights: string) =>
      trainer(['predict', '--weights', weights, IMAGE, '--engine', 'cpu', '--json', '--quiet']);
    const predicted = await classify('again.onnx');
    expect(predicted.code).toBe(0);
    expect(predicted.stdout).toBe((await classify('keras.h5')).stdout);
  });

  it('writes a TF.js model of the convolutions, which can be converted further', async () => {
    expect((await trainer(['convert', PTH, 'web', '--head', 'none', '--dtype', 'f32'])).code).toBe(0);
    expect(readdirSync(at('web')).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
    const { code, stdout } = await trainer(['convert', 'web', 'again.safetensors']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^web \(tfjs, names of vgg, net A without a head\) → again\.safetensors \(safetensors, F32, /,
    );
  });

  it('writes safetensors for PyTorch in halves', async () => {
    const { code } = await trainer(['convert', PTH, 'torch.safetensors', '--to', 'torchvision', '--dtype', 'f16']);
    expect(code).toBe(0);
    const header = readFileSync(at('torch.safetensors')).toString('latin1');
    expect(header).toContain('"classifier.6.weight":{"dtype":"F16","shape":[5,64]');
  });
});

describe('what cannot be converted is one line and exit code 2, or 1 for a failure', () => {
  beforeAll(() => {
    mkdirSync(at('empty'));
    writeFileSync(at('damaged.onnx'), 'not a file of weights');
  });

  it.concurrent.each([
    [
      ['convert', 'vgg16.tv_in', 'x.onnx'],
      2,
      /no file, run or published net "vgg16\.tv_in" \(did you mean "vgg16\.tv_in1k"\?\)/,
    ],
    [['convert', 'keras.h5', 'x.pth'], 2, /expected OUT as \.safetensors, \.onnx or a folder/],
    [['convert', 'keras.h5', 'x.onnx', '--dtype', 'bf16'], 2, /onnx takes --dtype f32, got bf16/],
    [['convert', 'keras.h5', 'x.onnx', '--to', 'onxx'], 2, /did you mean "onnx"/],
    [['convert', 'empty', 'x.onnx'], 2, /empty is a folder without weights/],
    [['convert', 'damaged.onnx', 'x.onnx'], 2, /damaged\.onnx is of no known format/],
    [['inspect', 'damaged.onnx'], 2, /damaged\.onnx is of no known format/],
    [['convert', LINEAR, 'x.onnx'], 2, /holds no VGG whose names are known/],
    [
      ['convert', join(FIXTURES, 'reference.safetensors'), 'x.onnx'],
      2,
      /does not fit the net: 14 missing .*; 9 left over/,
    ],
    [['convert', 'keras.h5', '/proc/none/x.onnx'], 1, /cannot write \/proc\/none/],
  ] as const)('%j', async (words, exit, line) => {
    const { code, stdout, stderr } = await trainer(words);
    expect(stderr).toMatch(line);
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('a published net', () => {
  const server = createServer((_request, response) => response.end('not the net'));
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env.VGG_WEIGHTS_MIRROR = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    delete process.env.VGG_WEIGHTS_MIRROR;
    server.close();
  });

  it('is fetched from where it is said to be, and refused when it is another file', async () => {
    const { code, stderr } = await trainer(['convert', 'vgg11.tv_in1k', 'x.onnx']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /error: cannot download http:\/\/127\.0\.0\.1:\d+\/vgg11-8a719046\.pth: expected sha256 8a719046, got/,
    );
    expect(stderr).toContain('vgg11.tv_in1k from https://download.pytorch.org/models/vgg11-8a719046.pth (BSD-3-Clause');
  });
});
