/**
 * Checks exported files with other software: onnxruntime (npm installs it into a separate folder on the first run) and
 * PyTorch (`/usr/bin/python3`, or VGG_PYTHON). Run `pnpm --filter @vgg/weights check:exports`. VGG_FULL=1 also checks
 * torchvision's VGG-16 at full size. VGG_RECORD=1 records the outputs of onnxruntime for the tests.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs-backend-cpu';
import {
  add,
  enableProdMode,
  slice,
  type Tensor,
  type Tensor4D,
  tensor1d,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import { cacheFolder, writeFileAtomically } from '@vgg/core/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ExportedView,
  exportOnnx,
  exportSafetensors,
  type NetTensors,
  openWeights,
  recogniseNet,
  tensorsOf,
} from '../src/index';
import { openBytes } from '../src/node';
import { EXPORTED, exportedImages, exportedNet, inputImages } from '../test/exported';

enableProdMode();

const ORT = 'onnxruntime-node@1.30.0';
const PYTHON = process.env.VGG_PYTHON ?? '/usr/bin/python3';
const LOADER = fileURLToPath(new URL('load_exported.py', import.meta.url));
const RECORDED = fileURLToPath(new URL('../test/fixtures/onnx.json', import.meta.url));

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, unknown>): Promise<Record<string, { data: Float32Array; dims: readonly number[] }>>;
  release(): Promise<void>;
}
interface OnnxRuntime {
  InferenceSession: { create(path: string): Promise<Session> };
  Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown;
}

let folder: string;
let ort: OnnxRuntime;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-exports-'));
  const home = cacheFolder('onnxruntime');
  if (!existsSync(join(home, 'node_modules', 'onnxruntime-node'))) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{ "private": true }');
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ORT], {
      cwd: home,
      stdio: 'ignore',
    });
  }
  ort = createRequire(join(home, 'package.json'))('onnxruntime-node') as OnnxRuntime;
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function runOnnx(path: string, x: Tensor4D): Promise<{ values: Float32Array; dims: readonly number[] }> {
  const session = await ort.InferenceSession.create(path);
  const channelsFirst = tidy(() => transpose(x, [0, 3, 1, 2]));
  const feed = new ort.Tensor('float32', channelsFirst.dataSync() as Float32Array, channelsFirst.shape);
  channelsFirst.dispose();
  const results = await session.run({ images: feed });
  const { data, dims } = results[session.outputNames[0]!]!;
  await session.release();
  return { values: data, dims };
}

async function writeOnnx(net: NetTensors, name: string, view: ExportedView): Promise<string> {
  const path = join(folder, `${name}-${view}.onnx`);
  await writeFileAtomically(path, exportOnnx(net, { view }));
  return path;
}

/** Returns the largest difference, relative to the largest expected value. */
function deviation(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(got.length).toBe(expected.length);
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < got.length; i++) {
    worst = Math.max(worst, Math.abs(got[i]! - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  expect(scale).toBeGreaterThan(0);
  return worst / scale;
}

function report(what: string, worst: number, bound = 1e-5): void {
  console.log(`${what}: worst deviation ${worst.toExponential(1)} of the largest score`);
  expect(worst).toBeLessThan(bound);
}

function writeImages(x: Tensor4D): void {
  writeFileSync(join(folder, 'images.f32'), new Uint8Array((x.dataSync() as Float32Array).buffer));
}

function python(...words: string[]): Float32Array {
  execFileSync(PYTHON, [LOADER, ...words], { stdio: ['ignore', 'inherit', 'inherit'] });
  const bytes = readFileSync(join(folder, 'torch.f32'));
  return new Float32Array(new Uint8Array(bytes).buffer);
}

const recorded: Record<string, unknown> = {};

describe.each(Object.keys(EXPORTED))('%s', (name) => {
  it('computes the same in onnxruntime, for one image, two images and the dense view of another size', async () => {
    const model = exportedNet(name);
    const net = tensorsOf(model);
    const path = await writeOnnx(net, name, 'classifier');
    const densePath = await writeOnnx(net, name, 'dense');
    const x = inputImages(model);
    const wide = exportedImages(96, 131);
    const two = await runOnnx(path, x);
    const single = await runOnnx(
      path,
      tidy(() => slice(x, [0, 0, 0, 0], [1, -1, -1, -1])),
    );
    const map = await runOnnx(densePath, wide);
    const scores: Tensor = tidy(() => transpose(model.dense(wide).scores, [0, 3, 1, 2]));
    expect(map.dims).toEqual(scores.shape);
    const logits = model.apply(x).logits.dataSync();
    report(`${name} onnxruntime classifier`, deviation(two.values, logits));
    report(`${name} onnxruntime batch of one`, deviation(single.values, logits.slice(0, 3)));
    report(`${name} onnxruntime dense`, deviation(map.values, scores.dataSync()));
    const sha256 = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
    recorded[name] = {
      classifier: { sha256: sha256(path), values: [...two.values] },
      dense: { sha256: sha256(densePath), values: [...map.values] },
    };
    model.dispose();
  });
});

it('a net of rectangles computes the same in onnxruntime on pixels from 0 to 255, with the preprocessing inside', async () => {
  const model = exportedNet('A-wide');
  const mean = [120, 110, 100];
  const description = { classes: ['ant', 'bee', 'cat'], preprocessing: { mean, scale: 96 } };
  const path = join(folder, 'inside.onnx');
  await writeFileAtomically(path, exportOnnx(tensorsOf(model), { preprocessing: 'inside', description }));
  const x = inputImages(model);
  const { values } = await runOnnx(
    path,
    tidy(() => add(x, tensor1d(mean))),
  );
  report('A-wide onnxruntime, preprocessing inside', deviation(values, model.apply(x).logits.dataSync()));
  model.dispose();
});

describe.each(['A', 'B-bn', 'E-bn'])('%s', (name) => {
  it("computes the same in PyTorch after load_state_dict of safetensors with torchvision's names", async () => {
    const model = exportedNet(name);
    const path = join(folder, 'weights.safetensors');
    await writeFileAtomically(path, exportSafetensors(tensorsOf(model), { naming: 'torchvision' }));
    const net = [name.slice(0, 1), String(name.endsWith('bn')), '32', '64', '3'];
    const x = exportedImages(64, 64);
    writeImages(x);
    report(`${name} PyTorch`, deviation(python(folder, ...net, '64', '64'), model.apply(x).logits.dataSync()), 1e-4);
    const wide = exportedImages(96, 131);
    writeImages(wide);
    const scores = tidy(() => transpose(model.dense(wide).scores, [0, 3, 1, 2]).dataSync());
    report(`${name} PyTorch dense`, deviation(python(folder, ...net, '96', '131'), scores), 1e-4);
    model.dispose();
  });
});

describe.runIf(process.env.VGG_FULL === '1')("torchvision's VGG-16 at full size, saved by torch", () => {
  it('computes the same in onnxruntime and PyTorch as before', async () => {
    const original = python(folder, 'save');
    const source = await openWeights(await openBytes(join(folder, 'vgg16.pth')));
    const net = recogniseNet(source);
    const begin = performance.now();
    const path = await writeOnnx(net, 'vgg16', 'classifier');
    await writeFileAtomically(join(folder, 'weights.safetensors'), exportSafetensors(net, { naming: 'torchvision' }));
    console.log(
      `both written in ${((performance.now() - begin) / 1000).toFixed(1)} s, ${statSync(path).size} bytes of ONNX`,
    );
    const x = exportedImages(224, 224);
    report('VGG-16 onnxruntime', deviation((await runOnnx(path, x)).values, original), 1e-4);
    report('VGG-16 PyTorch', deviation(python(folder, 'D', 'false', '1', '224', '1000', '224', '224'), original), 1e-4);
    const wide = exportedImages(256, 288);
    const { dims } = await runOnnx(await writeOnnx(net, 'vgg16', 'dense'), wide);
    expect(dims).toEqual([2, 1000, 2, 3]);
    await source.close();
  }, 600_000);
});

afterAll(() => {
  if (process.env.VGG_RECORD === '1') writeFileSync(RECORDED, `${JSON.stringify(recorded, undefined, 1)}\n`);
});
