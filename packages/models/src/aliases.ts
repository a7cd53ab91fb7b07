/**
 * Names of layers in torchvision's and Keras's VGGs, as types and at run time. torchvision numbers its modules
 * (`features.15`), differently with batch norm; Keras has one name for a convolution and its ReLU (`block3_conv3` is
 * relu3_3).
 */
import { didYouMean, VggError } from '@vgg/core';
import type { ConvolutionIndex, TapName } from './names';
import { type ResolvedVggOptions, resolveOptions, type VggOptions } from './options';
import { type Layer, planLayers } from './plan';
import type { Configuration, ConfigurationName, TABLE_1, VggTable } from './table';

/** Columns of Table 1 in torchvision: vgg11, vgg13, vgg16 and vgg19. It builds its nets from tables. */
const TORCHVISION: readonly Configuration[] = ['A', 'B', 'D', 'E'];
type Torchvision = 'A' | 'B' | 'D' | 'E';

/**
 * Tuple with one entry per module of torchvision's `features`: two for a convolution (three with batch norm), one for a
 * pool.
 */
type Modules<Net extends readonly unknown[], PerConvolution extends readonly 0[]> = Net extends readonly [
  infer Stage extends readonly unknown[],
  ...infer Stages extends readonly unknown[],
]
  ? [...Repeated<Stage, PerConvolution>, 0, ...Modules<Stages, PerConvolution>]
  : [];
type Repeated<Stage extends readonly unknown[], Entry extends readonly 0[]> = Stage extends readonly [
  unknown,
  ...infer Rest extends readonly unknown[],
]
  ? [...Entry, ...Repeated<Rest, Entry>]
  : [];

/** Indices '0' | '1' | ... of a tuple. */
type Index<T extends readonly unknown[]> = Exclude<keyof T, keyof (readonly unknown[])> & string;

type FeatureIndex<C extends Torchvision> = Index<Modules<(typeof TABLE_1)[C], [0, 0, 0]>>;

/**
 * Module names of torchvision, with or without batch norm: `features.15`, `classifier.0` (fc6) to `classifier.6` (fc8).
 * Dropout cannot be tapped.
 */
export type TorchvisionTap<C extends Configuration = ConfigurationName> = C extends Torchvision
  ? `features.${FeatureIndex<C>}` | `classifier.${0 | 1 | 3 | 4 | 6}`
  : C extends VggTable
    ? `features.${number}` | `classifier.${number}`
    : never;

type KerasConvolution<Place extends string> = Place extends `${infer Stage}_${infer Number}`
  ? `block${Stage}_conv${Number}`
  : never;

/** Layer names of Keras. They include the activation: `block3_conv3` is relu3_3, `fc1` relu6, `predictions` prob. */
export type KerasTap<C extends Configuration = ConfigurationName> =
  | KerasConvolution<ConvolutionIndex<C>>
  | `block${C extends VggTable ? number : 1 | 2 | 3 | 4 | 5}_pool`
  | 'fc1'
  | 'fc2'
  | 'predictions';

/** Name of a tap: that of the paper and Caffe, of torchvision, or of Keras. */
export type Tap<C extends Configuration = ConfigurationName> = TapName<C> | TorchvisionTap<C> | KerasTap<C>;

const KERAS_HEAD: Readonly<Record<string, string>> = { relu6: 'fc1', relu7: 'fc2', prob: 'predictions' };

function kerasName({ name }: Layer): string | undefined {
  const [, kind, stage, number] = /^(relu|pool)(\d+)(?:_(\d+))?$/.exec(name) ?? [];
  if (kind === 'relu' && number !== undefined) return `block${stage}_conv${number}`;
  return kind === 'pool' ? `block${stage}_pool` : KERAS_HEAD[name];
}

/** Returns the canonical name of a layer by each of its names, for all layers that can be tapped. */
export function tapNames(layers: readonly Layer[], configuration: Configuration): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const place = { features: 0, classifier: 0 };
  const isTorchvision = TORCHVISION.includes(configuration) || typeof configuration !== 'string';
  for (const layer of layers) {
    const { part } = layer;
    const index = place[part]++;
    if (layer.kind === 'dropout') continue;
    names.set(layer.name, layer.name);
    const keras = kerasName(layer);
    if (keras !== undefined) names.set(keras, layer.name);
    if (isTorchvision && layer.kind !== 'softmax') names.set(`${part}.${index}`, layer.name);
  }
  return names;
}

/** Returns the canonical name. Throws VggError `VGG_ARGUMENT` for an unknown name, naming the nearest. */
export function canonicalName(names: ReadonlyMap<string, string>, tap: string): string {
  const name = names.get(tap);
  if (name !== undefined) return name;
  throw new VggError('argument', `this net has no layer "${tap}" to tap${didYouMean(tap, names.keys())}`);
}

/**
 * Returns the canonical name of a layer: `features.15` of D is `relu3_3`, with batch norm `bn3_1`. A canonical name is
 * returned unchanged.
 *
 * @throws VggError `VGG_ARGUMENT` for bad options, or a name that is not a layer of that net.
 */
export function resolveTap<const C extends Configuration>(options: VggOptions<C>, tap: Tap<C>): TapName<C> {
  const resolved: ResolvedVggOptions<C> = resolveOptions(options);
  return canonicalName(tapNames(planLayers(resolved), resolved.configuration), tap) as TapName<C>;
}
