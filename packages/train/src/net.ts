/** What training needs of a network. Every net of `@vgg/models` fits; so may one's own. */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import type { RandomStream } from '@vgg/core';

export interface ForwardOptions {
  /** Drop units and normalise by the batch's own statistics. */
  training?: boolean;
  /** The random numbers for a layer's dropout; each layer asks for its own stream. */
  dropout?: (layer: string) => RandomStream;
  /** Layers whose outputs are wanted too: asked for when a loss is not finite, to name the layer. */
  taps?: readonly string[];
}

export interface TrainableNet {
  /** Plain JSON, saved with the weights. */
  readonly options: { readonly classes: number };
  /** Every variable by name, in network order, statistics included. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Those that training may change by gradient, in network order. */
  readonly trainable: ReadonlyMap<string, Variable>;
  apply(
    images: Tensor4D,
    options?: ForwardOptions,
  ): {
    /** [n, classes] */
    readonly logits: Tensor2D;
    /** The outputs asked for, where the net can give them. */
    readonly taps?: Readonly<Record<string, Tensor>>;
    /** The batch's statistics under the names of the variables that hold their moving averages; empty without batch norm. */
    readonly batchStatistics: Readonly<Record<string, Tensor1D>>;
  };
  /** Moves the averages towards a step's statistics, once per step. */
  updateStatistics(statistics: Readonly<Record<string, Tensor1D>>): void;
}
