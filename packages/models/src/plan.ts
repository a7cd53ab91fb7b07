/**
 * List of a net's layers, built from a column of Table 1 (sections 2.1 and 2.2) or a table. Variables, computation and summary all
 * use this list.
 */
import { sizeOf, VggError } from '@vgg/core';
import { inputShape, type ResolvedVggOptions } from './options';
import { poolings, stagesOf } from './stages';
import { HEADS } from './table';

/**
 * Layer of a net. `stage` counts from 1 to the last max-pool, 5 in the paper; the fully-connected layers, `part`
 * `classifier`, have the next number.
 */
export type Layer = { readonly name: string; readonly stage: number; readonly part: 'features' | 'classifier' } & (
  | { readonly kind: 'convolution'; readonly kernel: 1 | 3; readonly inputs: number; readonly outputs: number }
  | { readonly kind: 'batchNorm'; readonly channels: number }
  | { readonly kind: 'relu' | 'localResponseNorm' | 'maxPool' | 'dropout' | 'softmax' }
  | {
      readonly kind: 'fullyConnected';
      /** Height and width of the layer's filter in the dense view (section 3.2). */
      readonly window: readonly [height: number, width: number];
      readonly inputs: number;
      readonly outputs: number;
    }
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

/** Returns height and width of the last feature map: every max-pool halves those of the input and rounds down. */
function lastMap(options: ResolvedVggOptions): readonly [height: number, width: number] {
  const [height, width] = inputShape(options);
  const factor = 2 ** poolings(options.configuration);
  return [Math.floor(height / factor), Math.floor(width / factor)];
}

function planFeatures(options: ResolvedVggOptions): Layer[] {
  const layers: Layer[] = [];
  let [, , inputs] = inputShape(options);
  for (const [index, { entries, pooled }] of stagesOf(options.configuration).entries()) {
    const stage = index + 1;
    const common = { stage, part: 'features' } as const;
    let convolution = 0;
    for (const entry of entries) {
      if (entry === 'LRN') {
        layers.push({ ...common, kind: 'localResponseNorm', name: `norm${stage}` });
        continue;
      }
      convolution += 1;
      const place = `${stage}_${convolution}`;
      const outputs = scaled(entry.filters, options.width);
      layers.push({ ...common, kind: 'convolution', name: `conv${place}`, kernel: entry.kernel, inputs, outputs });
      if (options.batchNorm) layers.push({ ...common, kind: 'batchNorm', name: `bn${place}`, channels: outputs });
      layers.push({ ...common, kind: 'relu', name: `relu${place}` });
      inputs = outputs;
    }
    if (pooled) layers.push({ ...common, kind: 'maxPool', name: `pool${stage}` });
  }
  return layers;
}

/**
 * Returns the layers of a net in the order of computation.
 *
 * @throws VggError `VGG_ARGUMENT` if a layer would have more than 2^31 - 1 weights.
 */
export function planLayers(options: ResolvedVggOptions): readonly Layer[] {
  const layers = planFeatures(options);
  const common = { stage: layers.at(-1)!.stage + 1, part: 'classifier' } as const;
  let inputs = layers.flatMap((layer) => (layer.kind === 'convolution' ? [layer.outputs] : [])).at(-1)!;
  let window = lastMap(options);
  const connected = (name: string, outputs: number): Layer => {
    const layer: Layer = {
      ...common,
      kind: 'fullyConnected',
      name,
      window,
      inputs: window[0] * window[1] * inputs,
      outputs,
    };
    inputs = outputs;
    window = [1, 1];
    return layer;
  };
  for (const [name, units] of Object.entries(HEADS[options.head])) {
    layers.push(connected(name, scaled(units, options.width)));
    layers.push({ ...common, kind: 'relu', name: name.replace('fc', 'relu') });
    layers.push({ ...common, kind: 'dropout', name: name.replace('fc', 'drop') });
  }
  if (options.head !== 'none') {
    layers.push(connected('fc8', options.classes));
    layers.push({ ...common, kind: 'softmax', name: 'prob' });
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
