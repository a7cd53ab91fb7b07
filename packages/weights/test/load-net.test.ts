/** Recognition and loading of nets: namings, partial nets, errors and preprocessing. */
import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { argMax, enableProdMode, setBackend } from '@tensorflow/tfjs-core';
import { classify, netInput } from '@vgg/eval';
import { createVgg, type VggOptions, zeroInitialiser } from '@vgg/models';
import { expectNoLeak } from '@vgg/testing';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ByteSource,
  bytesOf,
  exportOnnx,
  foldNormalisation,
  fromFloat32,
  fromInt32,
  IMAGENET_CLASSES,
  type LoadNetOptions,
  loadNet,
  openWeights,
  recogniseNet,
  serialiseModel,
  serialiseSafetensors,
  type TensorData,
  tensorsOf as tensorsOfNet,
  type WeightSource,
} from '../src/index';
import { EXPECTED, FIXTURES, narrowImages } from './narrow';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.
beforeAll(() => setBackend('cpu'));
afterEach(() => setBackend('cpu'));

const FILE = new Uint8Array(readFileSync(new URL('vgg11.pth', FIXTURES)));

/** Returns the tensors of vgg11.pth after a change. */
async function tensorsOf(change: (name: string, tensor: TensorData) => [string, TensorData][]) {
  const source = await openWeights(bytesOf(FILE));
  const tensors = new Map<string, TensorData>();
  for (const name of source.tensors.keys()) {
    for (const [key, tensor] of change(name, await source.read(name))) tensors.set(key, tensor);
  }
  return tensors;
}

async function fileOf(
  tensors: ReadonlyMap<string, TensorData>,
  metadata?: Record<string, string>,
): Promise<WeightSource> {
  return openWeights(bytesOf(serialiseSafetensors(tensors, metadata), 'net.safetensors'));
}

async function withNames(rename: (name: string) => string): Promise<WeightSource> {
  return fileOf(await tensorsOf((name, tensor) => [[rename(name), tensor]]));
}

async function logitsOf(source: WeightSource, options?: LoadNetOptions): Promise<Float32Array> {
  const { model } = await loadNet(source, options);
  const images = narrowImages();
  const { logits } = model.apply(images);
  const values = (await logits.data()) as Float32Array;
  for (const resource of [images, logits, model]) resource.dispose();
  return values;
}

const CLOSE = { rtol: 1e-4, atol: 1e-5 };

describe('names', () => {
  it.each(['module.', 'state_dict.', 'state_dict.module.', 'model/'])(
    'after the prefix %s are found without options',
    async (prefix) => {
      const source = await withNames((name) => prefix + name);
      expect(recogniseNet(source)).toMatchObject({ prefix, naming: { name: 'torchvision' } });
      expect(await logitsOf(source)).toBeAllclose(EXPECTED['vgg11.pth']!, CLOSE);
    },
  );

  it("of timm's, whose fc6 and fc7 are convolutions, are recognised", async () => {
    const names = new Map([
      ['classifier.0', 'pre_logits.fc1'],
      ['classifier.3', 'pre_logits.fc2'],
      ['classifier.6', 'head.fc'],
    ]);
    const shapes: Record<string, readonly number[]> = {
      'pre_logits.fc1.weight': [64, 8, 2, 2],
      'pre_logits.fc2.weight': [64, 64, 1, 1],
    };
    const tensors = await tensorsOf((name, tensor) => {
      const key = name.replace(/^classifier\.\d/, (module) => names.get(module)!);
      return [[key, { ...tensor, shape: shapes[key] ?? tensor.shape }]];
    });
    const source = await fileOf(tensors);
    expect(recogniseNet(source)).toMatchObject({ naming: { name: 'timm' }, report: { missing: [], leftOver: [] } });
    expect(await logitsOf(source)).toBeAllclose(EXPECTED['vgg11.pth']!, CLOSE);
  });

  it('of two nets in one file need a prefix', async () => {
    const source = await fileOf(
      await tensorsOf((name, tensor) => [
        [`model.${name}`, tensor],
        [`ema.${name}`, tensor],
      ]),
    );
    expect(() => recogniseNet(source)).toThrow(
      'net.safetensors holds several nets: choose one by its prefix, one of "model.", "ema."',
    );
    const one = recogniseNet(source, { prefix: 'ema.' });
    expect(one.report).toMatchObject({ missing: [], leftOver: [] });
    expect(one.others).toContain('model.features.0.weight');
    expect(() => recogniseNet(source, { prefix: 'mode.' })).toThrow(/no VGG whose names are known .* under "mode\."/);
  });

  it('of something else are refused', async () => {
    const source = await withNames((name) => `layer.${name.length}.${name}x`);
    expect(() => recogniseNet(source)).toThrow(
      /holds no VGG whose names are known \(vgg, torchvision, timm.*\): it has 22 tensors, layer\./,
    );
  });

  it('of too many tensors are not compared', async () => {
    const many = Array.from({ length: 20_001 }, (_, i): [string, TensorData] => [
      `t${i}`,
      fromFloat32([0], new Float32Array()),
    ]);
    const source = await fileOf(new Map(many));
    expect(() => recogniseNet(source)).toThrow('holds 20001 tensors: neither a VGG nor its training state');
  });
});

