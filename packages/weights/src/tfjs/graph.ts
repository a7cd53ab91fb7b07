/**
 * Layers of a net as a TensorFlow graph in JSON, the `modelTopology` of a TF.js graph model:
 * https://github.com/tensorflow/tfjs/tree/master/tfjs-converter. Convolution, bias and ReLU are one node, as in the output
 * of the converter.
 */
import { inputShape, type Layer, layerVariables, type ResolvedVggOptions } from '@vgg/models';
import { type ExportedView, inferenceLayers } from '../export/net';
import { type PixelLayer, PREPROCESS } from '../export/preprocess';

/** Node of the graph: NodeDef. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr: Readonly<Record<string, unknown>>;
}

/** Shape of a tensor: TensorShapeProto. -1 is any size. */
export interface GraphShape {
  readonly dim: readonly { readonly size: string }[];
}

/** Input or output in a signature: TensorInfo. */
export interface GraphTensor {
  readonly name: string;
  readonly dtype: 'DT_FLOAT';
  readonly tensorShape: GraphShape;
}

/** Constant: a variable by its canonical name, in the shape that the graph needs, or numbers of the graph itself. */
export interface GraphConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly integers?: Int32Array;
  /** Numbers of the graph, kept in float32. */
  readonly floats?: Float32Array;
}

/** Graph of a net. */
export interface TfGraph {
  readonly nodes: readonly GraphNode[];
  /** Constants in the order of their values in the shards. */
  readonly constants: readonly GraphConstant[];
  readonly inputs: Readonly<Record<string, GraphTensor>>;
  readonly outputs: Readonly<Record<string, GraphTensor>>;
}

const FLOAT = { T: { type: 'DT_FLOAT' } };

function text(value: string): { s: string } {
  return { s: btoa(value) };
}

function integers(...values: readonly number[]) {
  return { list: { i: values.map(String) } };
}

function shapeOf(sides: readonly number[]): GraphShape {
  return { dim: sides.map((side) => ({ size: String(side) })) };
}

function constantNode(constant: GraphConstant): GraphNode {
  const { name, shape } = constant;
  const dtype = constant.integers === undefined ? 'DT_FLOAT' : 'DT_INT32';
  return {
    name,
    op: 'Const',
    attr: { dtype: { type: dtype }, value: { tensor: { dtype, tensorShape: shapeOf(shape) } } },
  };
}

const NHWC = { data_format: text('NHWC') };
const WINDOWS = { ...NHWC, strides: integers(1, 1, 1, 1), dilations: integers(1, 1, 1, 1) };
const POOL = { ...NHWC, ksize: integers(1, 2, 2, 1), strides: integers(1, 2, 2, 1), padding: text('VALID') };
/**
 * Local response normalisation with the constants of `@vgg/models`. TensorFlow sums over `depth_radius` channels on either side
 * and does not divide alpha.
 */
const LRN = { depth_radius: { i: '2' }, bias: { f: 2 }, alpha: { f: 1e-4 }, beta: { f: 0.75 } };
const BATCH_NORM = { ...NHWC, U: { type: 'DT_FLOAT' }, epsilon: { f: 1e-5 }, is_training: { b: false } };

/** Returns the attributes of the operations that a fused node applies after its product. */
function fusedOperations(relu: boolean) {
  const operations = ['BiasAdd', ...(relu ? ['Relu'] : [])].map((name) => btoa(name));
  return { fused_ops: { list: { s: operations } }, num_args: { i: '1' }, epsilon: { f: 0 } };
}

function operation(layer: Layer, view: ExportedView, relu: boolean): Pick<GraphNode, 'op' | 'attr'> {
  switch (layer.kind) {
    case 'convolution':
      return { op: '_FusedConv2D', attr: { ...FLOAT, ...WINDOWS, ...fusedOperations(relu), padding: text('SAME') } };
    case 'fullyConnected':
      if (view === 'dense') {
        return { op: '_FusedConv2D', attr: { ...FLOAT, ...WINDOWS, ...fusedOperations(relu), padding: text('VALID') } };
      }
      return {
        op: '_FusedMatMul',
        attr: { ...FLOAT, ...fusedOperations(relu), transpose_a: { b: false }, transpose_b: { b: false } },
      };
    case 'batchNorm':
      return { op: 'FusedBatchNormV3', attr: { ...FLOAT, ...BATCH_NORM } };
    case 'localResponseNorm':
      return { op: 'LRN', attr: { ...FLOAT, ...LRN } };
    case 'maxPool':
      return { op: 'MaxPool', attr: { ...FLOAT, ...POOL } };
    default:
      return { op: 'Relu', attr: FLOAT };
  }
}

