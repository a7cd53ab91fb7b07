/** Layers of a net as nodes of ONNX (operator set 13), channels first, and the values of its initialisers. */
import { inputShape, type Layer, layerVariables, type ResolvedVggOptions } from '@vgg/models';
import { type Axes, channelsFirst, outputsFirst, weightAxes } from '../export/bands';
import { type ExportedView, inferenceLayers } from '../export/net';
import { type PixelLayer, PREPROCESS } from '../export/preprocess';
import type { Node } from './messages';

/** Constant of the graph, made from the variable of the same name. */
export interface Constant {
  readonly name: string;
  readonly shape: readonly number[];
  /** Converts the variable's values to the constant's layout, in parts. */
  arrange(values: Float32Array): Iterable<Float32Array>;
}

/** Graph of a net. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly constants: readonly Constant[];
  readonly input: readonly (number | string)[];
  readonly outputName: string;
  readonly output: readonly (number | string)[];
}

/** Local response normalisation with the constants of `@vgg/models`. ONNX divides alpha by the size. */
const LRN = { size: 5, alpha: { float: 5e-4 }, beta: { float: 0.75 }, bias: { float: 2 } };
const BATCH_NORM = { epsilon: { float: 1e-5 } };

type Weighted = Extract<Layer, { kind: 'convolution' | 'fullyConnected' }>;

function weightConstant(layer: Weighted, asConvolution: boolean): Constant {
  const axes: Axes = weightAxes(layer);
  const sides = layer.kind === 'convolution' ? [layer.kernel, layer.kernel] : layer.window;
  const name = `${layer.name}.weight`;
  if (asConvolution) {
    const shape = [axes.outputs, axes.channels, ...sides];
    return { name, shape, arrange: (values) => outputsFirst(values, axes) };
  }
  return { name, shape: [layer.inputs, layer.outputs], arrange: (values) => channelsFirst(values, axes) };
}

function constantsOf(layer: Layer, view: ExportedView): Constant[] {
  return layerVariables(layer).map(({ name, role, shape }) => {
    if (role !== 'weight') return { name, shape, arrange: (values) => [values] };
    return weightConstant(layer as Weighted, layer.kind === 'convolution' || view === 'dense');
  });
}

/** Returns the type and attributes of a layer's node. */
function operation(layer: Layer, view: ExportedView): Pick<Node, 'type' | 'attributes'> {
  switch (layer.kind) {
    case 'convolution': {
      const pad = (layer.kernel - 1) / 2;
      return { type: 'Conv', attributes: { kernel_shape: [layer.kernel, layer.kernel], pads: [pad, pad, pad, pad] } };
    }
    case 'fullyConnected':
      if (view === 'classifier') return { type: 'Gemm' };
      return { type: 'Conv', attributes: { kernel_shape: layer.window } };
    case 'batchNorm':
      return { type: 'BatchNormalization', attributes: BATCH_NORM };
    case 'localResponseNorm':
      return { type: 'LRN', attributes: LRN };
    case 'maxPool':
      return { type: 'MaxPool', attributes: { kernel_shape: [2, 2], strides: [2, 2] } };
    default:
      return { type: 'Relu' };
  }
}

/** Returns the nodes of the preprocessing. Its numbers are constant nodes, since the initialisers are the net's weights. */
function pixelNodes({ weight, bias }: PixelLayer): Node[] {
  const constant = (name: string, values: Float32Array, shape: readonly number[]): Node => ({
    type: 'Constant',
    name,
    inputs: [],
    output: name,
    attributes: { value: { floats: values, shape } },
  });
  const outputs = bias.length;
  return [
    constant(PREPROCESS.weight, weight, [outputs, weight.length / outputs, 1, 1]),
    constant(PREPROCESS.bias, bias, [outputs]),
    {
      type: 'Conv',
      name: PREPROCESS.node,
      inputs: ['images', PREPROCESS.weight, PREPROCESS.bias],
      output: PREPROCESS.node,
      attributes: { kernel_shape: [1, 1] },
    },
  ];
}

/** Returns the graph of a view of a net: input `images`, output `logits`, `scores` (dense view) or `features` (no head). */
export function onnxGraph(options: ResolvedVggOptions, view: ExportedView, pixels?: PixelLayer): Graph {
  const layers = inferenceLayers(options);
  const last = layers.at(-1)!;
  const headless = last.part === 'features';
  const outputName = headless ? 'features' : view === 'dense' ? 'scores' : 'logits';
  const firstConnected = layers.find(({ part }) => part === 'classifier');
  const nodes: Node[] = pixels === undefined ? [] : pixelNodes(pixels);
  let x = pixels === undefined ? 'images' : PREPROCESS.node;
  for (const layer of layers) {
    if (layer === firstConnected && view === 'classifier') {
      nodes.push({ type: 'Flatten', name: 'flatten', inputs: [x], output: 'flatten' });
      x = 'flatten';
    }
    const inputs = [x, ...layerVariables(layer).map(({ name }) => name)];
    const output = layer === last ? outputName : layer.name;
    nodes.push({ ...operation(layer, view), name: layer.name, inputs, output });
    x = output;
  }
  const hasFixedSize = view === 'classifier' && !headless;
  const [height, width, colours] = inputShape(options);
  const sides = hasFixedSize ? [height, width] : ['height', 'width'];
  const channels = layers.flatMap((layer) => ('outputs' in layer ? [layer.outputs] : [])).at(-1)!;
  return {
    nodes,
    constants: layers.flatMap((layer) => constantsOf(layer, view)),
    input: ['batch', colours, ...sides],
    outputName,
    output: ['batch', channels, ...(hasFixedSize ? [] : ['rows', 'columns'])],
  };
}
