/** Caffe's batch norm, found by the connections of its layers, and errors if it does not fit a net. */
import { isVggError, sizeOf } from '@vgg/core';
import { layerVariables, planLayers, resolveOptions } from '@vgg/models';
import { describe, expect, it } from 'vitest';
import { bytesOf, openWeights, recogniseNet } from '../src/index';
import { asFloat32 } from '../src/safetensors/dtypes';
import { bytes, float, integer, message, type Part, text } from './protobuf';

interface CaffeLayer {
  name: string;
  type: string;
  bottom: string[];
  top: string[];
  blobs: { shape: number[]; value: number }[];
  parameters?: Part;
}

const LAYERS = planLayers(resolveOptions({ configuration: 'A', batchNorm: true, width: 1 / 64, head: 'none' }));

/** Returns a narrow net A; each convolution has batch norm, `norm1_1` and `scale1_1`, and a ReLU, all in place. */
function net(): CaffeLayer[] {
  const blob = (value: number, ...shape: number[]) => ({ shape, value });
  return LAYERS.flatMap((layer, i): CaffeLayer[] => {
    const before = LAYERS.slice(0, i).filter(({ kind }) => kind === 'convolution');
    const joined = (name: string, top = name) => ({ name, bottom: [before.at(-1)?.name ?? 'data'], top: [top] });
    const inPlace = (name: string) => joined(name, before.at(-1)?.name);
    if (layer.kind === 'convolution') {
      const [weight, bias] = layerVariables(layer).map(({ shape }) => shape) as [number[], number[]];
      const [height, width, inputs, outputs] = weight as [number, number, number, number];
      const blobs = [blob(0, outputs, inputs, height, width), blob(0, ...bias)];
      return [{ ...joined(layer.name), type: 'Convolution', blobs }];
    }
    if (layer.kind === 'batchNorm') {
      const sides = layer.channels;
      return [
        {
          ...inPlace(layer.name.replace('bn', 'norm')),
          type: 'BatchNorm',
          blobs: [blob(6, sides), blob(8, sides), blob(4, 1)],
        },
        {
          ...inPlace(layer.name.replace('bn', 'scale')),
          type: 'Scale',
          blobs: [blob(3, sides), blob(5, sides)],
          parameters: bytes(142, message(integer(4, 1))),
        },
      ];
    }
    return layer.kind === 'relu' ? [{ ...inPlace(layer.name), type: 'ReLU', blobs: [] }] : [];
  });
}

function encode(layers: readonly CaffeLayer[]): Uint8Array {
  const encoded = layers.map(({ name, type, bottom, top, blobs, parameters }) => {
    const parts = blobs.map(({ shape, value }) => {
      const numbers = new Uint8Array(new Float32Array(sizeOf(shape)).fill(value).buffer);
      return bytes(7, message(bytes(7, message(...shape.map((side) => integer(1, side)))), bytes(5, numbers)));
    });
    const joints = [...bottom.map((each) => text(3, each)), ...top.map((each) => text(4, each))];
    return bytes(100, message(text(1, name), text(2, type), ...joints, ...parts, ...(parameters ? [parameters] : [])));
  });
  return message(...encoded);
}

/** Returns what is found in a file of the layers after a change. */
async function recognise(change: (layers: CaffeLayer[]) => unknown = () => {}) {
  const layers = net();
  change(layers);
  const source = await openWeights(bytesOf(encode(layers), 'net.caffemodel'));
  const { options, report, read } = recogniseNet(source);
  return { source, options, report, first: async (name: string) => (await read(name))[0] };
}

const at = (layers: CaffeLayer[], name: string) => layers.findIndex((layer) => layer.name === name);
const layer = (layers: CaffeLayer[], name: string) => layers[at(layers, name)]!;
const WHOLE = { missing: [], leftOver: [], misshapen: [] };

