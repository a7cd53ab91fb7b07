/**
 * Table 1 of the paper (section 2.2) as data: the convolutions of each net by stage. 3 is a 3x3 convolution with stride
 * 1, 1 is a 1x1 convolution, 'LRN' is local response normalisation. A 2x2 max-pool ends every stage.
 */

// biome-ignore format: laid out as the paper's table
export const TABLE_1 = {
  //         stage 1     stage 2  stage 3        stage 4        stage 5
  'A':     [[3],        [3],     [3, 3],       [3, 3],       [3, 3]],
  'A-LRN': [[3, 'LRN'], [3],     [3, 3],       [3, 3],       [3, 3]],
  'B':     [[3, 3],     [3, 3],  [3, 3],       [3, 3],       [3, 3]],
  'C':     [[3, 3],     [3, 3],  [3, 3, 1],    [3, 3, 1],    [3, 3, 1]],
  'D':     [[3, 3],     [3, 3],  [3, 3, 3],    [3, 3, 3],    [3, 3, 3]],
  'E':     [[3, 3],     [3, 3],  [3, 3, 3, 3], [3, 3, 3, 3], [3, 3, 3, 3]],
} as const satisfies Record<string, readonly (readonly (1 | 3 | 'LRN')[])[]>;

/** Number of filters of the convolutions of stages 1 to 5, before the width multiplier. */
export const STAGE_FILTERS = [64, 128, 256, 512, 512] as const;

/**
 * Units of the hidden fully-connected layers of each head, before the width multiplier. `fc8`, the class scores,
 * follows them. `paper` is that of section 2.1; `small` suits small inputs, whose pool5 has few positions; `linear` has
 * no hidden layer, so fc8 follows pool5; `none` has no fc8 either: only the convolutions, for features.
 */
export const HEADS = { paper: { fc6: 4096, fc7: 4096 }, small: { fc6: 512 }, linear: {}, none: {} } as const;

/** Nets of the paper. */
export type ConfigurationName = keyof typeof TABLE_1;

/**
 * Entry of a table: the number of filters of a 3x3 convolution, a convolution with its kernel, local response
 * normalisation, or a 2x2 max-pool, which torchvision's tables call `M`.
 */
export type TableEntry = number | { readonly filters: number; readonly kernel: 1 | 3 } | 'LRN' | 'pool' | 'M';

/** Convolutions and poolings of a net in order, as in torchvision: `[64, 'M', 128, 'M']`. It starts with a convolution. */
export type VggTable = readonly TableEntry[];

/** Net of the paper, or a table. */
export type Configuration = ConfigurationName | VggTable;

/** Name of the fully-connected layers after the convolutions. */
export type HeadName = keyof typeof HEADS;

/** Nets of Table 1, from left to right. */
export const CONFIGURATION_NAMES = Object.freeze(Object.keys(TABLE_1) as ConfigurationName[]);
