/**
 * The names of layers and taps as types, derived from Table 1: `conv3_2` is the second convolution of stage 3, as in the
 * paper and in Caffe's model files.
 */
import type { ConfigurationName, TABLE_1 } from './table';

/** Counts from one: tuple keys are '0', '1', ... */
type Ordinal = { '0': '1'; '1': '2'; '2': '3'; '3': '4'; '4': '5' };
type Place = keyof Ordinal;

/** '1' | '2' | ... for each convolution of a stage. */
type ConvolutionOf<Stage> = {
  [I in keyof Stage & Place]: Stage[I] extends number ? Ordinal[I] : never;
}[keyof Stage & Place];

type StagesOf<Net> = {
  [S in keyof Net & Place]: `${Ordinal[S]}_${ConvolutionOf<Net[S]>}`;
}[keyof Net & Place];

/** '1_1' | '1_2' | '2_1' ... for each convolution of a net. */
export type ConvolutionIndex<C extends ConfigurationName> = C extends ConfigurationName
  ? StagesOf<(typeof TABLE_1)[C]>
  : never;

/** The layers that hold variables. A net has only some: `bn…` with batch norm, `fc7` with the paper's head. */
export type LayerName<C extends ConfigurationName = ConfigurationName> =
  | `${'conv' | 'bn'}${ConvolutionIndex<C>}`
  | 'fc6'
  | 'fc7'
  | 'fc8';

/**
 * A place of the net whose output can be asked for: a convolution before (`conv3_2`) or after its ReLU (`relu3_2`), batch
 * norm before ReLU (`bn3_2`), a max-pool (`pool3`), A-LRN's normalisation (`norm1`), a fully-connected layer (`fc6`) and
 * its ReLU (`relu6`, before dropout), the class scores (`fc8`) and the posterior (`prob`).
 */
export type TapName<C extends ConfigurationName = ConfigurationName> =
  | LayerName<C>
  | `relu${ConvolutionIndex<C> | '6' | '7'}`
  | `pool${Ordinal[Place]}`
  | (C extends 'A-LRN' ? 'norm1' : never)
  | 'prob';

/** What {@link Vgg.freeze} takes: a layer, a whole stage, all stages (`features`) or all fully-connected layers. */
export type FreezableName<C extends ConfigurationName = ConfigurationName> =
  | LayerName<C>
  | `stage${Ordinal[Place]}`
  | 'features'
  | 'classifier';
