/** Layers, shapes, parameters, multiply-adds and memory of a net (section 2, Table 2), computed without creating it. */
import { formatBytes, requireInteger, sizeOf } from '@vgg/core';
import { inputShape, resolveOptions, type VggOptions } from './options';
import { isLearned, type Layer, layerVariables, planLayers } from './plan';

export interface LayerSummary {
  name: string;
  kind: Layer['kind'];
  /** Shape for one image: [height, width, channels], or [units]. */
  outputShape: readonly number[];
  /** Number of parameters that training changes, without batch norm's running statistics. */
  parameters: number;
  /** Multiply-adds for one image of a convolution or fully-connected layer; 0 for other layers. */
  multiplyAdds: number;
}

/** Bytes in float32 for a batch size, without the backend's own memory, such as packed weights. */
export interface MemorySummary {
  batch: number;
  /** Bytes of all variables, including running statistics. */
  weights: number;
  /** Bytes of the gradients of all parameters, needed in training; twice while several micro-batches are added up. */
  gradients: number;
  /** Bytes of the velocities of all parameters, needed in training. */
  velocities: number;
  /** Bytes of activations in inference: the images and the largest input and output of a layer. */
  inferenceActivations: number;
  /**
   * Bytes of activations while the gradient of a layer is computed, the largest over all layers: the activations kept
   * up to the layer, and its input and output twice (three times for batch norm). Those of later layers are freed by
   * then.
   */
  trainingActivations: number;
  /**
   * Bytes of intermediate values of an update by `@vgg/optim`, after the activations are freed: 3 · largest variable.
   */
  update: number;
  /** Total: weights + inferenceActivations. */
  inference: number;
  /** Total: weights + gradients + velocities + max(trainingActivations, update). */
  training: number;
}

export interface Summary {
  layers: LayerSummary[];
  parameters: number;
  /** Multiply-adds for one image. */
  multiplyAdds: number;
  memory: MemorySummary;
}

const BYTES = 4;

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
  if (layer.kind === 'convolution') return layer.kernel ** 2 * layer.inputs * sizeOf(shape);
  return 0;
}

/** True if training keeps a layer's output: unless a fused ReLU follows, which keeps its own output (decision 0031). */
function keepsOutput(layer: Layer, next: Layer | undefined): boolean {
  return layerVariables(layer).length === 0 || next?.kind !== 'relu';
}

/** Returns the memory of a layer's gradient in multiples of its input and output: dy, the masked dy, dx, products. */
function gradientCopies(layer: Layer): number {
  return layer.kind === 'batchNorm' ? 3 : 2;
}

/**
 * Computes the summary of a net without creating it.
 *
 * @param options options of {@link createVgg}.
 * @param batch number of images per step, at least 1, for the memory. Default 1.
 * @throws VggError `VGG_ARGUMENT` for bad options or batch.
 */
export function summarise(options: VggOptions, { batch = 1 }: { batch?: number | undefined } = {}): Summary {
  requireInteger('the batch of a summary', batch, 1);
  const resolved = resolveOptions(options);
  const plan = planLayers(resolved);
  let shape: readonly number[] = inputShape(resolved);
  const input = sizeOf(shape);
  let variables = 0;
  let largestVariable = 0;
  let kept = input;
  let inferenceElements = 0;
  let trainingElements = 0;
  const layers = plan.map((layer, i): LayerSummary => {
    const before = sizeOf(shape);
    shape = outputShape(layer, shape);
    const specs = layerVariables(layer);
    const size = (counted: typeof specs) => counted.reduce((total, spec) => total + sizeOf(spec.shape), 0);
    variables += size(specs);
    for (const spec of specs) largestVariable = Math.max(largestVariable, sizeOf(spec.shape));
    if (keepsOutput(layer, plan[i + 1])) kept += sizeOf(shape);
    const inputAndOutput = before + sizeOf(shape);
    inferenceElements = Math.max(inferenceElements, inputAndOutput);
    trainingElements = Math.max(trainingElements, kept + gradientCopies(layer) * inputAndOutput);
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
    inferenceActivations: (input + inferenceElements) * batch * BYTES,
    trainingActivations: trainingElements * batch * BYTES,
    update: 3 * largestVariable * BYTES,
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
  return formatBytes(bytes, 'MiB');
}

/** Returns the summary as a plain-text table: one line per layer, then the totals and the memory. */
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