describe('a net that does not fit', () => {
  const broken = () =>
    tensorsOf((name, tensor) => {
      if (name === 'features.3.bias') return [];
      if (name === 'features.6.bias') return [[name, { ...tensor, shape: [1, 4] }]];
      if (name === 'features.8.bias')
        return [
          [name, tensor],
          ['features.9.bias', tensor],
        ];
      return [[name, tensor]];
    });

  it('is an error that lists all differences', async () => {
    await expect(loadNet(await fileOf(await broken()))).rejects.toMatchObject({
      code: 'VGG_WEIGHTS',
      message:
        'net.safetensors does not fit the net: 1 missing (conv2_1.bias); 1 left over (features.9.bias); ' +
        '1 of another shape (conv3_1.bias expected [4] got [1,4])',
    });
  });

  it('is reported when not strict, and missing weights are 0', async () => {
    const { model, report } = await loadNet(await fileOf(await broken()), { strict: false });
    expect(report).toMatchObject({
      missing: ['conv2_1.bias'],
      leftOver: ['features.9.bias'],
      misshapen: [{ name: 'conv3_1.bias', expected: [4], got: [1, 4] }],
    });
    expect([...model.variables.get('conv2_1.bias')!.dataSync()]).toEqual([0, 0]);
    model.dispose();
  });

  it.each([
    [
      'NaN',
      (tensor: TensorData) => fromFloat32(tensor.shape, new Float32Array(8).fill(Number.NaN)),
      /conv5_2\.bias holds numbers that are not finite/,
    ],
    [
      'infinite',
      (tensor: TensorData) => fromFloat32(tensor.shape, new Float32Array(8).fill(Number.POSITIVE_INFINITY)),
      /not finite/,
    ],
    ['integers', (tensor: TensorData) => fromInt32(tensor.shape, new Int32Array(8)), /expected a tensor of F32/],
  ])('weights that are %s are refused, and nothing leaks', async (_, change, message) => {
    const source = await fileOf(
      await tensorsOf((name, tensor) => [[name, name === 'features.18.bias' ? change(tensor) : tensor]]),
    );
    await expectNoLeak(() =>
      expect(loadNet(source)).rejects.toMatchObject({ code: 'VGG_WEIGHTS', message: expect.stringMatching(message) }),
    );
  });

  it('uses no memory if the file claims a far larger net than it holds', async () => {
    const wide = fromFloat32([512, 3, 3, 3], new Float32Array(512 * 27));
    const source = await fileOf(new Map([['features.0.weight', wide]]));
    await expect(loadNet(source, { strict: false })).rejects.toThrow(
      /does not fit the net: it holds 13824 weights of \d{9,}/,
    );
  });
});

describe('only the convolutions', () => {
  it('are loaded without reading other tensors', async () => {
    const file = serialiseSafetensors(await tensorsOf((name, tensor) => [[name, tensor]]));
    const whole = bytesOf(file);
    const read: [number, number][] = [];
    const counting: ByteSource = {
      ...whole,
      read: (begin, length) => {
        read.push([begin, length]);
        return whole.read(begin, length);
      },
    };
    const source = await openWeights(counting);
    read.length = 0;
    const { model, report } = await loadNet(source, { head: 'none' });
    expect(model.options).toMatchObject({ configuration: 'A', head: 'none' });
    expect(report).toMatchObject({ missing: [], leftOver: [], misshapen: [] });
    const convolutions = [...model.variables.values()].reduce((sum, { size }) => sum + size * 4, 0);
    expect(read.reduce((sum, [, length]) => sum + length, 0)).toBe(convolutions);
    model.dispose();
  });

  it('are the whole net of a file without a head', async () => {
    const source = await fileOf(
      await tensorsOf((name, tensor) => (name.startsWith('features') ? [[name, tensor]] : [])),
    );
    const { options, report } = recogniseNet(source);
    expect(options).toMatchObject({ configuration: 'A', head: 'none' });
    expect(report).toMatchObject({ missing: [], leftOver: [] });
  });
});

