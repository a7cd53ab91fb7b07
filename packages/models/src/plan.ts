/**
 * List of a net's layers, built from a column of Table 1 (sections 2.1 and 2.2). Variables, computation and summary all
 * use this list.
 */
import { sizeOf, VggError } from '@vgg/core';
import type { ResolvedVggOptions } from './options';
import { HEADS, STAGE_FILTERS, TABLE_1 } from './table';

/** Layer of a net. `stage` is 1 to 5, and 6 for the fully-connected layers. */
export type Layer = { readonly name: string; readonly stage: number } & (
  | { readonly kind: 'convolution'; readonly kernel: 1 | 3; readonly inputs: number; readonly outputs: number }
  | { readonly kind: 'batchNorm'; readonly channels: number }
  | { readonly kind: 'relu' | 'localResponseNorm' | 'maxPool' | 'dropout' | 'softmax' }
  /** `side` is the side of the layer's filter in the dense view (section 3.2). */
  | { readonly kind: 'fullyConnected'; readonly side: number; readonly inputs: number; readonly outputs: number }
);

export type VariableRole = 'weight' | 'bias' | 'scale' | 'offset' | 'mean' | 'variance';

/** Name and shape of a variable. */
export interface VariableSpec {
  /** Canonical name: `conv3_2.weight`. */
  readonly name: string;
  /** Name of its layer: `conv3_2`. */
  readonly layer: string;
  readonly role: VariableRole;
  /** HWIO for a convolution, [inputs, outputs] for a fully-connected layer, [channels] for all others. */
  readonly shape: readonly number[];
}

/** Largest number of elements of a variable. Above it, typed arrays and backends fail with obscure errors. */
const MAX_ELEMENTS = 2 ** 31 - 1;

/** Returns the width of a hidden layer after the multiplier: the nearest integer, at least 1. */
function scaled(units: number, width: number): number {
  return Math.max(1, Math.round(units * width));
}

/** Returns the side of pool5 for an input of side `pixels`: five poolings, each of which halves it and rounds down. */
export function pooledSide(pixels: number): number {
  return Math.floor(pixels / 32);
}

/**
 * Returns the layers of a net in the order of computation.
 *
 * @throws VggError `VGG_ARGUMENT` if a layer would have more than 2^31 - 1 weights.
 */
export function planLayers(options: ResolvedVggOptions): readonly Layer[] {
  const layers: Layer[] = [];
  let inputs = 3;
  TABLE_1[options.configuration].forEach((entries, index) => {
    const stage = index + 1;
    const outputs = scaled(STAGE_FILTERS[index]!, options.width);
    let convolution = 0;
    for (const entry of entries) {
      if (entry === 'LRN') {
        layers.push({ kind: 'localResponseNorm', name: `norm${stage}`, stage });
        continue;
      }
      convolution += 1;
      const place = `${stage}_${convolution}`;
      layers.push({ kind: 'convolution', name: `conv${place}`, stage, kernel: entry, inputs, outputs });
      if (options.batchNorm) layers.push({ kind: 'batchNorm', name: `bn${place}`, stage, channels: outputs });
      layers.push({ kind: 'relu', name: `relu${place}`, stage });
      inputs = outputs;
    }
    layers.push({ kind: 'maxPool', name: `pool${stage}`, stage });
  });

  let side = pooledSide(options.inputSize);
  for (const [name, units] of Object.entries(HEADS[options.head])) {
    const outputs = scaled(units, options.width);
    layers.push({ kind: 'fullyConnected', name, stage: 6, side, inputs: side * side * inputs, outputs });
    layers.push({ kind: 'relu', name: name.replace('fc', 'relu'), stage: 6 });
    layers.push({ kind: 'dropout', name: name.replace('fc', 'drop'), stage: 6 });
    inputs = outputs;
    side = 1;
  }
  if (options.head !== 'none') {
    const outputs = options.classes;
    layers.push({ kind: 'fullyConnected', name: 'fc8', stage: 6, side, inputs: side * side * inputs, outputs });
    layers.push({ kind: 'softmax', name: 'prob', stage: 6 });
  }

  for (const { name, shape } of layers.flatMap(layerVariables)) {
    const elements = sizeOf(shape);
    if (elements > MAX_ELEMENTS) {
      throw new VggError(
        'argument',
        `${name} would have ${elements} elements, more than 2^31 - 1: lower width, inputSize or classes`,
      );
    }
  }
  return layers;
}

/** Returns the variables of a layer, in the order in which they are listed and saved. */
export function layerVariables(layer: Layer): VariableSpec[] {
  const variable = (role: VariableRole, ...shape: number[]): VariableSpec => ({
    name: `${layer.name}.${role}`,
    layer: layer.name,
    role,
    shape,
  });
  switch (layer.kind) {
    case 'convolution':
      return [
        variable('weight', layer.kernel, layer.kernel, layer.inputs, layer.outputs),
        variable('bias', layer.outputs),
      ];
    case 'fullyConnected':
      return [variable('weight', layer.inputs, layer.outputs), variable('bias', layer.outputs)];
    case 'batchNorm':
      return (['scale', 'offset', 'mean', 'variance'] as const).map((role) => variable(role, layer.channels));
    default:
      return [];
  }
}

/** True if gradient descent changes a variable: all except batch norm's running statistics. */
export function isLearned({ role }: VariableSpec): boolean {
  return role !== 'mean' && role !== 'variance';
}
