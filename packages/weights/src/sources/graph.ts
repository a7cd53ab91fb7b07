/** Graph of a net, for formats whose files hold the computation in addition to the tensors. */

import type { VggOptions } from '@vgg/models';

/** Layout of a tensor in a file. */
export type Layout =
  /** Our layout, perhaps with another shape: HWIO, [in, out], [channels]. */
  | 'same'
  /** Outputs first, and channels before rows and columns: OIHW, [out, in] or [out, channels, rows, columns]. */
  | 'outputsFirst'
  /** [in, out], with the inputs in the order of channels, rows, columns. */
  | 'channelsFirst';

/** Name and layout of a variable in a file. */
export interface Place {
  readonly name: string;
  readonly layout: Layout;
}

/** Layer of a graph. */
export interface GraphLayer {
  /** Kind as in `@vgg/models` (`convolution`, `relu`, ...), or the file's name of an operation that our nets do not have. */
  readonly kind: string;
  /** Places of its variables in the file, by role. */
  readonly places: Readonly<Record<string, Place>>;
}

/** Graph of a file: a chain of layers, without those that change no numbers. */
export interface WeightGraph {
  readonly layers: readonly GraphLayer[];
  /** Side in pixels of the images that the graph takes, or their height and width; undefined if it takes any size. */
  readonly inputSize: VggOptions['inputSize'];
}