describe('the preprocessing of a net', () => {
  const TORCHVISION = {
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    range: 1,
    channels: 'RGB',
    resize: 'shortest',
    interpolation: 'pillow-bilinear',
    scale: 256,
    crop: 64,
  };

  it("is the collection's by default", async () => {
    const net = await loadNet(await openWeights(bytesOf(FILE)));
    expect(net).toMatchObject({
      describedBy: 'collection',
      transform: TORCHVISION,
      classes: ['0', '1', '2', '3', '4'],
    });
    net.model.dispose();
  });

  it('is sufficient to classify an image', async () => {
    const net = await loadNet(await openWeights(bytesOf(FILE)), { classes: ['a', 'b', 'c', 'd', 'e'] });
    const image = {
      data: Uint8Array.from({ length: 300 * 260 * 3 }, (_, i) => (i * 7) % 256),
      width: 300,
      height: 260,
    };
    const guesses = await classify(net, image);
    const input = netInput(net, image);
    const { logits } = net.model.apply(input);
    expect(guesses[0]!.index).toBe(argMax(logits, 1).dataSync()[0]);
    expect(guesses[0]!.name).toBe('abcde'[guesses[0]!.index]);
    expect(input.shape).toEqual([1, 64, 64, 3]);
    net.model.dispose();
  });

  it('is that of the file, with its classes', async () => {
    const metadata = {
      'vgg.classes': JSON.stringify(['a', 'b', 'c', 'd', 'e']),
      'vgg.preprocessing': JSON.stringify({ mean: [1, 2, 3], scale: [64, 128] }),
    };
    const net = await loadNet(await fileOf(await tensorsOf((name, tensor) => [[name, tensor]]), metadata));
    expect(net).toMatchObject({
      describedBy: 'file',
      classes: ['a', 'b', 'c', 'd', 'e'],
      transform: { mean: [1, 2, 3], std: [1, 1, 1], range: 255, scale: 96, crop: 64, interpolation: 'antialiased' },
    });
    net.model.dispose();
  });

  it('is that of the file, without classes if only the convolutions are loaded', async () => {
    const metadata = {
      'vgg.classes': JSON.stringify(['a', 'b', 'c', 'd', 'e']),
      'vgg.preprocessing': JSON.stringify({ mean: [1, 2, 3], scale: 64 }),
    };
    const source = await fileOf(await tensorsOf((name, tensor) => [[name, tensor]]), metadata);
    const net = await loadNet(source, { head: 'none', classes: ['v', 'w', 'x', 'y', 'z'] });
    expect(net).toMatchObject({ describedBy: 'file', classes: [], transform: { mean: [1, 2, 3] } });
    net.model.dispose();
  });

  it('is that of the caller, if there is one', async () => {
    const preprocessing = { mean: [0, 0, 0], scale: 32, resize: 'stretch' } as const;
    const net = await loadNet(await openWeights(bytesOf(FILE)), { preprocessing, classes: ['v', 'w', 'x', 'y', 'z'] });
    expect(net).toMatchObject({
      describedBy: 'caller',
      transform: { resize: 'stretch', scale: 64 },
      classes: { 4: 'z' },
    });
    net.model.dispose();
  });

  it('is refused if that of the caller is not valid', async () => {
    const source = await openWeights(bytesOf(FILE));
    await expect(loadNet(source, { classes: ['a'] })).rejects.toThrow('as the net has classes, 5, got 1');
    const preprocessing = { mean: [0, 0, 0], scale: 32, std: [1, 0, 1] } as const;
    await expect(loadNet(source, { preprocessing })).rejects.toThrow('expected the std as three positive numbers');
  });

  it.each([
    [1, [100]],
    [4, [1, 2, 3, 4]],
  ])('of images with %i channel(s) cannot be BGR', async (channels, mean) => {
    const preprocessing = { mean, scale: 64, channels: 'BGR' } as const;
    const message = `expected the channels BGR only for images of three channels, got ${channels}`;
    const source = await openWeights(bytesOf(FILE));
    await expect(loadNet(source, { channels, preprocessing })).rejects.toThrow(`preprocessing of a net: ${message}`);
    const { model } = await loadNet(source, { channels });
    const description = { classes: [...'abcde'], preprocessing };
    await expect(serialiseModel(model, description)).rejects.toThrow(message);
    const parts = exportOnnx(tensorsOfNet(model), { description, preprocessing: 'inside' });
    await expect(parts.next()).rejects.toThrow(message);
    const before = [...model.variables.get('conv1_1.weight')!.dataSync()];
    await expect(foldNormalisation({ model, preprocessing, transform: undefined })).rejects.toThrow(message);
    expect([...model.variables.get('conv1_1.weight')!.dataSync()]).toEqual(before);
    model.dispose();
  });

  it('has the thousand classes of ILSVRC in their order', () => {
    expect(IMAGENET_CLASSES).toHaveLength(1000);
    expect(new Set(IMAGENET_CLASSES).size).toBe(1000);
    expect([0, 1, 2, 207, 999].map((i) => IMAGENET_CLASSES[i])).toEqual([
      'tench',
      'goldfish',
      'great white shark',
      'golden retriever',
      'toilet tissue',
    ]);
  });
});

