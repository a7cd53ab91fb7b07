/**
 * Names of layers and taps as types, derived from Table 1: `conv3_2` is the second convolution of stage 3, as in the
 * paper and in Caffe's model files.
 */
import type { ConfigurationName, TABLE_1 } from './table';

/** Numbers from one for the tuple keys '0', '1', ... */
type Ordinal = { '0': '1'; '1': '2'; '2': '3'; '3': '4'; '4': '5' };
type Place = keyof Ordinal;

/** Numbers '1' | '2' | ... of the convolutions of a stage. */
type ConvolutionOf<Stage> = {
  [I in keyof Stage & Place]: Stage[I] extends number ? Ordinal[I] : never;
}[keyof Stage & Place];

type StagesOf<Net> = {
  [S in keyof Net & Place]: `${Ordinal[S]}_${ConvolutionOf<Net[S]>}`;
}[keyof Net & Place];

/** Indices '1_1' | '1_2' | '2_1' ... of the convolutions of a net. */
export type ConvolutionIndex<C extends ConfigurationName> = C extends ConfigurationName
  ? StagesOf<(typeof TABLE_1)[C]>
  : never;

/** Layers with variables. `bn…` exist only with batch norm, `fc7` only with head `paper`. */
export type LayerName<C extends ConfigurationName = ConfigurationName> =
  | `${'conv' | 'bn'}${ConvolutionIndex<C>}`
  | 'fc6'
  | 'fc7'
  | 'fc8';

/**
 * Layer whose output can be returned: a convolution before (`conv3_2`) or after its ReLU (`relu3_2`), batch norm before
 * ReLU (`bn3_2`), a max-pool (`pool3`), A-LRN's normalisation (`norm1`), a fully-connected layer (`fc6`) and its ReLU
 * (`relu6`, before dropout), the class scores (`fc8`) and the class probabilities (`prob`).
 */
export type TapName<C extends ConfigurationName = ConfigurationName> =
  | LayerName<C>
  | `relu${ConvolutionIndex<C> | '6' | '7'}`
  | `pool${Ordinal[Place]}`
  | (C extends 'A-LRN' ? 'norm1' : never)
  | 'prob';

/**
 * Name for {@link Vgg.freeze}: a layer, a stage, all stages (`features`) or all fully-connected layers (`classifier`).
 */
export type FreezableName<C extends ConfigurationName = ConfigurationName> =
  | LayerName<C>
  | `stage${Ordinal[Place]}`
  | 'features'
  | 'classifier';