describe("Caffe's batch norm", () => {
  it('has a mean and a variance divided by one factor, and the scale and offset of the next layer', async () => {
    const { options, report, first } = await recognise();
    expect(report).toMatchObject(WHOLE);
    expect(options).toMatchObject({ configuration: 'A', batchNorm: true, width: 1 / 64 });
    const names = ['mean', 'variance', 'scale', 'offset'].map((role) => `bn1_1.${role}`);
    expect(await Promise.all(names.map(first))).toEqual([1.5, 2, 3, 5]);
  });

  it("adds each layer's epsilon in the file to the variance", async () => {
    const { first } = await recognise((layers) => {
      layer(layers, 'norm1_1').parameters = bytes(139, message(float(3, 0.25)));
    });
    expect(await first('bn1_1.variance')).toBeCloseTo(2 + 0.25 - 1e-5, 6);
    expect(await first('bn2_1.variance')).toBe(2);
  });

  it('has statistics of 0 if its factor is 0', async () => {
    const { first } = await recognise((layers) => {
      layer(layers, 'norm1_1').blobs[2]!.value = 0;
    });
    expect([await first('bn1_1.mean'), await first('bn1_1.variance')]).toEqual([0, 0]);
  });

  it.each<[what: string, (layers: CaffeLayer[]) => unknown, scale: number, offset: number]>([
    ['without a Scale layer', (layers) => layers.splice(at(layers, 'scale1_1'), 1), 1, 0],
    [
      'whose scale has no bias',
      (layers) => {
        const { blobs } = layer(layers, 'scale1_1');
        layer(layers, 'scale1_1').parameters = bytes(142, message(integer(4, 0)));
        blobs.pop();
      },
      3,
      0,
    ],
    [
      'whose convolution has no bias',
      (layers) => {
        layer(layers, 'conv1_1').blobs.pop();
        layer(layers, 'conv1_1').parameters = bytes(106, message(integer(2, 0)));
      },
      3,
      5,
    ],
    [
      'with tops of their own',
      (layers) => {
        layer(layers, 'norm1_1').top = ['a'];
        layer(layers, 'scale1_1').bottom = ['a'];
        layer(layers, 'scale1_1').top = ['b'];
      },
      3,
      5,
    ],
    [
      'in a file without tops',
      (layers) => {
        for (const each of layers) [each.bottom, each.top] = [[], []];
      },
      3,
      5,
    ],
  ])('%s is complete', async (_what, change, scale, offset) => {
    const { report, first } = await recognise(change);
    expect(report).toMatchObject(WHOLE);
    expect([await first('bn1_1.scale'), await first('bn1_1.offset'), await first('conv1_1.bias')]).toEqual([
      scale,
      offset,
      0,
    ]);
  });

  it.each<[what: string, (layers: CaffeLayer[]) => unknown, misfits: object]>([
    [
      'without its factor',
      (layers) => layer(layers, 'norm1_1').blobs.pop(),
      {
        missing: ['bn1_1.scale', 'bn1_1.offset', 'bn1_1.mean', 'bn1_1.variance'],
        leftOver: ['norm1_1.0', 'norm1_1.1', 'scale1_1.0', 'scale1_1.1'],
      },
    ],
    [
      'with a factor for each channel',
      (layers) => {
        layer(layers, 'norm2_1').blobs[2]!.shape = [2];
      },
      {
        missing: ['bn2_1.scale', 'bn2_1.offset', 'bn2_1.mean', 'bn2_1.variance'],
        leftOver: ['norm2_1.0', 'norm2_1.1', 'norm2_1.2', 'scale2_1.0', 'scale2_1.1'],
      },
    ],
    [
      'after the ReLU',
      (layers) => layers.splice(at(layers, 'norm1_1'), 0, ...layers.splice(at(layers, 'relu1_1'), 1)),
      {
        missing: ['bn1_1.scale', 'bn1_1.offset', 'bn1_1.mean', 'bn1_1.variance'],
        leftOver: ['norm1_1.0', 'norm1_1.1', 'norm1_1.2', 'scale1_1.0', 'scale1_1.1'],
      },
    ],
    [
      'of another shape',
      (layers) => {
        layer(layers, 'norm1_1').blobs[1]!.shape = [3];
      },
      { misshapen: [{ name: 'bn1_1.variance', expected: [1], got: [3] }] },
    ],
    ['whose scale lacks a bias', (layers) => layer(layers, 'scale1_1').blobs.pop(), { missing: ['bn1_1.offset'] }],
    [
      'twice',
      (layers) => layers.splice(at(layers, 'scale1_1') + 1, 0, { ...layer(layers, 'norm1_1'), name: 'again' }),
      { leftOver: ['again.0', 'again.1', 'again.2'] },
    ],
    [
      'with two Scale layers',
      (layers) => layers.splice(at(layers, 'scale1_1') + 1, 0, { ...layer(layers, 'scale1_1'), name: 'again' }),
      { leftOver: ['again.0', 'again.1'] },
    ],
    [
      'of a convolution that lacks its bias',
      (layers) => layer(layers, 'conv1_1').blobs.pop(),
      { missing: ['conv1_1.bias'] },
    ],
  ])('%s is reported', async (_what, change, misfits) => {
    expect((await recognise(change)).report).toMatchObject({ ...WHOLE, ...misfits });
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('with an epsilon of %s is refused', async (epsilon) => {
    const refused = recognise((layers) => {
      layer(layers, 'norm1_1').parameters = bytes(139, message(float(3, epsilon)));
    });
    await expect(refused).rejects.toSatisfy(isVggError);
    await expect(refused).rejects.toThrow(`net.caffemodel is not a valid caffemodel: an epsilon of ${epsilon}`);
  });

  it('of no channels has no values', async () => {
    const layers = net();
    layer(layers, 'conv1_1').blobs = [{ shape: [2 ** 40, 0], value: 0 }];
    layer(layers, 'conv1_1').parameters = bytes(106, message(integer(2, 0)));
    layer(layers, 'norm1_1').blobs[0]!.shape = [2 ** 40, 0];
    const source = await openWeights(bytesOf(encode(layers), 'net.caffemodel'));
    expect(asFloat32(await source.read('conv1_1.1'))).toHaveLength(0);
    expect(asFloat32(await source.read('conv1_1.mean'))).toHaveLength(0);
  });
});
