/** Loading of a net from a path, an address, bytes or a Blob in one call, and the errors of its arguments. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { createVgg, isConfiguration, type Vgg } from '@vgg/models';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  exportTfjs,
  fromFloat32,
  KNOWN_ALIASES,
  KNOWN_WEIGHTS,
  knownWeights,
  loadNet as loadAnywhere,
  openWeights as openAnywhere,
  type SaveOptions,
  serialiseSafetensors,
  tensorsOf,
  type WeightFile,
} from '../src/index';
import { loadModel, loadNet, openWeights, saveModel } from '../src/node';
import { FIXTURES } from './narrow';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const PATH = fileURLToPath(new URL('vgg11.pth', FIXTURES));
const FILE = new Uint8Array(readFileSync(PATH));
const files = new Map<string, Uint8Array>([['/vgg11.pth', FILE]]);
const requests: string[] = [];
const server = createServer(({ url }, response) => {
  requests.push(url!);
  const content = files.get(url!);
  if (content === undefined) response.writeHead(404).end();
  else response.end(content);
});
let address: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

describe('a net', () => {
  it('is loaded from a path, a URL, bytes and a Blob, and what was opened is closed', async () => {
    const places: WeightFile[] = [
      PATH,
      pathToFileURL(PATH),
      FILE,
      FILE.slice().buffer,
      new Blob([FILE]),
      `${address}/vgg11.pth`,
    ];
    for (const place of places) {
      const { model, naming, transform } = await loadNet(place);
      expect([naming, transform?.range]).toEqual(['torchvision', 1]);
      model.dispose();
    }
    for (const place of places.slice(2)) (await loadAnywhere(place)).model.dispose();
    // The next file has the number of a closed one.
    const numbers = await Promise.all([1, 2].map(async () => open(PATH, 'r')));
    expect(Math.max(...numbers.map(({ fd }) => fd))).toBeLessThan(60);
    for (const handle of numbers) await handle.close();
  });

  it('in an open file leaves it open', async () => {
    const source = await openWeights(PATH);
    for (let i = 0; i < 2; i++) (await loadNet(source)).model.dispose();
    await source.close();
  });

  it('of several files is downloaded from one folder', async () => {
    const model = createVgg({ configuration: 'A', width: 1 / 64, inputSize: 32, classes: 2 });
    for await (const { name, bytes } of exportTfjs(tensorsOf(model))) files.set(`/web/${name}`, bytes.slice());
    model.dispose();
    const net = await loadNet(`${address}/web/model.json`);
    expect(net.format).toBe('tfjs');
    net.model.dispose();
    files.delete([...files.keys()].find((name) => name.endsWith('.bin'))!);
    await expect(loadNet(`${address}/web/model.json`)).rejects.toThrow(
      /\.bin cannot be fetched: the server answers 404/,
    );
  });

  it('is refused if a file chooses an address to fetch', async () => {
    const names = [
      `${address}/secret`,
      `//${address.slice('http://'.length)}/secret`,
      'file:///etc/passwd',
      '../secret',
      '..\\secret',
      '/secret',
      'sub/secret',
      '..',
      '',
      '\ud800',
    ];
    const indexes: Record<string, (name: string) => object> = {
      safetensors: (name) => ({ weight_map: { a: name } }),
      tfjs: (name) => ({
        format: 'graph-model',
        modelTopology: {},
        weightsManifest: [{ paths: [name], weights: [{ name: 'a', shape: [1], dtype: 'float32' }] }],
      }),
    };
    for (const [format, index] of Object.entries(indexes)) {
      for (const name of names) {
        files.set('/hostile/index.json', Buffer.from(JSON.stringify(index(name))));
        requests.length = 0;
        for (const open of [openAnywhere, openWeights]) {
          const opened = open(`${address}/hostile/index.json`);
          await expect(opened, `${format} ${name}`).rejects.toMatchObject({
            code: 'VGG_WEIGHTS',
            message: expect.stringMatching(/hostile\/index.json names the shard ".*": expected a plain file name$/),
          });
        }
        expect(requests, `${format} ${name}`).toEqual(['/hostile/index.json', '/hostile/index.json']);
      }
    }
  });

  it('of several files is refused at an address that has no folder', async () => {
    const index = JSON.stringify({ weight_map: { a: 'a.safetensors' } });
    const blob = URL.createObjectURL(new Blob([index]));
    onTestFinished(() => URL.revokeObjectURL(blob));
    for (const file of [`data:application/json,${encodeURIComponent(index)}`, blob]) {
      const { protocol } = new URL(file);
      await expect(openAnywhere(file)).rejects.toMatchObject({
        code: 'VGG_ARGUMENT',
        message:
          `the file needs "a.safetensors" of its folder, but a ${protocol} address has none: ` +
          'pass an address of http or https, or bytesOf(bytes, name, siblings)',
      });
    }
  });

  it('of several files is downloaded by their exact names, without the query of the address', async () => {
    const names = ['a?b', 'a#b', 'a%2Fb', '%2e%2e', 'a b.safetensors', 'model-00001-of-00002.safetensors'];
    const tensors = names.map((name) => [name, fromFloat32([1], Float32Array.of(name.length))] as const);
    for (const [name, tensor] of tensors) {
      files.set(`/signed/${encodeURIComponent(name)}`, serialiseSafetensors(new Map([[name, tensor]])));
    }
    const index = { weight_map: Object.fromEntries(names.map((name) => [name, name])) };
    files.set('/signed/index.json?signature=1', Buffer.from(JSON.stringify(index)));
    requests.length = 0;
    const source = await openWeights(`${address}/signed/index.json?signature=1#part`);
    for (const [name, tensor] of tensors) expect(await source.read(name)).toEqual(tensor);
    expect(requests.slice(1)).toEqual(names.map((name) => `/signed/${encodeURIComponent(name)}`));
    await source.close();
  });

  it('that cannot be opened is refused in one line', async () => {
    await expect(loadNet('/none/net.pth')).rejects.toMatchObject({ code: 'VGG_IO' });
    await expect(loadNet(`${address}/none.pth`)).rejects.toThrow('none.pth cannot be fetched: the server answers 404');
    await expect(loadNet('http://127.0.0.1:9/net.pth')).rejects.toThrow(/cannot be fetched: check the address/);
    await expect(loadAnywhere('net.pth')).rejects.toThrow(/in Node, @vgg\/weights\/node opens paths/);
    await expect(loadNet(7 as unknown as string)).rejects.toThrow(
      'expected a weight file as a path, an address, bytes or a Blob, got number',
    );
    await expect(loadNet(null as unknown as string)).rejects.toThrow('got null');
    for (const url of ['file:///no%ZZ', 'file://host/x', 'file:///a%2Fb']) {
      await expect(loadNet(url), url).rejects.toMatchObject({
        code: 'VGG_ARGUMENT',
        message: `expected a file URL such as file:///folder/net.pth, got "${url}": pass the path itself`,
      });
    }
    await expect(loadNet('/none/a\0b')).rejects.toMatchObject({ code: 'VGG_IO' });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(loadNet(`${address}/vgg11.pth`, { signal })).rejects.toThrow('enough');
  });

  it('is of a configuration that a guard finds', async () => {
    const { model } = await loadNet(PATH);
    expect([isConfiguration(model, 'A'), isConfiguration(model, 'D')]).toEqual([true, false]);
    model.dispose();
  });
});

describe('a published net', () => {
  it('has a short name, which is torchvision’s', () => {
    for (const [alias, name] of Object.entries(KNOWN_ALIASES)) expect(knownWeights(alias)).toBe(KNOWN_WEIGHTS[name]);
    expect(knownWeights('vgg16').configuration).toBe('D');
    expect(() => knownWeights('vgg-16')).toThrow(/no weights are known as "vgg-16" \(did you mean "vgg16"\?\)/);
    expect(() => knownWeights('vgg16.tv')).toThrow(/did you mean "vgg16"\?/);
    expect(() => knownWeights('toString')).toThrow(/no weights are known as "toString"/);
  });
});

describe('errors of arguments', () => {
  it('of saveModel say what it takes', async () => {
    const { model } = await loadNet(PATH);
    const folder = mkdtempSync(join(tmpdir(), 'vgg-open-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'x.safetensors');
    await expect(saveModel(path, model, undefined as unknown as SaveOptions)).rejects.toThrow(
      'expected a net and its description, got no description of the net: pass net.model, { classes, preprocessing }',
    );
    await expect(saveModel(path, { model } as unknown as Vgg, {} as SaveOptions)).rejects.toThrow(
      'got something that is not a net, such as what loadNet returns: pass net.model',
    );
    await saveModel(path, model, {
      classes: model.options.classes === 5 ? [...'abcde'] : [],
      preprocessing: { mean: [1, 2, 3], scale: 80 },
    });
    const saved = await loadModel(path);
    expect(saved.transform).toMatchObject({ scale: 80, crop: 64, range: 255 });
    for (const net of [model, saved.model]) net.dispose();
  });

  it('without a backend name one', () => {
    const program = `
      import { loadNet, loadModel } from '@vgg/weights/node';
      for (const load of [loadNet, loadModel]) console.log(await load('${PATH}').catch(({ code, message }) => code + ' ' + message));
    `;
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd, encoding: 'utf8' });
    expect(output.split('\n')[0]).toBe(
      "VGG_BACKEND no backend of TF.js is registered: import one first, such as '@vgg/backend-onednn', '@vgg/backend-wasm' or " +
        "'@tensorflow/tfjs-backend-cpu'",
    );
  });
});
