/** Published nets by name: the table, and downloading and loading with a server on this machine. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { resolveOptions, summarise } from '@vgg/models';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  exportSafetensors,
  IMAGENET_CLASSES,
  KNOWN_WEIGHTS,
  type KnownName,
  type KnownWeights,
  knownName,
} from '../src/index';
import type * as Known from '../src/known';
import { fetchWeights, loadKnown } from '../src/node';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

/** Nets whose files the tests can create; the real files have 500 MB. */
const made = vi.hoisted(() => new Map<string, KnownWeights>());
vi.mock('../src/known', async (original) => {
  const real = await original<typeof Known>();
  return { ...real, knownWeights: (name: string) => made.get(name) ?? real.knownWeights(name) };
});

let folder: string;
let server: Server;
let mirror: string;
const files = new Map<string, Buffer>();

function publish(name: string, file: string, content: Buffer, more: Partial<KnownWeights>): void {
  const hash = `sha256:${createHash('sha256').update(content).digest('hex').slice(0, 8)}` as const;
  files.set(`/${file}`, content);
  made.set(name, { ...KNOWN_WEIGHTS['vgg11.tv_in1k'], ...more, url: `https://publisher.invalid/${file}`, hash });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-known-'));
  const options = resolveOptions({ configuration: 'A', head: 'none' });
  const parts: Uint8Array[] = [];
  const shapes = new Map(summarise(options).layers.map(({ name, parameters }) => [name, parameters]));
  const outputs: Record<string, number> = { conv1_1: 64, conv2_1: 128, conv3_1: 256, conv3_2: 256 };
  const net = {
    options,
    read: async (name: string) => {
      const [layer, role] = name.split('.') as [string, string];
      const biases = outputs[layer] ?? 512;
      return new Float32Array(role === 'bias' ? biases : shapes.get(layer)! - biases);
    },
  };
  for await (const part of exportSafetensors(net, { dtype: 'F16' })) parts.push(part.slice());
  publish('features', 'features.safetensors', Buffer.concat(parts), { head: 'none', classes: 'none' });
  const narrow = readFileSync(new URL('fixtures/pytorch/vgg11.pth', import.meta.url));
  publish('narrow', 'narrow.pth', narrow, {});
  server = createServer(({ url }, response) => {
    const content = files.get(url!);
    if (content === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-length': content.length }).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

describe('the table', () => {
  const entries: [string, KnownWeights][] = Object.entries(KNOWN_WEIGHTS);

  it.each(entries)('%s has a URL, a hash, a licence and a preprocessing', (name, known) => {
    expect(() => new URL(known.url)).not.toThrow();
    const [algorithm, digits] = known.hash.split(':') as [string, string];
    const whole: Record<string, number> = { sha384: 96, md5: 32 };
    expect([8, whole[algorithm] ?? 64]).toContain(digits.length);
    expect(known.licence).toMatch(/^(BSD-3-Clause|CC BY 4\.0)/);
    expect(known.preprocessing.mean).toHaveLength(3);
    expect(known.classes === 'imagenet').toBe(known.head === 'paper');
    const layers: Record<string, string> = { '11': 'A', '13': 'B', '16': 'D', '19': 'E' };
    expect(known.configuration).toBe(layers[/^vgg(\d\d)/.exec(name)![1]!]);
    expect(known.batchNorm).toBe(name.includes('_bn'));
  });

  it("has the digits of SHA-256 in torchvision's file names", () => {
    const torchvision = entries.filter(([, { url }]) => url.endsWith('.pth'));
    expect(torchvision).toHaveLength(9);
    for (const [, { url, hash }] of torchvision) expect(url).toContain(`-${hash.slice('sha256:'.length)}.pth`);
  });

  it("has sizes of Oxford's files close to those of their weights", () => {
    for (const [name, configuration] of [
      ['vgg16.oxford', 'D'],
      ['vgg19.oxford', 'E'],
    ] as const) {
      const overhead = KNOWN_WEIGHTS[name].size - 4 * summarise({ configuration }).parameters;
      expect(overhead).toBeGreaterThan(0);
      expect(overhead).toBeLessThan(10_000);
    }
  });

  it('knows only its own names', () => {
    expect(knownName('vgg16.tv_in1k')).toBe('vgg16.tv_in1k');
    expect(knownName('vgg16')).toBe('vgg16.tv_in1k');
    expect(knownName('constructor')).toBeUndefined();
    expect(knownName('net.safetensors')).toBeUndefined();
  });
});

describe('a published net', () => {
  it('is downloaded once and loaded with its classes and preprocessing', async () => {
    const onProgress = vi.fn();
    const { model, ...net } = await loadKnown('features' as KnownName, { folder, mirror, onProgress });
    expect(model.options).toMatchObject({ configuration: 'A', head: 'none', width: 1 });
    expect(net.preprocessing).toEqual(KNOWN_WEIGHTS['vgg11.tv_in1k'].preprocessing);
    model.dispose();
    expect(onProgress).toHaveBeenLastCalledWith({ received: expect.any(Number), total: expect.any(Number) });
    files.delete('/features.safetensors');
    expect(await fetchWeights('features', { folder, mirror })).toBe(join(folder, 'features.safetensors'));
  });

  it('is refused if the file holds another net', async () => {
    await expect(loadKnown('narrow' as KnownName, { folder, mirror })).rejects.toThrow(
      /narrow\.pth is not narrow: expected a net of inputSize 224, got 64/,
    );
  });

  it('is refused if the hash differs', async () => {
    files.set('/vgg16-397923af.pth', Buffer.from('not the net'));
    await expect(fetchWeights('vgg16.tv_in1k', { folder, mirror: `${mirror}/` })).rejects.toThrow(
      /cannot download http:.*vgg16-397923af\.pth: expected sha256 397923af, got/,
    );
  });

  it('is refused before downloading if the size differs', async () => {
    files.set('/VGG_ILSVRC_16_layers.caffemodel', Buffer.from('not the net'));
    await expect(fetchWeights('vgg16.oxford', { folder, mirror })).rejects.toThrow(
      'expected 553432081 bytes, the server has 11',
    );
  });

  it('is refused with one clear line offline', async () => {
    await expect(fetchWeights('vgg19.tv_in1k', { folder, mirror: 'http://nowhere.invalid' })).rejects.toMatchObject({
      code: 'VGG_IO',
      message: expect.stringMatching(
        /^cannot download http:\/\/nowhere\.invalid\/vgg19-dcbb9e9d\.pth: .*is this machine online\? \(the file goes to .*\)$/,
      ),
    });
  });

  it('of an unknown name is refused with the nearest name', async () => {
    await expect(fetchWeights('vgg16.tv_in1', { folder, mirror })).rejects.toThrow(
      /no weights are known as "vgg16.tv_in1" \(did you mean "vgg16.tv_in1k"\?\)/,
    );
  });

  it('is downloaded from the mirror in the environment', async () => {
    vi.stubEnv('VGG_WEIGHTS_MIRROR', mirror);
    await expect(fetchWeights('vgg11.tv_in1k', { folder })).rejects.toThrow('it has no such file (404)');
    vi.unstubAllEnvs();
  });

  it('has a name for each output', () => {
    expect(IMAGENET_CLASSES).toHaveLength(1000);
    expect(new Set(IMAGENET_CLASSES).size).toBe(1000);
    expect([0, 281, 999].map((i) => IMAGENET_CLASSES[i])).toEqual(['tench', 'tabby', 'toilet tissue']);
  });
});
