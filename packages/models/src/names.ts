/**
 * Names of layers and taps as types, derived from Table 1 and from literal tables: `conv3_2` is the second convolution of
 * stage 3, as in the paper and in Caffe's model files.
 */
import type { Configuration, ConfigurationName, TABLE_1, VggTable } from './table';

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

/** Places in a table as text: `1_1` for a convolution, `1` for a pool, `norm1`. The counters are lengths of tuples. */
type PlacesOf<
  Table extends readonly unknown[],
  Stage extends readonly 0[] = [0],
  Convolution extends readonly 0[] = [0],
  Found extends string = never,
> = Table extends readonly [infer Entry, ...infer Rest]
  ? Entry extends 'pool' | 'M'
    ? PlacesOf<Rest, [...Stage, 0], [0], Found | `${Stage['length']}`>
    : Entry extends 'LRN'
      ? PlacesOf<Rest, Stage, Convolution, Found | `norm${Stage['length']}`>
      : PlacesOf<Rest, Stage, [...Convolution, 0], Found | `${Stage['length']}_${Convolution['length']}`>
  : Found;

/** Places of a table; those of a table that is not literal are any numbers. */
type TablePlace<T extends VggTable> = number extends T['length']
  ? `${number}_${number}` | `${number}` | `norm${number}`
  : PlacesOf<T>;

/** Indices '1_1' | '1_2' | '2_1' ... of the convolutions of a net. */
export type ConvolutionIndex<C extends Configuration> = C extends ConfigurationName
  ? StagesOf<(typeof TABLE_1)[C]>
  : C extends VggTable
    ? Extract<TablePlace<C>, `${number}_${number}`>
    : never;

/** Numbers '1' | '2' | ... of the max-pools of a net. */
type PoolIndex<C extends Configuration> = C extends VggTable
  ? Exclude<TablePlace<C>, `${string}_${string}` | `norm${string}`>
  : Ordinal[Place];

type NormName<C extends Configuration> = C extends 'A-LRN'
  ? 'norm1'
  : C extends VggTable
    ? Extract<TablePlace<C>, `norm${string}`>
    : never;

type StageIndex<C extends Configuration> =
  | PoolIndex<C>
  | (ConvolutionIndex<C> extends infer Place ? (Place extends `${infer Stage}_${string}` ? Stage : never) : never);

/** Layers with variables. `bn…` exist only with batch norm, `fc7` only with head `paper`. */
export type LayerName<C extends Configuration = ConfigurationName> =
  | `${'conv' | 'bn'}${ConvolutionIndex<C>}`
  | 'fc6'
  | 'fc7'
  | 'fc8';

/**
 * Layer whose output can be returned: a convolution before (`conv3_2`) or after its ReLU (`relu3_2`), batch norm before
 * ReLU (`bn3_2`), a max-pool (`pool3`), A-LRN's normalisation (`norm1`), a fully-connected layer (`fc6`) and its ReLU
 * (`relu6`, before dropout), the class scores (`fc8`) and the class probabilities (`prob`).
 */
export type TapName<C extends Configuration = ConfigurationName> =
  | LayerName<C>
  | `relu${ConvolutionIndex<C> | '6' | '7'}`
  | `pool${PoolIndex<C>}`
  | NormName<C>
  | 'prob';

/**
 * Name for {@link Vgg.freeze}: a layer, a stage, all stages (`features`) or all fully-connected layers (`classifier`).
 */
export type FreezableName<C extends Configuration = ConfigurationName> =
  | LayerName<C>
  | `stage${StageIndex<C>}`
  | 'features'
  | 'classifier';