/** Returns a variable's shape in the graph: in the dense view a fully-connected layer is a convolution with the same values. */
function constantShape(layer: Layer, shape: readonly number[], view: ExportedView): readonly number[] {
  if (layer.kind !== 'fullyConnected' || view !== 'dense' || shape.length !== 2) return shape;
  const [height, width] = layer.window;
  return [height, width, shape[0]! / (height * width), shape[1]!];
}

/** Returns the numbers of the preprocessing: the weight as [1, 1, inputs, outputs]. */
function pixelConstants({ weight, bias }: PixelLayer): GraphConstant[] {
  const outputs = bias.length;
  const inputs = weight.length / outputs;
  const transposed = Float32Array.from(weight, (_, i) => weight[(i % outputs) * inputs + Math.floor(i / outputs)]!);
  return [
    { name: PREPROCESS.weight, shape: [1, 1, inputs, outputs], floats: transposed },
    { name: PREPROCESS.bias, shape: [outputs], floats: bias },
  ];
}

/** Returns the graph of a view of a net: input `images`, output `logits`, `scores` (dense view) or `features` (no head). */
export function tfGraph(options: ResolvedVggOptions, view: ExportedView, pixels?: PixelLayer): TfGraph {
  const layers = inferenceLayers(options);
  const last = layers.at(-1)!;
  const headless = last.part === 'features';
  const outputName = headless ? 'features' : view === 'dense' ? 'scores' : 'logits';
  const hasAnySize = view === 'dense' || headless;
  const [height, width, colours] = inputShape(options);
  const images = hasAnySize ? [-1, -1, -1, colours] : [-1, height, width, colours];
  const nodes: GraphNode[] = [
    { name: 'images', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: shapeOf(images) } } },
  ];
  const constants: GraphConstant[] = [];
  const own: GraphConstant[] = [];
  const firstConnected = layers.find(({ part }) => part === 'classifier');
  let x = 'images';
  if (pixels !== undefined) {
    const numbers = pixelConstants(pixels);
    for (const number of numbers) own.push(number);
    const attr = { ...FLOAT, ...WINDOWS, ...fusedOperations(false), padding: text('VALID') };
    const input = [x, ...numbers.map(({ name }) => name)];
    for (const number of numbers) nodes.push(constantNode(number));
    nodes.push({ name: PREPROCESS.node, op: '_FusedConv2D', attr, input });
    x = PREPROCESS.node;
  }
  layers.forEach((layer, i) => {
    const isProduct = layer.kind === 'convolution' || layer.kind === 'fullyConnected';
    const before = layers[i - 1];
    // A ReLU after a product is part of the node of the product.
    if (layer.kind === 'relu' && before !== undefined && before.kind !== 'batchNorm') return;
    if (layer.kind === 'fullyConnected' && layer === firstConnected && view === 'classifier') {
      const shape = { name: 'flatten/shape', shape: [2], integers: Int32Array.of(-1, layer.inputs) };
      own.push(shape);
      nodes.push(constantNode(shape), { name: 'flatten', op: 'Reshape', input: [x, shape.name], attr: FLOAT });
      x = 'flatten';
    }
    const variables = layerVariables(layer).map((variable) => ({
      name: variable.name,
      shape: constantShape(layer, variable.shape, view),
    }));
    for (const variable of variables) {
      nodes.push(constantNode(variable));
      constants.push(variable);
    }
    const relu = isProduct && layers[i + 1]?.kind === 'relu';
    const end = relu ? layers[i + 1]! : layer;
    const name = end === last ? outputName : end.name;
    nodes.push({ name, ...operation(layer, view, relu), input: [x, ...variables.map((variable) => variable.name)] });
    x = name;
  });
  const channels = layers.flatMap((layer) => ('outputs' in layer ? [layer.outputs] : [])).at(-1)!;
  const output = hasAnySize ? [-1, -1, -1, channels] : [-1, channels];
  const tensor = (name: string, sides: readonly number[]): GraphTensor => ({
    name: `${name}:0`,
    dtype: 'DT_FLOAT',
    tensorShape: shapeOf(sides),
  });
  return {
    nodes,
    constants: [...constants, ...own],
    inputs: { images: tensor('images', images) },
    outputs: { [outputName]: tensor(outputName, output) },
  };
}
