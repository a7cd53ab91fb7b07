/** What a net is and costs, by arithmetic alone: layers, shapes, parameters, multiply-adds and memory (section 2, Table 2). */
import { VggError } from '@vgg/core';
import { resolveOptions, type VggOptions } from './options';
import { isLearned, type Layer, layerVariables, planLayers } from './plan';

export interface LayerSummary {
  name: string;
  kind: Layer['kind'];
  /** For one image: [height, width, channels], or [units]. */
  outputShape: readonly number[];
  /** Numbers that training changes; batch norm's running statistics are not among them. */
  parameters: number;
  /** Multiply-adds of convolutions and fully-connected layers for one image; other layers count 0. */
  multiplyAdds: number;
}

/** Bytes of float32 at a batch size. What a backend needs to compute a layer, such as packed weights, comes on top. */
export interface MemorySummary {
  batch: number;
  /** All variables, running statistics included. */
  weights: number;
  /** Gradients of all parameters: as much again in training, twice while several micro-batches are added up. */
  gradients: number;
  /** Momentum of all parameters: as much again in training. */
  velocities: number;
  /** Activations in inference: the images and the largest input and output of a layer. */
  inferenceActivations: number;
  /**
   * Activations at the gradient of the layer that takes most: those kept up to it, and its input and output
   * twice, three times for batch norm, to work on. What comes after it is freed by then.
   */
  trainingActivations: number;
  /** What an update of `@vgg/optim` works on, once the activations are freed: three times the largest variable. */
  update: number;
  /** weights + inferenceActivations. */
  inference: number;
  /** weights + gradients + velocities + trainingActivations or update, whichever is more. */
  training: number;
}

export interface Summary {
  layers: LayerSummary[];
  parameters: number;
  /** For one image. */
  multiplyAdds: number;
  memory: MemorySummary;
}

const BYTES = 4;

function product(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total * n, 1);
}

function outputShape(layer: Layer, [height, width, channels]: readonly number[]): number[] {
  switch (layer.kind) {
    case 'convolution':
      return [height!, width!, layer.outputs];
    case 'maxPool':
      return [Math.floor(height! / 2), Math.floor(width! / 2), channels!];
    case 'fullyConnected':
      return [layer.outputs];
    default:
      return [height, width, channels].filter((n) => n !== undefined);
  }
}

function multiplyAdds(layer: Layer, shape: readonly number[]): number {
  if (layer.kind === 'fullyConnected') return layer.inputs * layer.outputs;
  if (layer.kind === 'convolution') return layer.kernel ** 2 * layer.inputs * product(shape);
  return 0;
}

/** Whether a training step keeps a layer's output: not where a ReLU is fused with it, which keeps its own (decision 0031). */
function keepsOutput(layer: Layer, next: Layer | undefined): boolean {
  return layerVariables(layer).length === 0 || next?.kind !== 'relu';
}

/** How often a layer's gradient holds what is as large as its input and output: dy, its part behind the ReLU, dx, products. */
function workOf(layer: Layer): number {
  return layer.kind === 'batchNorm' ? 3 : 2;
}

/**
 * The summary of a net, without making it.
 *
 * @param options as for {@link createVgg}.
 * @param batch images per step, an integer of at least 1, for the memory.
 * @throws VggError `VGG_ARGUMENT` for bad options or batch.
 */
export function summarise(options: VggOptions, { batch = 1 }: { batch?: number } = {}): Summary {
  if (!Number.isSafeInteger(batch) || batch < 1) {
    throw new VggError('argument', `the batch of a summary must be an integer of at least 1, got ${batch}`);
  }
  const resolved = resolveOptions(options);
  const plan = planLayers(resolved);
  let shape: readonly number[] = [resolved.inputSize, resolved.inputSize, 3];
  const input = product(shape);
  let [variables, largest, kept, widest, most] = [0, 0, input, 0, 0];
  const layers = plan.map((layer, i): LayerSummary => {
    const before = product(shape);
    shape = outputShape(layer, shape);
    const specs = layerVariables(layer);
    const size = (counted: typeof specs) => counted.reduce((total, spec) => total + product(spec.shape), 0);
    variables += size(specs);
    for (const spec of specs) largest = Math.max(largest, product(spec.shape));
    if (keepsOutput(layer, plan[i + 1])) kept += product(shape);
    widest = Math.max(widest, before + product(shape));
    most = Math.max(most, kept + workOf(layer) * (before + product(shape)));
    return {
      name: layer.name,
      kind: layer.kind,
      outputShape: shape,
      parameters: size(specs.filter(isLearned)),
      multiplyAdds: multiplyAdds(layer, shape),
    };
  });
  const parameters = layers.reduce((total, layer) => total + layer.parameters, 0);
  const memory = {
    batch,
    weights: variables * BYTES,
    gradients: parameters * BYTES,
    velocities: parameters * BYTES,
    inferenceActivations: (input + widest) * batch * BYTES,
    trainingActivations: most * batch * BYTES,
    update: 3 * largest * BYTES,
  };
  return {
    layers,
    parameters,
    multiplyAdds: layers.reduce((total, layer) => total + layer.multiplyAdds, 0),
    memory: {
      ...memory,
      inference: memory.weights + memory.inferenceActivations,
      training:
        memory.weights + memory.gradients + memory.velocities + Math.max(memory.trainingActivations, memory.update),
    },
  };
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function mebibytes(bytes: number): string {
  return `${count(Number((bytes / 2 ** 20).toFixed(1)))} MiB`;
}

/** The summary as a plain-text table, one line per layer, then the totals and the memory. */
export function formatSummary(summary: Summary): string {
  const rows = [
    ['layer', 'output', 'parameters', 'multiply-adds'],
    ...summary.layers.map((layer) => [
      layer.name,
      layer.outputShape.join(' x '),
      layer.parameters === 0 ? '' : count(layer.parameters),
      layer.multiplyAdds === 0 ? '' : count(layer.multiplyAdds),
    ]),
    ['total', '', count(summary.parameters), count(summary.multiplyAdds)],
  ];
  const widths = [0, 1, 2, 3].map((column) => rows.reduce((width, row) => Math.max(width, row[column]!.length), 0));
  const lines = rows.map((row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
  const { memory } = summary;
  const images = memory.batch === 1 ? '1 image' : `${count(memory.batch)} images`;
  return [
    ...lines.map((line) => line.trimEnd()),
    '',
    `memory for ${images}: inference ${mebibytes(memory.inference)}, training ${mebibytes(memory.training)}`,
    `  weights ${mebibytes(memory.weights)}, gradients and velocities as much again each`,
    `  activations ${mebibytes(memory.inferenceActivations)} in inference, ${mebibytes(memory.trainingActivations)} in training`,
    '',
  ].join('\n');
}