describe('the WASM backend', () => {
  it('receives the weights directly in its memory, and computes the same', async () => {
    await setBackend('wasm');
    expect(await expectNoLeak(async () => logitsOf(await openWeights(bytesOf(FILE))))).toBeAllclose(
      EXPECTED['vgg11.pth']!,
      CLOSE,
    );
  });

  it('keeps no memory of a net that is refused', async () => {
    await setBackend('wasm');
    const source = await fileOf(
      await tensorsOf((name, tensor) => [
        [name, name === 'features.18.bias' ? fromFloat32([8], new Float32Array(8).fill(Number.NaN)) : tensor],
      ]),
    );
    await expectNoLeak(() => expect(loadNet(source)).rejects.toThrow(/not finite/));
  });
});

describe('a file that describes its net', () => {
  const FEATURES = { head: 'none', inputSize: [64, 160] } as const;
  const file = async (options: VggOptions) => {
    const model = createVgg(options, zeroInitialiser());
    const classes = model.options.head === 'none' ? [] : ['ant', 'bee'];
    const preprocessing = { mean: [1, 2, 3], scale: 256 };
    const bytes = await serialiseModel(model, { classes, preprocessing });
    model.dispose();
    return openWeights(bytesOf(bytes, 'net.safetensors'));
  };

  it('keeps its width, which the filters of its first layer do not determine', async () => {
    // 64 · 0.03 is nearly 2, and 2 / 64 is 0.03125, which would be 16 filters in the fourth stage in place of 15.
    const { options } = recogniseNet(await file({ configuration: 'A', width: 0.03, classes: 2 }));
    expect(options.width).toBe(0.03);
  });

  it('has its classes, but not its preprocessing, with filters adapted to other channels', async () => {
    const source = await file({ configuration: 'A', width: 1 / 32, classes: 2, inputSize: 32, head: 'small' });
    for (const channels of [1, 4]) {
      const net = await loadNet(source, { channels });
      expect(net.model.options.channels).toBe(channels);
      expect(net).toMatchObject({ classes: ['ant', 'bee'], preprocessing: undefined, describedBy: 'none' });
      net.model.dispose();
    }
    const preprocessing = { mean: [100], scale: 32 };
    const grey = await loadNet(source, { channels: 1, preprocessing });
    expect(grey).toMatchObject({ preprocessing, describedBy: 'caller' });
    grey.model.dispose();
  });

  it('has another input size where no fully-connected layer stands against it', async () => {
    const source = await file({ configuration: 'A', width: 1 / 32, classes: 2, inputSize: 64, head: 'small' });
    expect(recogniseNet(source, { inputSize: [70, 80] }).options.inputSize).toEqual([70, 80]);
    expect(recogniseNet(source, FEATURES).options).toMatchObject(FEATURES);
    expect(() => recogniseNet(source, { inputSize: [64, 160] })).toThrow(
      'net.safetensors take images of 64x64 (height x width), got an input size of 64x160: leave it out, or leave out the head',
    );
    const wide = await file({ configuration: 'A', width: 1 / 32, classes: 2, inputSize: [64, 128], head: 'small' });
    expect(() => recogniseNet(wide, { inputSize: [128, 64] })).toThrow('of 64x128 (height x width), got');
  });
});
