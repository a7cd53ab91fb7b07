/**
 * Table 1 of the paper (section 2.2) as data: each net's convolutions, nested by stage. A number is a 3x3 stride-1
 * convolution (3) or a 1x1 one (1), 'LRN' is local response normalisation. A 2x2 max-pool ends every stage.
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

/** Filters of the convolutions of stages 1 to 5, before the width multiplier. */
export const STAGE_FILTERS = [64, 128, 256, 512, 512] as const;

/**
 * Hidden fully-connected layers of each head, before the width multiplier; `fc8`, the class scores, follows them.
 * `paper` is section 2.1's; `small` suits small inputs, whose last pool leaves few positions to connect; `linear` puts
 * the class scores straight on pool5; `none` leaves out the class scores too: the convolutions alone, for features.
 */
export const HEADS = { paper: { fc6: 4096, fc7: 4096 }, small: { fc6: 512 }, linear: {}, none: {} } as const;

/** The paper's nets. */
export type ConfigurationName = keyof typeof TABLE_1;

/** Which fully-connected layers follow the convolutions. */
export type HeadName = keyof typeof HEADS;

/** The nets of Table 1, left to right. */
export const CONFIGURATION_NAMES = Object.freeze(Object.keys(TABLE_1) as ConfigurationName[]);
