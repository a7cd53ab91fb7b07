/**
 * Weights of a file to start training with: any framework's, or a published net's. The trainer gives its nets RGB on the
 * 0..255 scale less a mean; a net that divides by a deviation takes the same images once conv1_1 holds that division.
 */
import { statSync } from 'node:fs';
import { VggError } from '@vgg/core';
import { layerVariables, planLayers, type ResolvedVggOptions } from '@vgg/models';
import { checkedTensors, type NetWeights, netUse, openWeights, type Preprocessing, recogniseNet } from '@vgg/weights';
import { openBytes } from '@vgg/weights/node';

type Rgb = [number, number, number];

/** What a file gives to a net. */
export interface FirstWeights {
  /** The mean that its images had subtracted, on the 0..255 scale; undefined where nothing says it. */
  mean: Rgb | undefined;
  /** Layers that it does not give: their weights are drawn. */
  drawn: readonly string[];
  /** Its variables by the net's names. */
  read(): Promise<Map<string, Float32Array>>;
}

/** Whether `--weights` is a file: a run is a folder. */
export function isWeightFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** What the convolutions of two nets must share; the fully-connected layers may be drawn. */
const SHARED = ['configuration', 'batchNorm', 'width'] as const;

/** Pixels on 0..255 less `mean`, times `factor`, are what the net was trained with. */
export function pixelTransform({ mean, std = [1, 1, 1], range = 255 }: Preprocessing): { mean: Rgb; factor: Rgb } {
  return {
    mean: mean.map((value) => (value * 255) / range) as Rgb,
    factor: std.map((value) => range / (255 * value)) as Rgb,
  };
}

/** Lets conv1_1's filters [rows, columns, 3, outputs] take what is not yet multiplied by `factor`. */
export function scaleInputs(weight: Float32Array, factor: Readonly<Rgb>): Float32Array {
  const outputs = weight.length / 27;
  return weight.map((value, i) => value * factor[Math.floor(i / outputs) % 3]!);
}

/** The layers whose variables the file has in the net's shapes. The classifier is taken whole but for fc8, or not at all. */
function givenLayers(weights: NetWeights, net: ResolvedVggOptions): Set<string> {
  const layers = planLayers(net).filter((layer) => layerVariables(layer).length > 0);
  const fitting = layers.filter((layer) =>
    layerVariables(layer).every(({ name, shape }) => weights.tensors.get(name)?.shape.join() === shape.join()),
  );
  const given = new Set(fitting.map(({ name }) => name));
  const hidden = layers.filter(({ name, stage }) => stage === 6 && name !== 'fc8');
  if (!hidden.every(({ name }) => given.has(name))) {
    for (const { name } of layers.filter(({ stage }) => stage === 6)) given.delete(name);
  }
  return given;
}

/**
 * Opens a file to start a net of `net` with.
 * @throws VggError `VGG_ARGUMENT` when its convolutions are another net's; `VGG_WEIGHTS` when it is damaged or holds no net.
 */
export async function firstWeights(path: string, net: ResolvedVggOptions): Promise<FirstWeights> {
  const source = await openWeights(await openBytes(path));
  try {
    const weights = recogniseNet(source);
    const { options } = weights;
    const differing = SHARED.find((option) => options[option] !== net[option]);
    if (differing !== undefined) {
      throw new VggError(
        'argument',
        `--weights ${path} is of another net: its ${differing} is ${options[differing]}, expected ${net[differing]}`,
      );
    }
    checkedTensors(recogniseNet(source, { head: 'none' }), source);
    const { preprocessing } = await netUse(source, weights);
    const pixels = preprocessing && pixelTransform(preprocessing);
    const given = givenLayers(weights, net);
    const layers = planLayers(net).filter((layer) => layerVariables(layer).length > 0);
    return {
      mean: pixels?.mean,
      drawn: layers.map(({ name }) => name).filter((name) => !given.has(name)),
      read: () =>
        readLayers(path, layers.filter(({ name }) => given.has(name)).flatMap(layerVariables), pixels?.factor),
    };
  } finally {
    await source.close();
  }
}

async function readLayers(
  path: string,
  specs: readonly { name: string }[],
  factor: Rgb | undefined,
): Promise<Map<string, Float32Array>> {
  const source = await openWeights(await openBytes(path));
  try {
    const weights = recogniseNet(source);
    const net = checkedTensors(
      { ...weights, report: { ...weights.report, missing: [], leftOver: [], misshapen: [] } },
      source,
    );
    const read = new Map<string, Float32Array>();
    for (const { name } of specs) {
      const values = await net.read(name);
      read.set(name, name === 'conv1_1.weight' && factor !== undefined ? scaleInputs(values, factor) : values);
    }
    return read;
  } finally {
    await source.close();
  }
}
