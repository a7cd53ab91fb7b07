/** Naming of the tensors of a graph: the layers show the place of each variable, whatever the names of the tensors. */
import { type Layer, layerVariables } from '@vgg/models';
import type { GraphLayer, Place, WeightGraph } from '../sources/graph';
import { CAFFE } from './caffe';
import { KERAS } from './keras';
import { type Naming, OWN } from './naming';
import { TORCHVISION } from './pytorch';

type Collection = Pick<Naming, 'name' | 'channels' | 'preprocessing'>;

/** Collections whose nets are published or exported with these names of the first weight. */
const COLLECTIONS: readonly (readonly [first: RegExp, collection: Collection])[] = [
  [/^conv1_1\.weight$/, OWN],
  // Caffe2, by the ONNX model zoo.
  [/^conv1_1_w/, CAFFE],
  [/block1_conv1/, KERAS[0]!],
  // `onnx::Conv_` is a weight of PyTorch that has taken up its batch norm.
  [/(^|[./])features\.0\.weight$|^onnx::Conv_\d+$/, TORCHVISION],
  // Gluon, by the ONNX model zoo: the preprocessing of torchvision.
  [/^vgg\d+_conv0_weight$/, { ...TORCHVISION, name: 'gluon' }],
];
const UNKNOWN: Collection = { name: 'onnx', channels: 'RGB' };

/** Layers that compute nothing in a graph for inference. */
const TRAINING: readonly string[] = ['dropout', 'softmax'];

/** Returns true if a layer of a graph computes what a layer of a net does; in the dense view, products are convolutions. */
function isSame({ kind }: GraphLayer, layer: Layer): boolean {
  return kind === layer.kind || (layer.kind === 'fullyConnected' && kind === 'convolution');
}

/** Returns the number of a net's layers before its head that a graph has; the last pool may be left out. */
function countFeatures(graph: WeightGraph, features: readonly Layer[]): number | undefined {
  const differing = features.findIndex((layer, i) => !graph.layers[i] || !isSame(graph.layers[i], layer));
  if (differing === -1) return features.length;
  return differing === features.length - 1 && graph.layers.length === differing ? differing : undefined;
}

/** Returns true if a graph computes a net of these layers, perhaps with another head if the net has none. */
function isNet(graph: WeightGraph, layers: readonly Layer[]): boolean {
  const head = layers.filter(({ part }) => part === 'classifier');
  const count = countFeatures(graph, layers.slice(0, layers.length - head.length));
  if (count === undefined || head.length === 0) return count !== undefined;
  const own = graph.layers.slice(count);
  return head.length === own.length && head.every((layer, i) => isSame(own[i]!, layer));
}

/** Returns the naming of the tensors of a graph. It has only the nets that the graph computes. */
export function graphNaming(graph: WeightGraph): Naming {
  const first = graph.layers.find(({ places }) => places.weight)?.places.weight?.name ?? '';
  const { name, channels, preprocessing } = COLLECTIONS.find(([pattern]) => pattern.test(first))?.[1] ?? UNKNOWN;
  const used = new Set(graph.layers.flatMap(({ places }) => Object.values(places).map((place) => place.name)));
  return {
    name,
    channels,
    preprocessing,
    ignores: (tensor) => !used.has(tensor),
    places(net) {
      const layers = net.filter(({ kind }) => !TRAINING.includes(kind));
      if (!isNet(graph, layers)) return undefined;
      const places = layers.flatMap((layer, i) =>
        layerVariables(layer).map((variable): [string, Place] => [
          variable.name,
          graph.layers[i]!.places[variable.role]!,
        ]),
      );
      return new Map(places);
    },
  };
}

/** Returns the reason for which no net of the paper has the layers of a graph. */
export function graphMisfit(graph: WeightGraph): string {
  const known = 'convolution batchNorm relu localResponseNorm maxPool fullyConnected'.split(' ');
  const strange = graph.layers.findIndex(({ kind }) => !known.includes(kind));
  if (strange === -1) return 'the order of its layers is not that of a VGG';
  const what = `it computes ${graph.layers[strange]!.kind.slice(0, 60)}, which no VGG does`;
  return strange < graph.layers.findIndex(({ places }) => places.weight)
    ? `${what}: export it without its preprocessing`
    : what;
}
