/** ONNX files: our own come back to the last bit, and so do those of other software. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { createVgg, type Vgg } from '@vgg/models';
import { afterEach, describe, expect, it } from 'vitest';
import {
  bytesOf,
  type ExportOptions,
  exportOnnx,
  type FileSet,
  initialWeights,
  loadNet,
  type ModelDescription,
  openWeights,
  recogniseNet,
  tensorsOf,
} from '../src/index';
import { EXPORTED, exportedNet, hashed } from './exported';
import { onnxFile, type Style } from './onnx-files';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const DESCRIPTION: ModelDescription = {
  classes: ['ant', 'bee', 'cat'],
  preprocessing: { mean: [123.68, 116.779, 103.939], std: [58, 57, 56], scale: [64, 96] },
};

const models: Vgg[] = [];
afterEach(() => {
  for (const model of models.splice(0)) model.dispose();
});

function made(name: string): Vgg {
  models.push(exportedNet(name));
  return models.at(-1)!;
}

async function exported(model: Vgg, options: ExportOptions): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of exportOnnx(tensorsOf(model), options)) parts.push(part);
  return Buffer.concat(parts);
}

async function load(content: Uint8Array, siblings?: FileSet) {
  const source = await openWeights(bytesOf(content, 'net.onnx', siblings));
  const net = await loadNet(source);
  models.push(net.model);
  return net;
}

/** Checks that all variables of two nets have the same bits. */
function expectSame(got: Vgg, expected: Vgg): void {
  expect(got.options).toEqual(expected.options);
  for (const [name, variable] of expected.variables) {
    const values = got.variables.get(name)!.dataSync() as Float32Array;
    expect(Buffer.from(values.slice().buffer).equals(Buffer.from(variable.dataSync().slice().buffer)), name).toBe(true);
  }
}

const VIEWS = ['classifier', 'dense'] as const;
const PREPROCESSING = ['outside', 'inside'] as const;

describe.each(Object.keys(EXPORTED))('our file of %s', (name) => {
  it.each(VIEWS.flatMap((view) => PREPROCESSING.map((place) => [view, place] as const)))(
    'as %s with preprocessing %s has the same net, classes and preprocessing',
    async (view, preprocessing) => {
      const model = made(name);
      const net = await load(await exported(model, { view, preprocessing, description: DESCRIPTION }));
      expectSame(net.model, model);
      expect(net).toMatchObject({ ...DESCRIPTION, describedBy: 'file', format: 'onnx', naming: 'vgg' });
    },
  );

  it.each(VIEWS)('as %s without a description has the same net', async (view) => {
    const model = made(name);
    const net = await load(await exported(model, { view }));
    expectSame(net.model, model);
    expect(net).toMatchObject({ classes: ['0', '1', '2'], describedBy: 'none' });
  });
});

it('our file of a net without a head has the same net', async () => {
  const model = createVgg({ configuration: 'D', width: 1 / 64, head: 'none' }, ({ shape }) =>
    hashed(
      shape.reduce((a, b) => a * b),
      1,
    ),
  );
  models.push(model);
  const net = await load(await exported(model, { description: { ...DESCRIPTION, classes: [] } }));
  expectSame(net.model, model);
});

it('our file has the weights to start training with, whatever its view', async () => {
  const model = made('B-bn');
  for (const view of VIEWS) {
    const source = await openWeights(bytesOf(await exported(model, { view, description: DESCRIPTION }), 'net.onnx'));
    const { missing, mean, read } = await initialWeights(source, model.options);
    expect({ missing, mean }).toEqual({ missing: [], mean: DESCRIPTION.preprocessing.mean });
    expect((await read()).get('fc6.weight')).toEqual(model.variables.get('fc6.weight')!.dataSync());
  }
});

/** Returns a net whose numbers float16 holds exactly. */
function rounded(name: string): Vgg {
  const { options, variables } = made(name);
  const model = createVgg(options, (spec) =>
    (variables.get(spec.name)!.dataSync() as Float32Array).map((x) => Math.round(x * 256) / 256),
  );
  models.push(model);
  return model;
}

const torch = (index: number, role: string) => `${index < 11 ? 'features' : 'classifier'}.${index}.${role}`;
const STYLES: Readonly<Record<string, Style & { naming: string }>> = {
  PyTorch: { software: 'torch', naming: 'torchvision', name: torch },
  'PyTorch with folded batch norm': {
    software: 'torch',
    naming: 'torchvision',
    name: (i, role, layer) => `onnx::${layer.startsWith('bn') ? layer : 'Conv'}_${i * 2 + (role === 'weight' ? 0 : 1)}`,
  },
  'PyTorch with equal constants written once': {
    software: 'torch',
    naming: 'torchvision',
    identity: true,
    name: torch,
  },
  'Gluon, in the model zoo': {
    software: 'gluon',
    naming: 'gluon',
    storage: 'floats',
    name: (i, role, layer) => `vgg0_${layer.startsWith('fc') ? 'dense' : 'conv'}${i}_${role}`,
  },
  'Caffe2, in the model zoo': {
    software: 'torch',
    naming: 'caffe',
    name: (_, role, layer) => `${layer}_${role === 'weight' ? 'w' : 'b'}_0`,
  },
  tf2onnx: {
    software: 'tf2onnx',
    naming: 'keras',
    name: (i, role, layer) => (i === 0 ? `vgg16/block1_conv1/Conv2D/${role}` : `vgg16/${layer}/${role}:0`),
  },
  'another program': { software: 'torch', naming: 'onnx', name: (i, role, layer) => `${layer}-${i}-${role}` },
  float16: { software: 'torch', naming: 'torchvision', storage: 'half', name: torch },
  'float16 as integers': { software: 'torch', naming: 'torchvision', storage: 'half-integers', name: torch },
  'numbers in another file': { software: 'torch', naming: 'torchvision', storage: 'external', name: torch },
};

describe.each(Object.entries(STYLES))('a file of %s', (_, style) => {
  it.each(['A', 'B-bn', 'C-small', 'D-linear'])('holds the net %s', async (name) => {
    const model = rounded(name);
    const { net, data } = onnxFile(model, {
      ...style,
      name: (i, role, layer) =>
        style.name(i, role, layer.startsWith('bn') ? `${layer}-${role}` : layer) + (layer.startsWith('bn') ? 'n' : ''),
    });
    const source = await openWeights(bytesOf(net, 'net.onnx', new Map([['net.onnx.data', data]])));
    const weights = recogniseNet(source);
    expect(weights.naming.name).toBe(style.naming);
    expect(weights.report).toMatchObject({ missing: [], leftOver: [], misshapen: [] });
    expect(weights.options).toEqual(model.options);
    for (const [variable, { shape }] of weights.tensors) {
      let expected = model.variables.get(variable)!.dataSync() as Float32Array;
      const isTurned = weights.naming.channels === 'BGR' && variable === 'conv1_1.weight';
      if (isTurned) {
        const outputs = shape[3]!;
        expected = Float32Array.from(expected, (_value, i) => {
          const colour = Math.floor(i / outputs) % 3;
          return expected[i + (2 - 2 * colour) * outputs]!;
        });
      }
      expect(await weights.read(variable)).toEqual(expected);
    }
  });
});
